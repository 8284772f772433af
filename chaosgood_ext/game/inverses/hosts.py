"""Instances that an action crashes, and programs on them that it stops."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome
from chaosgood_ext.game.run_command import DOCUMENT, run

_ALIVE_WITHIN_S = 5.0
"""An agent that runs takes a command within a second or two."""


def longest_running(filters: Sequence[Any], clients: Clients) -> str:
    """The instance that has run for the longest of those that `filters` (EC2's) find, so that two looks find the same.

    Raises :class:`GameError` when none runs.
    """
    running = [*filters, {"Name": "instance-state-name", "Values": ["running"]}]
    with answering("Looking up the instances"):
        pages = clients.client("ec2").get_paginator("describe_instances").paginate(Filters=running)
        found = [one for page in pages for each in page["Reservations"] for one in each["Instances"]]
    if not found:
        raise GameError("None of the instances that the fault is for is running.", "See `aws ec2 describe-instances`.")
    oldest = min(found, key=lambda one: (one["LaunchTime"], one["InstanceId"]))
    return str(oldest["InstanceId"])


def plan_crashed(arguments: Arguments, clients: Clients) -> Inverse:
    """A reboot of the instance that crashes, as long as it does not run again by then."""
    return Inverse("ec2.reboot_instances", {"instance_id": longest_running(arguments["filters"], clients)})


def plan_frozen(arguments: Arguments, clients: Clients) -> Inverse:
    """The program goes on where it was stopped."""
    instance = longest_running(arguments["filters"], clients)
    return Inverse("ssm.thaw_program", {"instance_id": instance, "program": arguments["program"]})


def _state(instance_id: str, clients: Clients) -> str:
    wanted = [{"Name": "instance-id", "Values": [instance_id]}]
    found = clients.client("ec2").describe_instances(Filters=wanted)["Reservations"]
    return str(found[0]["Instances"][0]["State"]["Name"]) if found else "terminated"


def _reboot(arguments: Arguments) -> list[Call]:
    return [Call("ec2", "reboot_instances", {"InstanceIds": [arguments["instance_id"]]})]


def _look_for_life(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
    """What runs a command is alive; one that somebody stopped is not dead of the crash any more."""
    instance = arguments["instance_id"]
    state = _state(instance, clients)
    if state != "running":
        return Outcome.GONE if state in ("terminated", "shutting-down") else Outcome.NOT_NEEDED
    if run(instance, "true", clients, within_s=_ALIVE_WITHIN_S).succeeded:
        return Outcome.NOT_NEEDED
    return _reboot(arguments)


def _thaw(arguments: Arguments) -> list[Call]:
    script = f"pkill -CONT -x {shlex.quote(arguments['program'])}"
    request = {
        "InstanceIds": [arguments["instance_id"]], "DocumentName": DOCUMENT, "Parameters": {"commands": [script]},
    }  # fmt: skip
    return [Call("ssm", "send_command", request)]


def _look_for_frozen(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
    instance, program = arguments["instance_id"], shlex.quote(arguments["program"])
    state = _state(instance, clients)
    if state != "running":
        return Outcome.GONE if state in ("terminated", "shutting-down") else Outcome.NOT_NEEDED
    asked = run(instance, f"ps -o state= -C {program} | grep -q '^T'", clients, within_s=_ALIVE_WITHIN_S)
    return Outcome.NOT_NEEDED if asked.status == "Failed" else _thaw(arguments)


REBOOT = Kind(_reboot, _look_for_life, gone=r"InvalidInstanceID\.NotFound")
THAW = Kind(_thaw, _look_for_frozen, gone="InvalidInstanceId")
