"""Terraform's words, turned into ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chaosgood_ext.environment.aws.terraform import Terraform, TerraformFailed
from chaosgood_ext.errors import MachineError


class Scripted:
    """Stands for terraform: answers by subcommand with lines and a status."""

    def __init__(self, answers: dict[str, tuple[int, list[str]]]) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], on_line: Callable[[str], None]) -> int:
        self.asked.append(list(argv[2:]))
        status, lines = self.answers.get(argv[2], (0, []))
        for line in lines:
            on_line(line)
        return status


def terraform(answers: dict[str, tuple[int, list[str]]], told: list[str] | None = None) -> Terraform:
    return Terraform(
        Path("/nowhere"), (told if told is not None else []).append, run=Scripted(answers), program="terraform"
    )


def test_progress_is_passed_on_and_noise_is_not() -> None:
    told: list[str] = []
    lines = [
        {"type": "version", "@message": "Terraform 1.11.4"},
        {"type": "apply_complete", "@message": "aws_vpc.this: Creation complete after 2s"},
        {"type": "planned_change", "@message": "aws_vpc.this: Plan to create"},
    ]
    terraform({"apply": (0, [json.dumps(line) for line in lines])}, told).apply(Path("plan"))
    assert told == ["aws_vpc.this: Creation complete after 2s"]


def test_an_apply_that_fails_half_way_says_why() -> None:
    diagnostic = {"severity": "error", "summary": "creating EC2 VPC", "detail": "api error VpcLimitExceeded: maximum"}
    lines = [json.dumps({"type": "diagnostic", "@message": "", "diagnostic": diagnostic})]
    with pytest.raises(
        TerraformFailed, match=r"terraform apply failed: the account's quota of VPCs .*VpcLimitExceeded"
    ) as caught:
        terraform({"apply": (1, lines)}).apply(Path("plan"))
    assert caught.value.step == "apply"


def test_a_terraform_that_is_too_old_is_refused() -> None:
    with pytest.raises(MachineError, match=r"terraform 1\.5 is too old"):
        terraform({"version": (0, ['{"terraform_version": "1.5.7"}'])}).init()


def test_what_is_in_the_state_is_found_in_modules() -> None:
    rule = {"type": "aws_vpc_security_group_ingress_rule", "values": {"security_group_rule_id": "sgr-1"}}
    group = {"type": "aws_security_group", "values": {"id": "sg-1"}}
    made = [rule, group, {"type": "aws_vpc", "values": {}}]
    state = {"values": {"root_module": {"child_modules": [{"resources": made}]}}}
    assert terraform({"show": (0, [json.dumps(state)])}).ids() == {"sgr-1", "sg-1"}
    assert terraform({"show": (0, ['{"format_version":"1.0"}'])}).ids() == set()


def test_warnings_around_an_answer_are_no_part_of_it() -> None:
    answer = ["Warning: development overrides", "", '{"name": "chaosgood"}', "", "Warning: {again}"]
    assert terraform({"output": (0, answer)}).output() == {"name": "chaosgood"}


def test_a_remote_apply_of_nothing_is_no_failure_and_its_words_are_passed_on() -> None:
    """HCP Terraform speaks to people only, and refuses a saved plan that changes nothing."""
    told: list[str] = []
    terraform({"apply": (1, ["", "Error: Saved plan has no changes", "It cannot be applied."])}, told).apply(Path("p"))
    assert told[0] == "Error: Saved plan has no changes"
    with pytest.raises(TerraformFailed, match="Saved plan is discarded"):
        terraform({"apply": (1, ["Error: Saved plan is discarded"])}).apply(Path("p"))


def test_a_terraform_that_is_missing_is_said_when_it_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    runner = Terraform(tmp_path, lambda _: None)
    with pytest.raises(MachineError, match="terraform is missing"):
        runner.init()
