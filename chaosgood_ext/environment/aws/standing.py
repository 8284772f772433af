"""Whether the environment that outputs tell of still stands: the right account, not expired, not destroyed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from chaosgood_ext.environment.aws import account, lockout
from chaosgood_ext.environment.aws.settings import is_over
from chaosgood_ext.environment.outputs import Outputs
from chaosgood_ext.errors import EnvironmentUnavailable

_BUILD = "Build it with `make aws-up`"


@dataclass(frozen=True)
class _Clients:
    """Makes clients as whoever we are, or as the outputs say."""

    outputs: Outputs

    def client(self, service: str, *, region_name: str) -> Any:
        made: Any = account.session(self.outputs.credentials.get("facilitator"))
        return made.client(service, region_name=region_name, endpoint_url=self.outputs.endpoint_url)


def must_stand(outputs: Outputs, now: datetime | None = None) -> None:
    """Raise :class:`EnvironmentUnavailable` unless the environment on aws can be worked in, with what to do.

    What the credentials may not ask for (the player's may ask for little) is taken to be well.
    """
    session = _Clients(outputs)
    must_be_of_its_account(outputs)
    until = _end(outputs, session)
    if until and is_over(until, now or datetime.now(UTC)):
        raise EnvironmentUnavailable(
            f"The environment expired at {until}: what costs has deleted itself.",
            "Build that again with `make aws-up`, or take the rest down with `make aws-down`.",
        )
    role = outputs.resources["player_role_arn"].rpartition("/")[2]
    if arn := lockout.attached(session, outputs.region, outputs.name, role):
        raise EnvironmentUnavailable(lockout.told(arn, role), lockout.REMEDY)


def must_be_of_its_account(outputs: Outputs) -> None:
    """Raise :class:`EnvironmentUnavailable` where the credentials are of another account than the environment."""
    caller = account.identify(_Clients(outputs), outputs.region)
    if caller.account_id != outputs.account_id:
        raise EnvironmentUnavailable(
            f"The environment is in account {outputs.account_id}, and these are credentials of {caller.account_id}.",
            f"Use credentials of {outputs.account_id} (AWS_PROFILE).",
        )


def _end(outputs: Outputs, session: Any) -> str:
    """The end that the VPC is tagged with; empty where it may not be asked."""
    ec2, vpc = session.client("ec2", region_name=outputs.region), outputs.resources["vpc_id"]
    with account.answering("whether the environment is up"):
        try:
            (found,) = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
        except ClientError as refused:
            code, message = refused.response["Error"]["Code"], refused.response["Error"].get("Message", "")
            if code == "InvalidVpcID.NotFound":
                raise EnvironmentUnavailable(
                    f"The environment is gone: there is no {vpc} in {outputs.region} of account {outputs.account_id}.",
                    f"{_BUILD}, or play on the twin.",
                ) from refused
            if "explicit deny in an identity-based policy" in message:
                raise EnvironmentUnavailable("The player is locked out.", lockout.REMEDY) from refused
            if code == "UnauthorizedOperation":
                return ""
            raise
    return next((str(tag["Value"]) for tag in found.get("Tags", []) if tag["Key"] == "expires-at"), "")
