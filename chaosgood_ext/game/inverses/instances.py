"""Instances that an action stops or starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome

_SETTLED_WITHIN_S = 90.0
"""An instance that is stopping cannot be started: how long to wait until it has stopped, as most have by then."""
_POLL_S = 0.5


def plan_stopped(arguments: Arguments, clients: Clients) -> Inverse:
    """Of all that the action may choose from, the instances that run now: what it stops is started again."""
    return Inverse("ec2.start_instances", {"instance_ids": _candidates(arguments, clients, "running")})


def plan_started(arguments: Arguments, clients: Clients) -> Inverse:
    """Of all that the action may choose from, the instances that are stopped now."""
    return Inverse("ec2.stop_instances", {"instance_ids": _candidates(arguments, clients, "stopped")})


def _candidates(arguments: Arguments, clients: Clients, state: str) -> list[str]:
    named = arguments.get("instance_ids") or [one for one in [arguments.get("instance_id")] if one]
    filters = list(arguments.get("filters") or [])
    if arguments.get("az"):
        filters.append({"Name": "availability-zone", "Values": [arguments["az"]]})
    request = {"InstanceIds": named} if named else {"Filters": filters}
    with answering("Looking up the instances"):
        found = [one["InstanceId"] for one in _describe(request, clients) if one["State"]["Name"] == state]
    if not found:
        raise GameError(f"None of the instances that the fault is for is {state}.", "See `aws ec2 describe-instances`.")
    return sorted(found)


def _describe(request: Mapping[str, Any], clients: Clients) -> list[Mapping[str, Any]]:
    pages = clients.client("ec2").get_paginator("describe_instances").paginate(**request)
    return [one for page in pages for reservation in page["Reservations"] for one in reservation["Instances"]]


def _start(instance_ids: Iterable[str]) -> list[Call]:
    return [Call("ec2", "start_instances", {"InstanceIds": list(instance_ids)})]


def _stop(instance_ids: Iterable[str]) -> list[Call]:
    return [Call("ec2", "stop_instances", {"InstanceIds": list(instance_ids)})]


def _looks(
    on_its_way: str, to_change: str, calls: Callable[[Iterable[str]], list[Call]]
) -> Callable[[Arguments, Clients], Outcome | Sequence[Call]]:
    def look(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
        deadline = time.monotonic() + _SETTLED_WITHIN_S
        wanted = {"Filters": [{"Name": "instance-id", "Values": list(arguments["instance_ids"])}]}
        while True:
            states = {one["InstanceId"]: one["State"]["Name"] for one in _describe(wanted, clients)}
            if on_its_way not in states.values() or time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        if change := [one for one, state in states.items() if state in (to_change, on_its_way)]:
            return calls(change)
        alive = [state for state in states.values() if state not in ("terminated", "shutting-down")]
        return Outcome.NOT_NEEDED if alive else Outcome.GONE

    return look


START = Kind(
    lambda arguments: _start(arguments["instance_ids"]),
    _looks("stopping", "stopped", _start),
    gone=r"InvalidInstanceID\.NotFound",
)
STOP = Kind(
    lambda arguments: _stop(arguments["instance_ids"]),
    _looks("pending", "running", _stop),
    gone=r"InvalidInstanceID\.NotFound",
)
