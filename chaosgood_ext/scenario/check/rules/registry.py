"""Keeps the checks by their ids."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from chaosgood_ext.scenario.check.problem import Finding, Severity
from chaosgood_ext.scenario.check.subject import Subject

Function = Callable[[Subject], Iterable[Finding]]


class Strictness(Enum):
    """What a check makes of what it finds."""

    ERROR = "error"
    WARNING = "warning"
    IN_SCENARIOS = "error in a scenario, warning in any other experiment"
    ONLY_SCENARIOS = "error, looked for in scenarios only"


@dataclass(frozen=True)
class Check:
    """One check; the first paragraph of its function's docstring says what it finds."""

    id: str
    strictness: Strictness
    function: Function

    @property
    def text(self) -> str:
        """What the check finds, and why that is bad."""
        return " ".join(inspect.getdoc(self.function).split()) if self.function.__doc__ else ""  # type: ignore[union-attr]

    def severity(self, subject: Subject) -> Severity:
        """How bad its findings are in `subject`."""
        lenient = self.strictness is Strictness.IN_SCENARIOS and subject.extension is None
        return Severity.WARNING if lenient or self.strictness is Strictness.WARNING else Severity.ERROR

    def run(self, subject: Subject) -> Iterable[Finding]:
        """What it finds in `subject`."""
        if self.strictness is Strictness.ONLY_SCENARIOS and subject.extension is None:
            return ()
        return self.function(subject)


CHECKS: dict[str, Check] = {}

READING = {
    "too-large": "The file is larger than 1 MiB or holds more than 50,000 values, so it is not read.",
    "not-text": "The file is not text in UTF-8, or holds characters that cannot be in a text.",
    "syntax": "The file is not YAML or JSON.",
    "too-deep": "The file is nested more than 100 levels deep, so it is not read.",
    "alias-bomb": "The aliases of a YAML file multiply beyond 50,000 values, or an alias contains itself.",
    "unknown-tag": "A YAML tag, such as !!python/object, that Chaos Toolkit's loader refuses.",
    "duplicate-key": "A key is written twice in one mapping; Chaos Toolkit takes the last one in silence.",
    "not-an-experiment": "The file is empty, or its top level is not a mapping.",
}
"""What is found while a file is read, by id; always an error."""


def check(id: str, strictness: Strictness = Strictness.ERROR) -> Callable[[Function], Function]:  # noqa: A002
    """Register a function as the check `id`."""

    def register(function: Function) -> Function:
        assert id not in CHECKS, id
        CHECKS[id] = Check(id, strictness, function)
        return function

    return register
