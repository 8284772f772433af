"""What is offered to pre-commit and to GitHub Actions calls what there is."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
(HOOK,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_hook_accepts_every_scenario_that_is_shipped():
    names = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("experiments/*.*"))]
    chosen = [name for name in names if re.search(HOOK["files"], name)]
    assert chosen == names
    program, *arguments = shlex.split(HOOK["entry"])
    done = subprocess.run([BIN / program, *arguments, *chosen], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_hook_refuses_a_wrong_one(tmp_path):
    (tmp_path / "wrong.yaml").write_text("title: t\nrollback: []\n")
    program, *arguments = shlex.split(HOOK["entry"])
    done = subprocess.run([BIN / program, *arguments, "wrong.yaml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "wrong.yaml:2:1: error" in done.stdout


def test_the_local_hook_of_the_documentation_is_the_one_that_is_offered():
    page = (ROOT / "docs" / "how-to" / "author-a-scenario.md").read_text()
    (block,) = re.findall(r"^```yaml pre-commit\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (repository,) = yaml.safe_load(block)["repos"]
    (hook,) = repository["hooks"]
    offered = {key: value for key, value in HOOK.items() if key != "description"}
    assert (repository["repo"], hook) == ("local", {**offered, "language": "system"})


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_makes_what_there_is_to_make(workflow):
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = [
        re.sub(r"\$\{\{ (.*?) \}\}", r"\1", step["run"])
        for job in jobs.values()
        for step in job["steps"]
        if "run" in step
    ]
    words = [word for command in commands if command.startswith("make ") for word in shlex.split(command)[1:]]
    made, settings = [word for word in words if "=" not in word], [word for word in words if "=" in word]
    assert made
    assert set(made) <= set(targets)
    for scenario in re.findall(r"SCENARIO=(.*)", "\n".join(settings)):
        played = jobs["play"]["strategy"]["matrix"]["scenario"] if "matrix.scenario" in scenario else [scenario]
        assert all((ROOT / "experiments" / f"{name}.yaml").is_file() for name in played)


def test_the_workflow_checks_experiments_as_it_says():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "experiments.yml").read_text())["jobs"]
    (command,) = [step["run"] for step in jobs["check"]["steps"] if step.get("name") == "Check experiments/"]
    arguments = shlex.split(command)
    assert arguments[0] == ".venv/bin/chaos"
    done = subprocess.run([BIN / "chaos", *arguments[1:]], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
