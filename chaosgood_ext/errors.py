"""The one error tree: everything that Chaotic Good raises on purpose.

::

    ChaosGoodError               says what happened, where, and what to do next
    ├── BadInput                 the user's input is at fault (exit status 2)
    │   └── ScenarioError        a scenario file that cannot be played, with its path inside the file
    ├── EnvironmentUnavailable   no environment, a half-built one, or one that went away (exit status 1)
    │   ├── MachineError         this machine lacks something that the twin needs
    │   └── TwinError            the twin could not be started, or stopped working
    ├── GameError                a game that cannot start or go on
    └── CommandError             a program that the twin runs failed; carries command, status and output

Commands turn a :class:`ChaosGoodError` into one line on stderr and its :attr:`~ChaosGoodError.exit_status`;
anything else is a defect of ours (exit status 3).
"""

from __future__ import annotations

from collections.abc import Sequence


class ChaosGoodError(Exception):
    """An expected failure: `what` happened, and what to do next in `remedy` (empty when nothing helps)."""

    exit_status = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class BadInput(ChaosGoodError):
    """What the user typed or wrote cannot be used."""

    exit_status = 2


class ScenarioError(BadInput):
    """A scenario file cannot be played; `path` names the file, and `where` the place inside it."""

    def __init__(self, what: str, remedy: str = "", *, path: str = "", where: str = "") -> None:
        self.path = path
        self.where = where
        place = " at ".join(part for part in (path, where) if part)
        super().__init__(f"{place}: {what}" if place else what, remedy)


class EnvironmentUnavailable(ChaosGoodError):
    """No environment to play in, or one that is down or half up."""


class MachineError(EnvironmentUnavailable):
    """This machine lacks something that the twin needs; `chaos doctor` names the command that mends it."""


class TwinError(EnvironmentUnavailable):
    """The twin could not be started or stopped, or it went away."""


class GameError(ChaosGoodError):
    """A game cannot start or go on."""


class CommandError(ChaosGoodError):
    """A program failed; carries `argv`, `status` (negative: the signal that ended it) and its `output`."""

    def __init__(self, argv: Sequence[str], status: int, output: str) -> None:
        self.argv = list(argv)
        self.status = status
        self.output = output
        tail = " | ".join(output.strip().splitlines()[-3:])
        super().__init__(f"{' '.join(self.argv[:6])} ended with status {status}: {tail or 'no output'}")
