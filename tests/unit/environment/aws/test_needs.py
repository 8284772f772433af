"""What is lacking for an environment on AWS, and what mends it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chaosgood_ext.environment.aws import free_plan, needs, quotas
from chaosgood_ext.errors import CommandError

TOPOLOGY = json.loads(files("chaosgood_ext.stack").joinpath("topology.json").read_text())
VALUES = {"L-1216C47A": 32.0, "L-F678F1CE": 5.0, "L-53DA6B97": 50.0, "L-7B6409FD": 40.0}
ROOM = {"GetServiceQuota": VALUES}


class Answering:
    """A session of the AWS in this process, with answers to what that does not know: a dict, or a refusal's code."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self._answers = answers

    def client(self, service: str, **asked: Any) -> Any:
        made = boto3.client(service, **asked)  # type: ignore[call-overload]
        made._make_api_call = self._calling(made._make_api_call)
        return made

    def _calling(self, call: Any) -> Any:
        def answer(operation: str, asked: dict[str, Any]) -> Any:
            known = self._answers.get(operation)
            if isinstance(known, str):
                raise ClientError({"Error": {"Code": known, "Message": "no"}}, operation)
            if operation == "GetServiceQuota":
                return {"Quota": {"Value": known[asked["QuotaCode"]]}}
            return known if known is not None else call(operation, asked)

        return answer


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


def says(version: str) -> object:
    def run(argv: Sequence[str], *, input: str | None = None, timeout_s: float = 10) -> str:  # noqa: A002
        return f'{{"terraform_version": "{version}"}}'

    return run


def test_a_machine_with_nothing_is_told_all_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = needs.examine(boto3.Session(), TOPOLOGY, folder=tmp_path)
    assert [finding.ok for finding in findings] == [False, False, False, False, None, None]
    assert "apt-get install terraform" in findings[0].remedy
    assert "session-manager" in findings[1].remedy
    assert "openssh-client" in findings[2].remedy
    assert "aws.example.toml" in findings[3].remedy


def test_a_machine_and_an_account_that_are_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "terraform", "session-manager-plugin", "aws", "ssh-keygen"))
    (tmp_path / "aws.toml").write_text('accounts = ["123456789012"]\nalert_email = "a@example.com"\n')
    with mock_aws():
        answers = {**ROOM, "GetAccountPlanState": {"accountPlanType": "PAID"}}
        findings = needs.examine(Answering(answers), TOPOLOGY, run=says("1.11.4"), folder=tmp_path)  # type: ignore[arg-type]
    assert [finding.ok for finding in findings] == [True] * 11
    assert "123456789012" in findings[4].detail


def test_an_old_terraform_and_one_that_does_not_work_are_lacking(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "terraform"))

    def fails(argv: Sequence[str], *, input: str | None = None, timeout_s: float = 10) -> str:  # noqa: A002
        raise CommandError(argv, 1, "no")

    for run, detail in ((says("1.5.7"), "1.5.7"), (fails, "does not work")):
        finding = needs.examine(boto3.Session(), TOPOLOGY, run=run, folder=tmp_path)[0]  # type: ignore[arg-type]
        assert finding.ok is False
        assert detail in finding.detail


def test_quotas_are_told_with_what_is_free_and_what_is_needed() -> None:
    """The needs are those of the topology: six hosts of two vCPUs, ten when players scale everything up."""
    with mock_aws():
        found = {finding.name: finding for finding in quotas.examine(Answering(ROOM), TOPOLOGY)}
        vcpus, vpcs = found["quota of vCPUs of On-Demand Standard instances"], found["quota of VPCs"]
        assert (vcpus.ok, vcpus.detail) == (True, "32 of 32 free, 12 needed, 20 to scale up")
        assert (vpcs.ok, vpcs.detail) == (True, "4 of 5 free, 1 needed")  # one is the default VPC
        assert found["quota of Application Load Balancers"].detail == "50 of 50 free, 2 needed"
        assert found["quota of DB instances"].detail == "40 of 40 free, 1 needed"


def test_what_others_use_is_not_free_and_what_the_environment_uses_is() -> None:
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        for count, kind, tags in ((3, "m5.xlarge", []), (5, "t3.small", [{"Key": "game", "Value": "chaosgood"}])):
            ec2.run_instances(
                ImageId="ami-12345678", MinCount=count, MaxCount=count, InstanceType=kind,
                **({"TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]} if tags else {}),
            )  # fmt: skip
        vcpus = quotas.examine(Answering({"GetServiceQuota": {**VALUES, "L-1216C47A": 16.0}}), TOPOLOGY)[0]
    assert (vcpus.ok, vcpus.detail) == (False, "4 of 16 free, 12 needed, 20 to scale up")
    assert vcpus.remedy == (
        "Ask for 32 vCPUs of On-Demand Standard instances: "
        "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-1216C47A"
    )


def test_a_quota_that_was_never_changed_is_known_by_its_default() -> None:
    answers = {"GetServiceQuota": "NoSuchResourceException", "GetAWSDefaultServiceQuota": {"Quota": {"Value": 5.0}}}
    with mock_aws():
        vcpus = quotas.examine(Refusing(answers), TOPOLOGY)[0]
    assert (vcpus.ok, vcpus.detail) == (False, "5 of 5 free, 12 needed, 20 to scale up")


class Refusing(Answering):
    """Refuses with the exceptions that boto3 makes of AWS's codes."""

    def client(self, service: str, **asked: Any) -> Any:
        made = boto3.client(service, **asked)  # type: ignore[call-overload]
        call = made._make_api_call

        def answer(operation: str, given: dict[str, Any]) -> Any:
            known = self._answers.get(operation)
            if isinstance(known, str):
                raise getattr(made.exceptions, known)({"Error": {"Code": known, "Message": "no"}}, operation)
            return known if known is not None else call(operation, given)

        made._make_api_call = answer
        return made


@pytest.mark.parametrize("call", ["GetServiceQuota", "DescribeInstances"])
def test_a_question_that_is_not_permitted_is_said_plainly(call: str) -> None:
    with mock_aws():
        findings = quotas.examine(Answering({**ROOM, call: "AccessDeniedException"}), TOPOLOGY)
    assert {finding.ok for finding in findings} == {None}
    assert all("AccessDeniedException" in finding.detail for finding in findings)


def test_an_account_whose_bills_are_the_root_users_is_told_how_to_open_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "terraform", "session-manager-plugin", "aws", "ssh-keygen"))
    (tmp_path / "aws.toml").write_text('accounts = ["123456789012"]\nalert_email = "a@example.com"\n')
    with mock_aws():
        session = Answering({**ROOM, "DescribeBudgets": "AccessDeniedException", "GetAccountPlanState": "Throttled"})
        findings = needs.examine(session, TOPOLOGY, run=says("1.11.4"), folder=tmp_path)  # type: ignore[arg-type]
    (billing,) = [finding for finding in findings if finding.name == "access to billing"]
    assert billing.ok is False
    assert "As the root user" in billing.remedy


@pytest.mark.parametrize(
    ("answer", "ok", "detail"),
    [
        ({"accountPlanType": "PAID"}, True, "paid"),
        ({"accountPlanType": "FREE"}, False, "free, which starts no t3.nano"),
        ("ResourceNotFoundException", True, "older accounts"),
        ("AccessDeniedException", None, "does not say"),
    ],
)
def test_a_new_accounts_plan_is_looked_at(answer: Any, ok: bool | None, detail: str) -> None:
    with mock_aws():
        finding = free_plan.examine(Answering({"GetAccountPlanState": answer}), TOPOLOGY)
    assert finding.ok is ok
    assert detail in finding.detail
