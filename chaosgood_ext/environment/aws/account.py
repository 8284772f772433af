"""Whose credentials are in use, and whether something may be built in their account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chaosgood_ext.errors import BadInput, EnvironmentUnavailable

if TYPE_CHECKING:
    import boto3

    from chaosgood_ext.environment.outputs import Credentials

BILLING = (
    "As the root user, activate IAM access to billing: "
    "https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/control-access-billing.html"
)
LOG_IN = "Log in: `aws sso login --profile NAME`, with AWS_PROFILE=NAME."
BY_CONSOLE = (
    "Let another profile ask for them, and name that one in AWS_PROFILE: aws configure set credential_process "
    '"$(command -v aws) configure export-credentials --profile NAME --format process" --profile games '
    "(with version 2 of the AWS CLI)."
)
"""What to do with credentials of `aws login`, which botocore without its C library does not take by itself.

Nor does every version of terraform's provider: https://github.com/hashicorp/terraform-provider-aws/issues/45316.
"""


@dataclass(frozen=True)
class Caller:
    """An account and who calls in it."""

    account_id: str
    arn: str


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turn botocore's errors inside into ours, with what to do; `what` was asked, as in "who we are".

    Raises :class:`EnvironmentUnavailable`, or :class:`BadInput` for a profile that does not exist.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        LoginError,
        MissingDependencyException,
        NoCredentialsError,
        PartialCredentialsError,
        ProfileNotFound,
        SSOError,
        TokenRetrievalError,
    )

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as cause:
        raise EnvironmentUnavailable("There are no AWS credentials here.", LOG_IN) from cause
    except ProfileNotFound as cause:
        raise BadInput(f"{cause}.", "Set AWS_PROFILE to one that `aws configure list-profiles` prints.") from cause
    except (SSOError, LoginError, TokenRetrievalError) as cause:
        raise EnvironmentUnavailable(f"The sign-in to AWS has ended or was never made: {cause}", LOG_IN) from cause
    except MissingDependencyException as cause:
        raise EnvironmentUnavailable("The credentials of `aws login` cannot be used directly.", BY_CONSOLE) from cause
    except CredentialRetrievalError as cause:
        raise EnvironmentUnavailable(f"There are no AWS credentials here: {cause}", LOG_IN) from cause
    except ClientError as cause:
        code, message = cause.response["Error"]["Code"], cause.response["Error"].get("Message", "")
        if "Expired" in code:
            raise EnvironmentUnavailable("The AWS credentials have expired.", LOG_IN) from cause
        if code in _REFUSED:
            raise EnvironmentUnavailable(f"AWS does not accept the credentials ({code}).", LOG_IN) from cause
        raise EnvironmentUnavailable(f"Asking AWS {what} failed: {code}: {message}") from cause
    except BotoCoreError as cause:
        raise EnvironmentUnavailable(f"AWS cannot be asked {what}: {cause}.", "Check the network.") from cause


_REFUSED = ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "AuthFailure")


def session(key: Credentials | None = None) -> boto3.Session:
    """A session of whoever we are, or of `key`; raises :class:`BadInput` for a profile that does not exist."""
    import boto3

    with answering("who we are"):
        if key is None:
            return boto3.Session()
        return boto3.Session(key.access_key_id, key.secret_access_key, key.session_token or None)


def identify(session: Any, region: str) -> Caller:
    """Ask AWS who we are; raises :class:`EnvironmentUnavailable` without usable credentials or network."""
    with answering("who we are"):
        known = session.client("sts", region_name=region).get_caller_identity()
    return Caller(known["Account"], known["Arn"])


def must_be_allowed(caller: Caller, accounts: Sequence[str]) -> None:
    """Raise :class:`BadInput` unless the caller's account is one of `accounts`."""
    if caller.account_id not in accounts:
        raise BadInput(
            f"These are credentials of account {caller.account_id} ({caller.arn}), and terraform/aws.toml allows "
            f"{', '.join(accounts)} only.",
            "Use other credentials (AWS_PROFILE), or add the account there if it is meant for games.",
        )
