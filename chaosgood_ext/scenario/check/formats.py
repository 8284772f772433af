"""Problems as people and machines read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from chaosgood_ext.scenario.check.problem import Problem, Severity
from chaosgood_ext.scenario.check.rules import CHECKS, READING


def as_text(problems: Sequence[Problem]) -> str:
    """One line a problem, `file:line:column` first, as editors and terminals link it."""
    return "\n".join(
        f"{_printable(each.file)}:{each.line}:{each.column}: {each.severity}: {each.sentence} "
        f"[{each.id}{f' at {_printable(each.path)}' if each.path else ''}]"
        for each in problems
    )


def as_json(problems: Sequence[Problem], checked: int) -> str:
    """A JSON object with the number of files and all problems."""
    counts = {str(severity): sum(each.severity is severity for each in problems) for severity in Severity}
    found = [asdict(each) for each in problems]
    return json.dumps(
        {"files": checked, **{f"{key}s": count for key, count in counts.items()}, "problems": found}, indent=2
    )


def as_github(problems: Iterable[Problem]) -> str:
    """Workflow commands by which GitHub Actions annotates the lines.

    Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
    """
    return "\n".join(
        f"::{each.severity} file={_property(each.file)},line={each.line},col={each.column},"
        f"title={_property(each.id)}::{_data(each.sentence)}"
        for each in problems
    )


def as_sarif(problems: Sequence[Problem], version: str) -> str:
    """A log in SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanning takes it."""
    texts = {**READING, **{name: check.text for name, check in CHECKS.items()}}
    used = sorted({each.id for each in problems})
    driver = {
        "name": "chaos check",
        "version": version,
        "rules": [{"id": name, "shortDescription": {"text": texts[name]}} for name in used],
    }
    results = [_result(each, used.index(each.id)) for each in problems]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }
    return json.dumps(log, indent=2)


def _result(problem: Problem, index: int) -> dict[str, Any]:
    from pathlib import PurePath
    from urllib.parse import quote

    return {
        "ruleId": problem.id,
        "ruleIndex": index,
        "level": str(problem.severity),
        "message": {"text": problem.sentence},
        "locations": [{
            "physicalLocation": {
                "artifactLocation": {"uri": quote(PurePath(problem.file).as_posix(), errors="replace")},
                "region": {"startLine": problem.line, "startColumn": problem.column},
            },
            "logicalLocations": [{"fullyQualifiedName": problem.path}],
        }],
    }  # fmt: skip


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode()
                   for each in text)  # fmt: skip


def _data(text: str) -> str:
    return _printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
