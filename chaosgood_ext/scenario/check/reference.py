"""The page of the documentation that lists the checks: `python -m chaosgood_ext.scenario.check.reference`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chaosgood_ext.scenario.check.rules import CHECKS, READING, Strictness

_HEAD = """\
# What `chaos check` finds

Each problem has one of these ids, which `chaos check --ignore ID` leaves out. An *error* is something that Chaos
Toolkit refuses, crashes on, or does otherwise than the file says; a *warning* is something that plays, but has no
effect in part, or depends on the machine. Errors end `chaos check` with status 1, and warnings only with `--strict`.
In *scenarios*, the experiments that have the extension `chaosgood`, more counts as an error.

A check tells of at most 200 problems in one file.
"""
_WORDS = {
    Strictness.ERROR: "error",
    Strictness.WARNING: "warning",
    Strictness.IN_SCENARIOS: "error in scenarios, else warning",
    Strictness.ONLY_SCENARIOS: "error, in scenarios only",
}


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_HEAD, *_table("While the file is read", READING.items()), *_sections()])


def _sections() -> Iterator[str]:
    for strictness, word in _WORDS.items():
        found = sorted((check.id, check.text) for check in CHECKS.values() if check.strictness is strictness)
        yield from _table(word[0].upper() + word[1:], found)


def _table(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"## {title}", "", "| id | finds |", "|---|---|")
    yield from (f"| `{name}` | {text} |" for name, text in rows)
    yield ""


if __name__ == "__main__":
    print(page(), end="")
