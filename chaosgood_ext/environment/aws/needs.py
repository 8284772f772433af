"""What this machine and this account lack for an environment on AWS, each tried."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chaosgood_ext.environment.aws import account, free_plan, quotas, sessions, settings
from chaosgood_ext.environment.aws.terraform import OLDEST
from chaosgood_ext.errors import ChaosGoodError, CommandError, MachineError
from chaosgood_ext.twin.machine import Finding
from chaosgood_ext.twin.run import Runner, run

if TYPE_CHECKING:
    import boto3

_INSTALL_TERRAFORM = (
    "Install terraform 1.9 or newer: https://developer.hashicorp.com/terraform/install "
    "(on Debian: HashiCorp's apt repository, then apt-get install terraform)"
)


def examine(
    session: boto3.Session, topology: Mapping[str, Any], *, run: Runner = run, folder: Path = settings.TERRAFORM
) -> list[Finding]:
    """Say of each thing that building and playing on AWS needs whether it is there, and how to mend what is not."""
    decided: list[settings.Settings] = []

    def allowed() -> str:
        caller = account.identify(session, topology["region"])
        account.must_be_allowed(caller, decided[0].accounts)
        return f"account {caller.account_id}, {caller.arn}"

    def file() -> str:
        decided.append(settings.load(folder))
        return f"allows {', '.join(decided[0].accounts)}"

    findings = [
        _terraform(run),
        _tried("AWS CLI with Session Manager", sessions.aws_program),
        _tried("ssh-keygen", _keygen),
        _tried("terraform/aws.toml", file),
    ]
    missing = "because of what is missing above"
    who = _tried("AWS credentials", allowed) if decided else Finding("AWS credentials", None, missing)
    if not who.ok:
        return [*findings, who, Finding("quotas", None, missing)]
    return [
        *findings,
        who,
        _billing(session, topology["region"]),
        free_plan.examine(session, topology),
        *quotas.examine(session, topology),
    ]


def _billing(session: Any, region: str) -> Finding:
    """Whether budgets can be made: to begin with, an account shows its bills to its root user alone."""
    name = "access to billing"
    try:
        account_id = account.identify(session, region).account_id
        session.client("budgets", region_name=region).describe_budgets(AccountId=account_id, MaxResults=1)
    except ClientError as refused:
        denied = refused.response["Error"]["Code"] == "AccessDeniedException"
        return Finding(name, False if denied else None, refused.response["Error"]["Code"], account.BILLING)
    except BotoCoreError as silent:
        return Finding(name, None, f"AWS does not say: {silent}")
    return Finding(name, True, "budgets can be asked for")


def _tried(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except ChaosGoodError as error:
        return Finding(name, False, error.what, error.remedy)


def _keygen() -> str:
    program = shutil.which("ssh-keygen")
    if not program:
        raise MachineError("not found", "Install OpenSSH's client: on Debian, apt-get install openssh-client.")
    return program


def _terraform(run: Runner) -> Finding:
    name = f"terraform {'.'.join(map(str, OLDEST))} or newer"
    program = shutil.which("terraform")
    if not program:
        return Finding(name, False, "not found", _INSTALL_TERRAFORM)
    try:
        version = str(json.loads(run([program, "version", "-json"]))["terraform_version"])
    except (CommandError, ValueError, KeyError) as problem:
        return Finding(name, False, f"{program} does not work: {problem}", _INSTALL_TERRAFORM)
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST:
        return Finding(name, False, f"{version} at {program}", _INSTALL_TERRAFORM)
    return Finding(name, True, version)
