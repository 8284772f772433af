"""Rules that an environment should keep, as a run asked for them: one ruling a rule, and the table of all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import BadInput
from chaosgood_ext.record.folder import games_folder

_REPORT = "compliance.md"


class State(StrEnum):
    """What became of a rule."""

    HOLDS = "holds"
    FAILS = "fails"
    UNASKABLE = "cannot be asked here"
    UNKNOWN = "could not be asked"
    """Asking failed: no permission, no answer."""


@dataclass(frozen=True)
class Failure:
    """A resource that breaks a rule: what is wrong with it, and what mends it."""

    resource: str
    fault: str
    remedy: str


@dataclass(frozen=True)
class Ruling:
    """What a probe found: the rule, what it demands, how many resources were looked at, and those that fail."""

    rule: str
    demands: str
    state: State
    checked: int = 0
    failures: Sequence[Failure] = ()
    note: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing speaks against it: it holds, or nobody can ask for it here, which the note explains."""
        return self.state in (State.HOLDS, State.UNASKABLE)

    def to_json(self) -> dict[str, Any]:
        """As a probe returns it."""
        return asdict(self) | {"state": str(self.state), "failures": [asdict(one) for one in self.failures]}

    @classmethod
    def from_json(cls, document: object) -> Ruling | None:
        """Read it back; None where it is no ruling."""
        if not isinstance(document, Mapping) or "rule" not in document or "demands" not in document:
            return None
        try:
            failures = tuple(Failure(**one) for one in document["failures"])
            return cls(**{**document, "state": State(document["state"]), "failures": failures})
        except (TypeError, ValueError, KeyError):
            return None


def read(path: Path) -> list[Ruling]:
    """The rulings in Chaos Toolkit's journal at `path`; raises :class:`BadInput` where that is none."""
    try:
        journal = json.loads(path.read_text())
        return of(journal)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise BadInput(f"{path} is no journal of Chaos Toolkit: {cause}.", "Name a game, or a journal.") from cause


def of(journal: Mapping[str, Any]) -> list[Ruling]:
    """The rulings of a run, in their order; of a rule that was asked for twice, the last."""
    rulings: dict[str, Ruling] = {}
    for run in _runs(journal):
        if ruling := _ruling(run):
            rulings[ruling.rule] = ruling
    return list(rulings.values())


def _runs(journal: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    steady = journal.get("steady_states") or {}
    yield from (steady.get("before") or {}).get("probes") or ()
    yield from journal.get("run") or ()
    yield from (steady.get("after") or {}).get("probes") or ()


def _ruling(run: Mapping[str, Any]) -> Ruling | None:
    if ruling := Ruling.from_json(run.get("output")):
        return ruling
    provider = run.get("activity", {}).get("provider", {})
    if run.get("status") != "failed" or not str(provider.get("module", "")).startswith("chaosgood_ext.governance."):
        return None
    why = str((run.get("exception") or ["no reason given"])[-1]).strip().rpartition("EnvironmentUnavailable: ")[2]
    return Ruling(provider["func"].replace("_", "-"), run["activity"]["name"], State.UNKNOWN, note=why)


def headline(rulings: Sequence[Ruling]) -> str:
    """All in one sentence."""
    counts = [(state, sum(one.state is state for one in rulings)) for state in State]
    told = {State.HOLDS: "hold", State.FAILS: "fail"}
    parts = [f"{number} {told.get(state, str(state))}" for state, number in counts if number]
    return f"{len(rulings)} rules: {', '.join(parts) or 'none was asked for'}."


def rows(rulings: Iterable[Ruling]) -> list[tuple[str, str, str, str]]:
    """The table: rule, state, resources looked at, what it demands."""
    return [(one.rule, str(one.state), str(one.checked or "-"), one.demands) for one in rulings]


HEADERS = ("rule", "state", "checked", "demands")


def details(rulings: Iterable[Ruling]) -> Iterator[str]:
    """A line for each failure, and for each rule that could not be asked for."""
    for ruling in rulings:
        for one in ruling.failures:
            yield f"{ruling.rule}: {one.resource} {one.fault}. To mend it: {one.remedy}"
        if ruling.note:
            yield f"{ruling.rule} {ruling.state}: {ruling.note}"


def markdown(title: str, about: Mapping[str, str], rulings: Sequence[Ruling]) -> str:
    """The report: what was asked where, the table, and what to mend."""
    lines = [f"# {title}", "", headline(rulings), ""]
    lines += [f"- {name}: {value}" for name, value in about.items()]
    lines += ["", f"| {' | '.join(HEADERS)} |", "|---|---|---:|---|"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows(rulings)]
    failing = [one for one in rulings if one.failures]
    if failing:
        lines += ["", "## To mend", "", "| rule | resource | what is wrong | what mends it |", "|---|---|---|---|"]
        for ruling in failing:
            for one in ruling.failures:
                cells = (ruling.rule, one.resource, one.fault, one.remedy)
                lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    noted = [one for one in rulings if one.note]
    if noted:
        lines += ["", "## Not asked", "", *(f"- {one.rule} {one.state}: {_cell(one.note)}" for one in noted)]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def write(folder: Path, title: str, about: Mapping[str, str]) -> Path:
    """Write the report of the run whose journal is in `folder` beside it; raises :class:`BadInput` without one."""
    path = folder / _REPORT
    path.write_text(markdown(title, about, read(folder / "journal.json")))
    return path


def find(name: str | None) -> Path | None:
    """The journal of the run that `name` means: a journal, or a folder of such a run (default: the newest of all).

    None where it is no run that asked for rules, but a game, or nothing.
    """
    if name is None:
        found = [path.parent for path in games_folder().glob("*/*") if path.name in ("game.json", _REPORT)]
        folders = [max(found)] if found else []
    else:
        if Path(name).is_file():
            return Path(name)
        folders = [Path(name), games_folder() / name]
    return next((folder / "journal.json" for folder in folders if (folder / _REPORT).is_file()), None)
