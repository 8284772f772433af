"""Auto scaling groups whose processes or subnets an action changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome

_PROCESSES = (
    "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh",
    "ReplaceUnhealthy", "ScheduledActions",
)  # fmt: skip
"""docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html"""


def plan_suspended(arguments: Arguments, clients: Clients) -> Inverse:
    """The processes that are not suspended yet, of each group."""
    asked = arguments.get("process_names") or _PROCESSES
    groups = {
        group["AutoScalingGroupName"]: sorted(set(asked) - _suspended(group)) for group in _groups(arguments, clients)
    }
    return Inverse("autoscaling.resume_processes", {"groups": groups})


def plan_resumed(arguments: Arguments, clients: Clients) -> Inverse:
    """The processes that are suspended now, of each group."""
    asked = arguments.get("process_names") or _PROCESSES
    groups = {
        group["AutoScalingGroupName"]: sorted(set(asked) & _suspended(group)) for group in _groups(arguments, clients)
    }
    return Inverse("autoscaling.suspend_processes", {"groups": groups})


def plan_subnets(arguments: Arguments, clients: Clients) -> Inverse:
    """The subnets of each group."""
    groups = {group["AutoScalingGroupName"]: group["VPCZoneIdentifier"] for group in _groups(arguments, clients)}
    return Inverse("autoscaling.update_subnets", {"groups": groups})


def _groups(arguments: Arguments, clients: Clients) -> list[Mapping[str, Any]]:
    names, tags = arguments.get("asg_names") or [], arguments.get("tags") or []
    with answering("Looking up the auto scaling groups"):
        groups = _describe(names, clients)
    if not names:
        wanted = {(tag["Key"], tag["Value"]) for tag in tags}
        groups = [group for group in groups if wanted & {(tag["Key"], tag["Value"]) for tag in group.get("Tags", [])}]
    if not groups:
        asked = ", ".join(names) or tags
        raise GameError(
            f"There is no auto scaling group {asked}.", "See `aws autoscaling describe-auto-scaling-groups`."
        )
    return groups


def _describe(names: Sequence[str], clients: Clients) -> list[Mapping[str, Any]]:
    pages = clients.client("autoscaling").get_paginator("describe_auto_scaling_groups")
    return [group for page in pages.paginate(AutoScalingGroupNames=list(names)) for group in page["AutoScalingGroups"]]


def _suspended(group: Mapping[str, Any]) -> set[str]:
    return {process["ProcessName"] for process in group.get("SuspendedProcesses", [])}


def _processes(operation: str) -> Callable[[Arguments], list[Call]]:
    return lambda arguments: [
        Call("autoscaling", operation, {"AutoScalingGroupName": name, "ScalingProcesses": processes})
        for name, processes in arguments["groups"].items()
        if processes
    ]


def _subnets(arguments: Arguments) -> list[Call]:
    return [
        Call("autoscaling", "update_auto_scaling_group", {"AutoScalingGroupName": name, "VPCZoneIdentifier": subnets})
        for name, subnets in arguments["groups"].items()
    ]


def _looks(
    calls: Callable[[Arguments], list[Call]], left: Callable[[Mapping[str, Any], Any], Any]
) -> Callable[[Arguments, Clients], Outcome | Sequence[Call]]:
    """Looks at each group that is still there; `left` is what differs from what it was, if anything."""

    def look(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
        found = {group["AutoScalingGroupName"]: group for group in _describe(list(arguments["groups"]), clients)}
        if not found:
            return Outcome.GONE
        differing = {name: left(found[name], was) for name, was in arguments["groups"].items() if name in found}
        todo = {name: what for name, what in differing.items() if what}
        return calls({"groups": todo}) if todo else Outcome.NOT_NEEDED

    return look


RESUME = Kind(
    _processes("resume_processes"),
    _looks(_processes("resume_processes"), lambda group, was: sorted(_suspended(group) & set(was))),
)
SUSPEND = Kind(
    _processes("suspend_processes"),
    _looks(_processes("suspend_processes"), lambda group, was: sorted(set(was) - _suspended(group))),
)
SUBNETS = Kind(
    _subnets,
    _looks(
        _subnets,
        lambda group, was: was if set(group["VPCZoneIdentifier"].split(",")) != set(was.split(",")) else "",
    ),
)
