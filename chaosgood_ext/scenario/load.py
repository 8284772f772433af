"""Reads scenario files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import ScenarioError
from chaosgood_ext.scenario.model import Scenario, parse


def load(path: Path) -> tuple[dict[str, Any], Scenario]:
    """The experiment in the file at `path`, and the scenario that its extension makes it.

    Raises :class:`ScenarioError` for a missing or unreadable file, for YAML or JSON that does not parse (with
    line and column), and for an experiment that is not a scenario.
    """
    experiment = read(path)
    scenario = parse(experiment, str(path))
    assert isinstance(experiment, dict)
    return experiment, scenario


def read(path: Path) -> object:
    """What the YAML or JSON in the file at `path` says; raises :class:`ScenarioError` as :func:`load` does."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as cause:
        raise ScenarioError("there is no such file.", _neighbours(path), path=str(path)) from cause
    except UnicodeDecodeError as cause:
        raise ScenarioError("this is not text in UTF-8.", path=str(path)) from cause
    except OSError as cause:
        raise ScenarioError(f"it cannot be read: {cause.strerror}.", path=str(path)) from cause
    return _json(text, path) if path.suffix == ".json" else _yaml(text, path)


def _neighbours(path: Path) -> str:
    folder = path.parent if path.parent.is_dir() else Path("experiments")
    names = sorted(found.name for found in folder.glob("*.yaml"))[:8] if folder.is_dir() else []
    return f"In {folder} there are: {', '.join(names)}." if names else "Scenarios are kept in experiments/."


def _json(text: str, path: Path) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as cause:
        where = f"line {cause.lineno}, column {cause.colno}"
        raise ScenarioError(f"this is not JSON: {cause.msg}.", path=str(path), where=where) from cause


def _yaml(text: str, path: Path) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as cause:
        mark = cause.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ScenarioError(f"this is not YAML: {cause.problem}.", path=str(path), where=where) from cause
    except yaml.YAMLError as cause:
        raise ScenarioError(f"this is not YAML: {cause}.", path=str(path)) from cause
