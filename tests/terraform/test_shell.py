"""What shellcheck says of every shell script: those that are committed, first boots, and what scenarios run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT, State
from .test_configuration import user_data

SHELLCHECK = ROOT / ".venv/audit/bin/shellcheck"
ELSEWHERE = "SC1091"
"""A file that is sourced is on a host, not here."""
ONCE = "SC2043"
"""Some hosts have a loop's only unit, where others have several."""
HOSTS = ROOT / "chaosgood_ext/stack/common/etc/chaosgood"
SHEBANG = re.compile(r"^#!.*\b(ba)?sh\b")


def committed() -> list[Path]:
    """Files that say in their first line that a shell runs them, and those that shells on hosts read."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.splitlines() if not name.endswith(".tftpl")]
    scripts = [path for path in paths if path.is_file() and SHEBANG.match(_first_line(path))]
    return sorted([*scripts, *HOSTS.iterdir()])


def _first_line(path: Path) -> str:
    with path.open(errors="replace") as file:
        return file.readline()


def complaints(script: str, *passed: str) -> str:
    """What shellcheck has to say of a script of bash, line by line."""
    assert SHELLCHECK.exists(), "shellcheck is missing: run `make test`, which sets it up."
    done = subprocess.run(
        [SHELLCHECK, "--shell=bash", "--format=gcc", f"--exclude={','.join([ELSEWHERE, *passed])}", "-"],
        input=script, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_scripts_are_found() -> None:
    names = {str(path.relative_to(ROOT)) for path in committed()}
    assert {"scripts/set-up", ".ci/run", "chaosgood_ext/stack/common/etc/chaosgood/session.sh"} <= names


def test_a_mistake_is_found() -> None:
    assert "SC2086" in complaints("#!/bin/bash\nrm -rf $1/x\n")


@pytest.mark.parametrize("path", committed(), ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts(path: Path) -> None:
    assert complaints(path.read_text()) == ""


def test_first_boots(state: State) -> None:
    assert {tier: complaints(script, ONCE) for tier, script in user_data(state).items()} == dict.fromkeys(
        ("web", "app", "monitoring", "workstation"), ""
    )


SCENARIOS = sorted({*(ROOT / "experiments").glob("*.yaml"), ROOT / "chaosgood_ext/scenario/template.yaml"})


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: str(path.stem))
def test_fixes_and_cheats(path: Path) -> None:
    said = {}
    for extension in yaml.safe_load(path.read_text()).get("extensions", []):
        for play in [*extension.get("fixes", []), *extension.get("cheats", [])]:
            if found := complaints(play["run"]):
                said[play["name"]] = found
    assert said == {}
