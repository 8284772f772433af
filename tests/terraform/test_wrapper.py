"""Our runner with terraform itself."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chaosgood_ext.environment.aws import building, settings
from chaosgood_ext.environment.aws.plans import put_back
from chaosgood_ext.environment.aws.terraform import Terraform as Runner
from chaosgood_ext.environment.aws.terraform import TerraformFailed
from chaosgood_ext.environment.built import topology

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


def test_variables_of_a_plan_stand_above_those_that_terraform_reads_by_itself(runner: Runner, tmp_path: Path) -> None:
    wrong = settings.write(settings.Settings(("1",), "nobody"), "1", "soon", tmp_path)
    with pytest.raises(TerraformFailed) as caught:
        runner.plan(tmp_path / "plan", wrong)
    assert "An account id has twelve digits." in caught.value.output


def test_a_state_without_anything_has_no_rules_and_nothing_to_destroy(runner: Runner) -> None:
    assert runner.ids() == set()


# What terraform brings along itself needs no provider: its own locks, states, interruptions and plans are real here.
SMALL = """
resource "terraform_data" "first" {
  input = "as built"
}

resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]

  provisioner "local-exec" {
    command = "touch started; while [ ! -e go-on ]; do read -t 0.1 < /dev/zero; done 2>/dev/null"
    interpreter = ["bash", "-c"]
  }
}

output "environment" {
  value = { name = terraform_data.first.output }
}
"""


@pytest.fixture
def small(tmp_path: Path, program: str) -> Path:
    (tmp_path / "main.tf").write_text(SMALL)
    (tmp_path / "go-on").touch()
    return tmp_path


def built(folder: Path) -> tuple[Runner, list[str]]:
    told: list[str] = []
    made = Runner(folder, told.append)
    made.init()
    made.plan(folder / "plan")
    made.apply(folder / "plan")
    return made, told


def test_a_plan_an_apply_an_output_and_a_destroy_are_terraforms_own(small: Path) -> None:
    made, told = built(small)
    assert any("Creation complete" in line for line in told)
    assert made.output() == {"name": "as built"}
    assert made.plan(small / "again") == []
    made.destroy()
    assert json.loads((small / "terraform.tfstate").read_text())["resources"] == []


def test_a_state_that_another_terraform_holds_is_told_with_its_lock(small: Path) -> None:
    made, _ = built(small)
    lock = {"ID": "1c0b8f5e", "Operation": "OperationTypeApply", "Who": "ada@laptop", "Version": "1.11.4"}
    (small / ".terraform.tfstate.lock.info").write_text(json.dumps({**lock, "Created": "2026-11-22T20:00:00.1Z"}))
    with (small / "terraform.tfstate").open("r+") as state:
        fcntl.lockf(state, fcntl.LOCK_EX)
        for step in (made.destroy, lambda: made.plan(small / "plan")):
            with pytest.raises(
                TerraformFailed, match=r"ada@laptop, since 2026-11-22 20:00:00.*force-unlock 1c0b8f5e"
            ) as caught:
                step()
            assert caught.value.is_locked


@pytest.mark.parametrize("state", ['{"version": 4, ', '{"version": 9, "terraform_version": "9.9.9"}'])
def test_a_state_that_cannot_be_read_is_not_taken_for_a_lock(small: Path, state: str) -> None:
    made, _ = built(small)
    (small / "terraform.tfstate").write_text(state)
    with pytest.raises(TerraformFailed, match=r"state cannot be read.*terraform\.tfstate\.backup") as caught:
        made.destroy()
    assert not caught.value.is_locked


def test_what_somebody_changed_is_what_a_plan_puts_back(small: Path) -> None:
    made, _ = built(small)
    (small / "main.tf").write_text(SMALL.replace("as built", "as it should be"))
    (change,) = made.plan(small / "plan")
    assert change.differences == ('input: "as built" → "as it should be"',)
    assert put_back([change]) == []  # the configuration changed, and not what was built


NEEDS_A_PROVIDER = """
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
"""


def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", os.devnull)


def test_a_provider_that_cannot_be_fetched_is_told_as_that(
    tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.tf").write_text(NEEDS_A_PROVIDER)
    unreachable(monkeypatch)
    with pytest.raises(TerraformFailed, match=r"provider cannot be fetched.*must reach its registry"):
        Runner(tmp_path, lambda _: None).init()


def broken_state(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "main.tf").write_text(SMALL)
    (folder / "terraform.tfstate").write_text('{"version": 4, ')


def no_provider(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "main.tf").write_text(NEEDS_A_PROVIDER)
    unreachable(monkeypatch)


def no_configuration(folder: Path, _: pytest.MonkeyPatch) -> None:
    (folder / "main.tf").write_text("resource {")


@pytest.mark.parametrize("failure", [broken_state, no_provider, no_configuration])
def test_a_destroy_is_possible_whatever_terraform_says(
    failure: Callable[[Path, pytest.MonkeyPatch], None], tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failure(tmp_path, monkeypatch)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    told: list[str] = []
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        tags = [{"ResourceType": "vpc", "Tags": [{"Key": "game", "Value": "chaosgood"}]}]
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
        site = building.Site(
            settings.Settings(("123456789012",), "a@example.com"), topology(), boto3.Session(),
            Runner(tmp_path, told.append), tmp_path / "outputs.json", told.append, tmp_path,
        )  # fmt: skip
        assert building.take_down(site) == []
        assert vpc not in [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]]
    assert any("Sweeping away what is there instead" in line for line in told)


INTERRUPTED = """
import sys
from pathlib import Path
from chaosgood_ext.environment.aws.terraform import Terraform
folder = Path(sys.argv[1])
made = Terraform(folder, lambda text: print(text, flush=True))
made.init()
made.plan(folder / "plan")
made.apply(folder / "plan")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_apply_writes_down_what_it_made_and_can_be_repeated(small: Path, number: signal.Signals) -> None:
    """Ctrl-C, an end by the system, a closed terminal."""
    (small / "go-on").unlink()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(small)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    end = time.monotonic() + 60
    while not (small / "started").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, "it never began"
        time.sleep(0.05)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "goes on where it stopped" in said
    state = json.loads((small / "terraform.tfstate").read_text())
    assert "first" in [resource["name"] for resource in state["resources"]]
    (small / "go-on").touch()
    made, _ = built(small)
    assert made.output() == {"name": "as built"}
