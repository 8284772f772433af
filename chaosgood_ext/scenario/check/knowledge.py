"""What the checks know besides the file: what is installed, what can be undone, what an environment gives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chaosgood_ext.scenario.check.modules import Modules


def _is_program(path: str) -> bool:
    return shutil.which(path) is not None


@dataclass(frozen=True)
class Knowledge:
    """What one run of checks takes for granted; the defaults know of this machine and of no game.

    `inverses` are the actions (module and function) that the game can undo or need not, `switches` the environment
    variable of each of a game's switches, `placeholders` the configuration that every environment fills in where its
    value is `placeholder`, and `control` is the module of the game's control.
    """

    modules: Modules = field(default_factory=Modules)
    is_program: Callable[[str], bool] = _is_program
    inverses: Callable[[], frozenset[tuple[str, str]]] = frozenset
    switches: Mapping[str, str] = field(default_factory=dict)
    placeholder: str = ""
    placeholders: frozenset[str] = frozenset()
    control: str = ""
