"""Targets that an action deregisters, health checks, and load balancers whose security groups or subnets it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome
from chaosgood_ext.game.inverses.task_targets import Target, of_services, services_behind

_LEAVING = ("draining", "unused")
_PACE = (
    "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount",
)  # fmt: skip


def plan_deregistered(arguments: Arguments, clients: Clients) -> Inverse:
    """All targets, as the action chooses one at random: the one that is missing afterwards is registered again.

    Where ECS registers them, with the services that do: their tasks may move meanwhile.
    """
    name = arguments["tg_name"]
    elbv2 = clients.client("elbv2")
    with answering(f"Looking up the targets of {name}"):
        arn = elbv2.describe_target_groups(Names=[name])["TargetGroups"][0]["TargetGroupArn"]
        targets, services = _targets(arn, clients), services_behind(arn, clients)
        return Inverse("elbv2.register_targets", {"target_group_arn": arn, "targets": targets, "services": services})


def plan_security_groups(arguments: Arguments, clients: Clients) -> Inverse:
    """The security groups of each load balancer."""
    balancers = {one["LoadBalancerArn"]: list(one["SecurityGroups"]) for one in _named(arguments, clients)}
    return Inverse("elbv2.set_security_groups", {"load_balancers": balancers})


def plan_subnets(arguments: Arguments, clients: Clients) -> Inverse:
    """The subnets of each load balancer."""
    balancers = {one["LoadBalancerArn"]: _subnets_of(one) for one in _named(arguments, clients)}
    return Inverse("elbv2.set_subnets", {"load_balancers": balancers})


def plan_health_check(arguments: Arguments, clients: Clients) -> Inverse:
    """The pace of the group's health check."""
    arn = arguments["target_group_arn"]
    with answering(f"Looking up the health check of {arn}"):
        (group,) = clients.client("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    return Inverse("elbv2.modify_target_group", {"target_group_arn": arn, "health_check": health_check(group)})


def health_check(group: Mapping[str, Any]) -> dict[str, int]:
    """How a target group, as AWS describes it, asks its targets: by AWS's names, times in seconds."""
    return {key: group[key] for key in _PACE}


def _named(arguments: Arguments, clients: Clients) -> list[Mapping[str, Any]]:
    names = arguments["load_balancer_names"]
    with answering(f"Looking up the load balancers {', '.join(names)}"):
        found: list[Mapping[str, Any]] = clients.client("elbv2").describe_load_balancers(Names=names)["LoadBalancers"]
    return found


def _subnets_of(balancer: Mapping[str, Any]) -> list[str]:
    return [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]


def _targets(arn: str, clients: Clients) -> list[dict[str, Any]]:
    """The targets of a group, without those on their way out."""
    found = clients.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return [
        {key: one["Target"][key] for key in ("Id", "Port") if key in one["Target"]}
        for one in found
        if one["TargetHealth"]["State"] not in _LEAVING
    ]


def _register(arguments: Arguments) -> list[Call]:
    request = {"TargetGroupArn": arguments["target_group_arn"], "Targets": arguments["targets"]}
    return [Call("elbv2", "register_targets", request)]


def _look_for_targets(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
    arn = arguments["target_group_arn"]
    there = _targets(arn, clients)
    missing = [one for one in arguments["targets"] if one not in there]
    if not missing:
        return Outcome.NOT_NEEDED
    if services := arguments.get("services"):
        tasks = of_services(services, clients)
        back = [one for one in missing if {Target(one["Id"], one.get("Port")), Target(one["Id"])} & tasks]
    else:
        alive = _alive([one["Id"] for one in missing], clients)
        back = [one for one in missing if one["Id"] in alive]
    if not back:
        return Outcome.GONE
    return _register({"target_group_arn": arn, "targets": back})


def _modify(arguments: Arguments) -> list[Call]:
    request = {"TargetGroupArn": arguments["target_group_arn"], **arguments["health_check"]}
    return [Call("elbv2", "modify_target_group", request)]


def _look_at_health_check(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
    groups = clients.client("elbv2").describe_target_groups(TargetGroupArns=[arguments["target_group_arn"]])
    same = health_check(groups["TargetGroups"][0]) == arguments["health_check"]
    return Outcome.NOT_NEEDED if same else _modify(arguments)


def _alive(ids: Sequence[str], clients: Clients) -> set[str]:
    """Those of `ids` that can be targets still: addresses, and instances that run."""
    instances = [one for one in ids if one.startswith("i-")]
    if not instances:
        return set(ids)
    pages = clients.client("ec2").get_paginator("describe_instances")
    running = [
        {"Name": "instance-id", "Values": instances},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    found = [
        one["InstanceId"]
        for page in pages.paginate(Filters=running)
        for reservation in page["Reservations"]
        for one in reservation["Instances"]
    ]
    return {one for one in ids if one in found or not one.startswith("i-")}


def _each(operation: str, key: str) -> Callable[[Arguments], list[Call]]:
    return lambda arguments: [
        Call("elbv2", operation, {"LoadBalancerArn": arn, key: values})
        for arn, values in arguments["load_balancers"].items()
    ]


def _looks(
    calls: Callable[[Arguments], list[Call]], read: Callable[[Mapping[str, Any]], Sequence[str]]
) -> Callable[[Arguments, Clients], Outcome | Sequence[Call]]:
    def look(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
        was = arguments["load_balancers"]
        answer = clients.client("elbv2").describe_load_balancers(LoadBalancerArns=list(was))
        differing = {
            one["LoadBalancerArn"]: was[one["LoadBalancerArn"]]
            for one in answer["LoadBalancers"]
            if set(read(one)) != set(was[one["LoadBalancerArn"]])
        }
        return calls({"load_balancers": differing}) if differing else Outcome.NOT_NEEDED

    return look


_SET_GROUPS = _each("set_security_groups", "SecurityGroups")
_SET_SUBNETS = _each("set_subnets", "Subnets")

REGISTER = Kind(_register, _look_for_targets, gone="TargetGroupNotFound|InvalidTarget")
HEALTH_CHECK = Kind(_modify, _look_at_health_check, gone="TargetGroupNotFound")
SECURITY_GROUPS = Kind(_SET_GROUPS, _looks(_SET_GROUPS, lambda one: one["SecurityGroups"]), gone="LoadBalancerNotFound")
SUBNETS = Kind(_SET_SUBNETS, _looks(_SET_SUBNETS, _subnets_of), gone="LoadBalancerNotFound")
