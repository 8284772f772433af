"""Checks files: everything that is wrong with each of them, at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from chaosgood_ext.errors import BadInput
from chaosgood_ext.scenario.check.document import Document, Refused
from chaosgood_ext.scenario.check.knowledge import Knowledge
from chaosgood_ext.scenario.check.problem import Problem, Severity, dotted, shown
from chaosgood_ext.scenario.check.reading import SUFFIXES, read
from chaosgood_ext.scenario.check.rules import CHECKS
from chaosgood_ext.scenario.check.subject import Subject

MOST_FINDINGS = 200
"""So many problems one check tells about one file."""

_SIGNS = {"method", "steady-state-hypothesis", "rollbacks"}
_SKIPPED_FOLDERS = {"node_modules", "__pycache__"}


def files_in(places: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """The files to check at `places`, and whether each was named itself: in folders, all YAML and JSON files.

    Folders whose names start with a dot are passed over. Raises :class:`BadInput` for a place that is not there.
    """
    for place in places:
        if not place.is_dir():
            yield place, True
            continue
        for folder, folders, names in os.walk(place):
            folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _SKIPPED_FOLDERS)
            yield from ((Path(folder, name), False) for name in sorted(names) if Path(name).suffix in SUFFIXES)


def check_file(path: Path, knowledge: Knowledge, *, named: bool = True) -> list[Problem] | None:
    """Every problem of the experiment in the file at `path`, in the order of its lines.

    A file that was not `named` but found in a folder is passed over (None) when it is no experiment by its looks.
    Raises :class:`BadInput` for a file that cannot be opened or whose name says that it is neither YAML nor JSON.
    """
    if path.suffix not in SUFFIXES and path.exists():
        raise BadInput(f"{path} is no experiment by its name.", f"Chaos Toolkit reads {', '.join(SUFFIXES)} only.")
    try:
        document = read(path)
    except Refused as refused:
        return [Problem(refused.id, Severity.ERROR, str(path), "", refused.line, refused.column, refused.what)]
    if not named and not (isinstance(document.value, dict) and _SIGNS & document.value.keys()):
        return None
    return sorted(_problems(document, str(path), knowledge), key=lambda each: (each.line, each.column, each.id))


def _problems(document: Document, file: str, knowledge: Knowledge) -> Iterator[Problem]:
    for path, again, first in islice(document.repeated_keys(), MOST_FINDINGS):
        what = f"the key {shown(again.value)} was already written at line {first.line}, and only this one counts"
        yield Problem("duplicate-key", Severity.ERROR, file, dotted(path), again.line, again.column, what)
    if not isinstance(document.value, dict):
        what = "the file is empty" if document.value is None else "the top level is not a mapping"
        place = document.root.line, document.root.column
        yield Problem("not-an-experiment", Severity.ERROR, file, "", *place, f"{what}, so this is no experiment")
        return
    subject = Subject(document.value, knowledge)
    for check in CHECKS.values():
        severity = check.severity(subject)
        for finding in islice(check.run(subject), MOST_FINDINGS):
            line, column = document.position(finding.path, at_key=finding.at_key)
            where = dotted(finding.path)
            yield Problem(check.id, severity, file, where, line, column, finding.what, finding.meant)
