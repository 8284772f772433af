"""Whose credentials are in use, and whether something may be built in their account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaosgood_ext.errors import BadInput, EnvironmentUnavailable

if TYPE_CHECKING:
    import boto3

_LOG_IN = "Log in: `aws login`, or `aws sso login --profile NAME` and AWS_PROFILE=NAME."


@dataclass(frozen=True)
class Caller:
    """An account and who calls in it."""

    account_id: str
    arn: str


def identify(session: boto3.Session, region: str) -> Caller:
    """Ask AWS who we are; raises :class:`EnvironmentUnavailable` without usable credentials or network."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        known = session.client("sts", region_name=region).get_caller_identity()
    except (NoCredentialsError, NoRegionError) as cause:
        raise EnvironmentUnavailable("There are no AWS credentials here.", _LOG_IN) from cause
    except ClientError as cause:
        code = cause.response["Error"]["Code"]
        if "Expired" in code:
            raise EnvironmentUnavailable("The AWS credentials have expired.", _LOG_IN) from cause
        raise EnvironmentUnavailable(f"AWS does not accept the credentials ({code}).", _LOG_IN) from cause
    except BotoCoreError as cause:
        raise EnvironmentUnavailable(f"AWS cannot be asked who we are: {cause}", _LOG_IN) from cause
    return Caller(known["Account"], known["Arn"])


def must_be_allowed(caller: Caller, accounts: Sequence[str]) -> None:
    """Raise :class:`BadInput` unless the caller's account is one of `accounts`."""
    if caller.account_id not in accounts:
        raise BadInput(
            f"These are credentials of account {caller.account_id} ({caller.arn}), and terraform/aws.toml allows "
            f"{', '.join(accounts)} only.",
            "Use other credentials (AWS_PROFILE), or add the account there if it is meant for games.",
        )
