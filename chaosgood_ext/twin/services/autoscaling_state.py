"""Reads auto scaling groups out of moto's state. Hold the tap's lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chaosgood_ext.twin.services.autoscaling_ledger import Ledger
from chaosgood_ext.twin.services.autoscaling_model import Group, Member

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
    from moto.ec2.models.instances import Instance

    from chaosgood_ext.twin.services.elb_health import Health
    from chaosgood_ext.twin.services.elb_model import Target

HealthOf = Callable[[str], "Mapping[Target, Health]"]
"""Returns the health of the targets of a target group, by its ARN; draining ones included."""

Impaired = Callable[["Instance"], bool]
"""Whether a status check of an instance has failed."""

GONE = ("shutting-down", "terminated", "stopping", "stopped")


def status_failed(instance: Instance) -> bool:
    """What DescribeInstanceStatus tells: whether the system or the instance is impaired."""
    return "impaired" in (instance.system_status["Status"], instance.instance_status["Status"])


def describe(group: FakeAutoScalingGroup, ledger: Ledger, health_of: HealthOf, impaired: Impaired) -> Group:
    """Return a group as the plan sees it."""
    now = time.monotonic()
    sick = _unhealthy_targets(group, health_of)
    due = ledger.next_look.get(group.name, now + 1) <= now
    return Group(
        name=group.name,
        desired=int(group.desired_capacity or 0),
        members=tuple(_member(one, ledger, impaired, sick, now) for one in group.instance_states),
        subnets=tuple(part.strip() for part in (group.vpc_zone_identifier or "").split(",") if part.strip()),
        suspended=frozenset(process["ProcessName"] for process in group.suspended_processes),
        grace_s=float(group.health_check_grace_period or 0) / ledger.time_scale,
        due=due,
        may_launch=ledger.retry_at.get(group.name, 0.0) <= now,
        policy=str((group.termination_policies or ["Default"])[0]),
    )


def _member(one: InstanceState, ledger: Ledger, impaired: Impaired, sick: set[str], now: float) -> Member:
    entry = ledger.entry(one.instance.id)
    return Member(
        id=one.instance.id,
        subnet=str(one.instance.subnet_id),
        lifecycle=one.lifecycle_state,
        healthy=one.health_status == "Healthy",
        ailment=_ailment(one, impaired, sick),
        age_s=now - entry.since,
        order=entry.order,
        protected=bool(one.protected_from_scale_in),
        balancing=entry.balancing,
    )


def _ailment(one: InstanceState, impaired: Impaired, sick: set[str]) -> str:
    if one.instance.state in GONE:
        return "gone"
    if one.instance.state == "running" and impaired(one.instance):
        return "impaired"
    return "elb" if one.instance.id in sick else ""


def _unhealthy_targets(group: FakeAutoScalingGroup, health_of: HealthOf) -> set[str]:
    """The instances that a load balancer finds unhealthy, where the group asks it."""
    if "ELB" not in str(group.health_check_type):
        return set()
    return {
        target.id
        for arn in group.target_group_arns or []
        for target, health in health_of(arn).items()
        if health.state == "unhealthy"
    }
