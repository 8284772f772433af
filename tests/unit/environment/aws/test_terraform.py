"""Terraform's words, turned into ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chaosgood_ext.environment.aws.terraform import Change, Terraform, TerraformFailed, changes, explain, summary
from chaosgood_ext.errors import MachineError

# As terraform and the AWS provider print them.
FAILURES = {
    "Error: No valid credential sources found\n\n  with provider[...]": ("no AWS credentials", "aws login"),
    "operation error STS: GetCallerIdentity, api error ExpiredToken: The security token included in the request is "
    "expired": ("expired", "goes on where it stopped"),
    "api error InvalidClientTokenId: The security token included in the request is invalid.": ("accept", "AWS_PROFILE"),
    "Error: AWS account ID not allowed: 210987654321": ("another account", "aws.toml"),
    "api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 1 allows": (
        "quota",
        "Service Quotas",
    ),
    "api error VpcLimitExceeded: The maximum number of VPCs has been reached.": ("quota", "Service Quotas"),
    "api error UnauthorizedOperation: You are not authorized to perform this operation.": ("may not", "role"),
    "Error: Error acquiring the state lock\n\nLock Info:\n  ID: 1234": ("another terraform", "force-unlock"),
    "api error EntityAlreadyExists: Role with name chaosgood-player already exists.": ("state is lost", "aws-down"),
    "creating IAM OIDC Provider: operation error IAM: CreateOpenIDConnectProvider, api error EntityAlreadyExists: "
    "Provider with url https://token.actions.githubusercontent.com already exists.": ("identity provider", "import"),
    "api error DependencyViolation: The vpc 'vpc-1' has dependencies and cannot be deleted.": (
        "did not make",
        "aws-down",
    ),
    "Error: Failed to query available provider packages\n\nCould not retrieve the list": ("provider", "network"),
    "waiting for ECS Service create: timeout while waiting for state to become 'tfSTABLE'": ("too long", "Repeat"),
    "dial tcp: lookup ec2.us-east-1.amazonaws.com: no such host": ("cannot be reached", "network"),
    "waiting for Auto Scaling Group capacity satisfied: timeout while waiting for state to become 'ok': 1 error "
    "occurred: scaling activity: Failed: You have requested more vCPU capacity than your current vCPU limit of 5 "
    "allows for the instance bucket": ("quota", "Service Quotas"),
    "waiting for Auto Scaling Group capacity satisfied: scaling activity: Failed: We currently do not have sufficient "
    "t3.small capacity in the Availability Zone you requested (us-east-1a).": ("left", "minutes"),
    "deleting IAM Policy: operation error IAM: DeletePolicy, api error DeleteConflict: Cannot delete a policy attached "
    "to entities.": ("did not make", "aws-down"),
    "api error InsufficientInstanceCapacity: We currently do not have sufficient t3.micro capacity": (
        "left",
        "minutes",
    ),
}


@pytest.mark.parametrize("output", FAILURES, ids=lambda output: output[:40])
def test_a_failure_is_a_sentence_and_what_to_do(output: str) -> None:
    reason, remedy = explain(output)
    words, advice = FAILURES[output]
    assert words in reason or words in remedy
    assert advice in remedy


def test_a_failure_that_nobody_knows_is_told_in_terraforms_words() -> None:
    assert explain("╷\n│ Error: Something new\n│ \n│   on main.tf line 3\n╵")[0] == "Error: Something new"
    assert explain("")[0] == "it said nothing"
    assert len(explain(f"Error: {'x' * 10_000}")[0]) <= 300


def plan_of(*actions: Sequence[str]) -> dict[str, object]:
    return {
        "resource_changes": [
            {
                "address": f"module.web.aws_thing.n{n}",
                "type": "aws_thing",
                "mode": "managed",
                "change": {"actions": each},
            }
            for n, each in enumerate(actions)
        ]
    }


def test_a_plan_is_told_by_part_and_action() -> None:
    planned = changes(plan_of(["create"], ["create"], ["no-op"], ["delete", "create"], ["delete"], ["read"]))
    assert summary(planned) == [("web", "create", "2"), ("web", "delete", "1"), ("web", "replace", "1")]
    assert summary([Change("create", "aws_vpc.this", "aws_vpc")]) == [("root", "create", "1")]


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
    with pytest.raises(TerraformFailed, match=r"terraform apply failed: a quota .*VpcLimitExceeded") as caught:
        terraform({"apply": (1, lines)}).apply(Path("plan"))
    assert caught.value.step == "apply"


def test_a_terraform_that_is_too_old_is_refused() -> None:
    with pytest.raises(MachineError, match=r"terraform 1\.5 is too old"):
        terraform({"version": (0, ['{"terraform_version": "1.5.7"}'])}).init()


def test_rules_in_the_state_are_found_in_modules() -> None:
    rule = {"type": "aws_vpc_security_group_ingress_rule", "values": {"security_group_rule_id": "sgr-1"}}
    state = {"values": {"root_module": {"child_modules": [{"resources": [rule, {"type": "aws_vpc", "values": {}}]}]}}}
    assert terraform({"show": (0, [json.dumps(state)])}).rules() == {"sgr-1"}
    assert terraform({"show": (0, ['{"format_version":"1.0"}'])}).rules() == set()
