"""Our runner with terraform itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaosgood_ext.environment.aws import settings
from chaosgood_ext.environment.aws.terraform import Terraform as Runner
from chaosgood_ext.environment.aws.terraform import TerraformFailed

from .conftest import Terraform


@pytest.fixture
def runner(terraform: Terraform, monkeypatch: pytest.MonkeyPatch) -> Runner:
    for name, value in terraform.environment.items():
        monkeypatch.setenv(name, value)
    decided = settings.Settings(("210987654321",), "facilitator@example.com")
    settings.write(decided, "210987654321", "2026-11-22T18:30:00Z", terraform.folder)
    return Runner(terraform.folder, lambda _: None)


def test_a_plan_that_fails_ends_with_terraforms_reason(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(TerraformFailed, match=r"terraform plan failed: .*This is no AWS provider"):
        runner.plan(tmp_path / "plan")


def test_variables_written_by_us_are_read_by_terraform(runner: Runner, terraform: Terraform, tmp_path: Path) -> None:
    settings.write(settings.Settings(("1",), "nobody"), "1", "soon", terraform.folder)
    with pytest.raises(TerraformFailed) as caught:
        runner.plan(tmp_path / "plan")
    assert "An account id has twelve digits." in caught.value.output
    assert "Give an e-mail address." in caught.value.output


def test_a_state_without_anything_has_no_rules_and_nothing_to_destroy(runner: Runner) -> None:
    assert runner.rules() == set()
