"""Terraform itself, on the committed configuration, with a provider that knows the AWS provider's schema only."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from chaosgood_ext.twin import cache

from .stub import schema

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "terraform"
BINDINGS = "@cdktf/provider-aws"
BINDINGS_VERSION = "21.22.1"
"""The last one that was published."""
PROVIDER_VERSION = "6.25"
"""The provider that it was made from, and so the oldest one whose arguments are known to be those that are used."""

_BLOCK = re.compile(r'^\s*(resource|data) "(aws_\w+)"', re.MULTILINE)
_STUB = Path(__file__).parent / "stub"


@dataclass(frozen=True)
class Terraform:
    """Runs terraform in a copy of the tree, so that nothing is left in the checkout."""

    program: str
    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, f"-chdir={self.folder}", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def must(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"terraform {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


class State:
    """What terraform makes of the configuration when every variable, module and expression is evaluated."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._values = document

    @cached_property
    def outputs(self) -> dict[str, Any]:
        return {name: output["value"] for name, output in self._values["outputs"].items()}

    @cached_property
    def resources(self) -> list[dict[str, Any]]:
        return list(self._walk(self._values["root_module"]))

    def _walk(self, module: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from module.get("resources", [])
        for child in module.get("child_modules", []):
            yield from self._walk(child)

    def all(self, kind: str, module: str = "") -> dict[str, dict[str, Any]]:
        """The values of every managed resource of a kind, by address."""
        return {
            each["address"]: each["values"]
            for each in self.resources
            if each["type"] == kind and each["mode"] == "managed" and each["address"].startswith(module)
        }

    def one(self, kind: str, module: str = "") -> dict[str, Any]:
        (values,) = self.all(kind, module).values()
        return values


@pytest.fixture(scope="session")
def program() -> str:
    found = shutil.which("terraform")
    if not found:
        pytest.fail("terraform is missing: install 1.9 or newer (https://developer.hashicorp.com/terraform/install).")
    return found


@pytest.fixture(scope="session")
def provider() -> Path:
    """The folder with the stand-in provider for the resource types that the configuration uses."""
    used: dict[str, set[str]] = {"resource": set(), "data": set()}
    for path in CONFIGURATION.rglob("*.tf"):
        for mode, kind in _BLOCK.findall(path.read_text()):
            used[mode].add(kind)
    # Its own path is in it, and the one by which a run of the tests knows the cache is gone some runs later.
    home = (cache.folder() / "terraform").resolve()
    sources = [(_STUB / name).read_text() for name in ("schema.py", "provider.py")]
    made_by = [str(home), BINDINGS_VERSION, sys.executable, *sources]
    key = hashlib.sha256(json.dumps([sorted(used["resource"]), sorted(used["data"]), made_by]).encode()).hexdigest()[
        :16
    ]
    folder = home / f"stand-in-for-tests-{key}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent))
        _make_provider(work, folder, used)
        try:
            work.rename(folder)
        except OSError:  # another run was faster
            shutil.rmtree(work)
    return folder


def _make_provider(work: Path, folder: Path, used: dict[str, set[str]]) -> None:
    known = schema.read(_bindings(), used["resource"], used["data"])
    missing = (used["resource"] - set(known["resources"])) | (used["data"] - set(known["data"]))
    assert not missing, f"{BINDINGS} {BINDINGS_VERSION} does not know {', '.join(sorted(missing))}"
    (work / "schema.json").write_text(json.dumps(known))
    shutil.copy(_STUB / "provider.py", work)
    executable = work / "terraform-provider-aws"
    # HOME, because the plugin library keeps a certificate there.
    executable.write_text(
        f'#!/bin/sh\nHOME="{folder}" exec "{sys.executable}" "{folder}/provider.py" "{folder}/schema.json"\n'
    )
    executable.chmod(0o755)


def _bindings() -> Path:
    """The tarball of the bindings, fetched by npm at the first time."""
    folder = cache.folder() / "terraform"
    kept = folder / f"bindings-{BINDINGS_VERSION}.tgz"
    if kept.exists():
        return kept
    npm = shutil.which("npm")
    if not npm:
        pytest.fail("npm is missing, which fetches the AWS provider's schema: apt-get install npm")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        done = subprocess.run(
            [npm, "pack", "--silent", f"{BINDINGS}@{BINDINGS_VERSION}"], cwd=work, capture_output=True, text=True
        )
        assert done.returncode == 0, f"npm could not fetch {BINDINGS}: {done.stderr or done.stdout}"
        next(Path(work).glob("*.tgz")).rename(kept)
    return kept


@pytest.fixture(scope="session")
def make_terraform(program: str, provider: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Terraform]:
    def make() -> Terraform:
        """Copy what terraform reads, in the same places to each other."""
        tree = tmp_path_factory.mktemp("tree")
        ignored = shutil.ignore_patterns(".terraform*", "__pycache__", "*.tfstate*", "*.auto.tfvars*")
        shutil.copytree(CONFIGURATION, tree / "terraform", ignore=ignored)
        shutil.copytree(ROOT / "chaosgood_ext/stack", tree / "chaosgood_ext/stack", ignore=ignored)
        settings = tree / "terraform.rc"
        settings.write_text(
            f'provider_installation {{\n  dev_overrides {{ "hashicorp/aws" = "{provider}" }}\n  direct {{}}\n}}\n'
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        environment |= {"TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        made = Terraform(program, tree / "terraform", environment)
        made.must("get", "-no-color")
        return made

    return make


@pytest.fixture(scope="session")
def terraform(make_terraform: Callable[[], Terraform]) -> Terraform:
    return make_terraform()


def apply_only(terraform: Terraform) -> State:
    """Everything as it would be after an apply of this copy, none of whose other tests is run."""
    path = terraform.folder / "tests/environment.tftest.hcl"
    head, *runs = re.split(r'^(?=run ")', path.read_text(), flags=re.MULTILINE)
    (wanted,) = (run for run in runs if run.startswith('run "applied" '))
    path.write_text(head + wanted)
    return applied(run_tests(terraform))


def run_tests(terraform: Terraform) -> list[dict[str, Any]]:
    """What `terraform test` says, a JSON object a line."""
    done = terraform.run("test", "-json", "-verbose")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def applied(tested: list[dict[str, Any]]) -> State:
    """Everything as it would be after an apply, with made-up ids."""
    states = [line["test_state"] for line in tested if line["type"] == "test_state" and line["@testrun"] == "applied"]
    assert states, "\n".join(line["@message"] for line in tested)
    return State(states[0])


@pytest.fixture(scope="session")
def tested(terraform: Terraform) -> list[dict[str, Any]]:
    return run_tests(terraform)


@pytest.fixture(scope="session")
def plans(tested: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The plans that `terraform test` makes, by the names of its runs."""
    return {line["@testrun"]: line["test_plan"] for line in tested if line["type"] == "test_plan"}


@pytest.fixture(scope="session")
def state(tested: list[dict[str, Any]]) -> State:
    return applied(tested)
