"""Shell scripts that Systems Manager runs on an instance, and what came of them."""

from __future__ import annotations

import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.aws import Clients, answering

DOCUMENT = "AWS-RunShellScript"
_DELIVERY_S = 30
"""The least that AWS takes: docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""
_POLL_S = 0.2
_UNFINISHED = ("Pending", "InProgress", "Delayed", "Cancelling")


@dataclass(frozen=True)
class Invocation:
    """How a script ended on one instance: AWS's status, and what it printed."""

    status: str
    output: str = ""
    errors: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it ran to its end, with status 0."""
        return self.status == "Success"


def run(instance_id: str, script: str, clients: Clients, *, within_s: float) -> Invocation:
    """Run `script` as root, and wait for its end; one that has not ended in `within_s` is left to itself.

    Its status is then one of AWS's for what is still under way, as it is for an instance whose agent does not answer.
    Raises :class:`EnvironmentUnavailable` when Systems Manager refuses, or does not answer itself.
    """
    ssm = clients.client("ssm")
    with answering(f"Running a command on {instance_id}"):
        command = ssm.send_command(
            InstanceIds=[instance_id], DocumentName=DOCUMENT, Parameters={"commands": [script]},
            TimeoutSeconds=_DELIVERY_S,
        )["Command"]["CommandId"]  # fmt: skip
        deadline = time.monotonic() + within_s
        while True:
            try:
                told = ssm.get_command_invocation(CommandId=command, InstanceId=instance_id)
            except ClientError as early:
                if early.response["Error"]["Code"] != "InvocationDoesNotExist":
                    raise
                told = {"Status": "Pending"}
            if told["Status"] not in _UNFINISHED or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
    return Invocation(told["Status"], told.get("StandardOutputContent", ""), told.get("StandardErrorContent", ""))


def require(instance_id: str, script: str, clients: Clients, *, within_s: float) -> str:
    """What `script` prints on the instance; raises :class:`EnvironmentUnavailable` when it does not succeed."""
    ended = run(instance_id, script, clients, within_s=within_s)
    if not ended.succeeded:
        said = (ended.errors or ended.output).strip()[-200:] or "nothing"
        raise EnvironmentUnavailable(f"A command on {instance_id} came to {ended.status} and said: {said}.")
    return ended.output
