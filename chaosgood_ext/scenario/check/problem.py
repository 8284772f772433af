"""A problem: one thing that is wrong with an experiment, and exactly where."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from itertools import islice

Path = tuple[str | int, ...]
"""A place in an experiment: keys and indexes from the top."""


class Severity(StrEnum):
    """How bad a problem is."""

    ERROR = "error"
    """Chaos Toolkit refuses the experiment, crashes on it, or does something else than what it says."""

    WARNING = "warning"
    """The experiment plays, but part of it has no effect, or depends on the machine."""


@dataclass(frozen=True)
class Finding:
    """What one check found: at `path` (at its key when `at_key`), and what was `meant`, where that can be guessed."""

    path: Path
    what: str
    meant: str = ""
    at_key: bool = False


@dataclass(frozen=True)
class Problem:
    """A finding of the check `id` in `file`; `line` and `column` count from 1."""

    id: str
    severity: Severity
    file: str
    path: str
    line: int
    column: int
    what: str
    meant: str = ""

    @property
    def sentence(self) -> str:
        """What is wrong, and what was meant."""
        return f"{self.what}. Did you mean {self.meant}?" if self.meant else f"{self.what}."


def dotted(path: Path) -> str:
    """`path` as a person writes it: `method[0].provider.arguments`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def closest(word: object, known: Iterable[str]) -> str:
    """The one of `known` that was probably meant by `word`, or an empty string."""
    return next(iter(similar(word, known)), "")


def similar(word: object, known: Iterable[str]) -> list[str]:
    """Those of `known` that may have been meant by `word`, the most similar first."""
    if not isinstance(word, str):
        return []
    # Comparing is slow: a hostile file must not keep us busy.
    folded = {name[:100].lower().replace("_", "-"): name for name in islice(sorted(known), 200)}
    return [folded[match] for match in get_close_matches(word[:100].lower().replace("_", "-"), folded, cutoff=0.7)]


def shown(value: object, limit: int = 60) -> str:
    """`value` as it is shown in a sentence: JSON, on one line, cut at `limit` characters."""
    if isinstance(value, dict | list) and len(value) > limit:
        return "a mapping" if isinstance(value, dict) else "a list"
    text = json.dumps(value if not isinstance(value, str) else value[: limit + 1], default=str, ensure_ascii=True)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
