"""A look at an account that nobody governs: every rule is asked for, and the run says what fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "governance.yaml"


@pytest.fixture
def ended(play: Callable[..., Any]) -> Any:
    played = play("true", EXPERIMENT, CHAOSGOOD_ENVIRONMENT="aws")
    assert played.wait() == 1, played.text()
    return played


def chaos(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "chaostoolkit", "--no-version-check", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_rule_that_fails_fails_the_run_and_all_the_others_are_asked_for(ended: Any) -> None:
    said = ended.text()
    assert "trail-logs                     fails" in said
    assert "trail-logs: the environment has nothing to look at. To mend it: aws cloudtrail create-trail" in said
    assert "20 rules: " in said
    assert "Traceback" not in said


def test_the_report_shows_it_as_a_table_and_as_json(ended: Any) -> None:
    shown = chaos(ended.folder, "report")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[0].split() == ["rule", "state", "checked", "demands"]
    assert "roles-have-boundaries" in shown.stdout
    rulings = json.loads(chaos(ended.folder, "report", "--json").stdout)
    assert len(rulings) == 20
    assert {one["state"] for one in rulings} >= {"holds", "fails"}
    (markdown,) = (ended.folder / "games").glob("*-governance/compliance.md")
    assert "| trail-logs | fails |" in markdown.read_text()
    assert "## To mend" in markdown.read_text()
    assert chaos(ended.folder, "report", str(markdown.parent)).stdout == shown.stdout


def test_without_an_environment_nothing_is_asked(play: Callable[..., Any], tmp_path: Path) -> None:
    played = play("true", EXPERIMENT, CHAOSGOOD_ENVIRONMENT="aws", CHAOSGOOD_OUTPUTS=str(tmp_path / "missing.json"))
    assert played.wait() == 1
    assert "The environment aws has not been built" in played.text()
    assert "Traceback" not in played.text()


def test_a_journal_that_asked_for_no_rule_has_no_table(tmp_path: Path) -> None:
    (tmp_path / "journal.json").write_text('{"run": []}')
    shown = chaos(tmp_path, "report", "journal.json")
    assert (shown.returncode, shown.stdout) == (2, "")
    assert "asked for no rule" in shown.stderr
    (tmp_path / "journal.json").write_text("[")
    assert "is no journal of Chaos Toolkit" in chaos(tmp_path, "report", "journal.json").stderr
