"""What the Auto Scaling API refuses, in AWS's words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chaosgood_ext.twin.cloud.refusals import lacking
from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.wire import Call
    from chaosgood_ext.twin.services.autoscaling_ledger import Entry

LEAVING = {
    "terminate": ("Terminating EC2 instance", "was taken out of service", "Terminating"),
    "detach": ("Detaching EC2 instance", "was detached", "Detaching"),
    "standby": ("Moving EC2 instance to Standby", "was moved to standby", "EnteringStandby"),
}
"""Description of the activity, what its cause says was done, and the lifecycle state on the way, by goal."""

VERBS = {"detach": "detach", "standby": "move to standby"}
_POLICIES = ("Default", "OldestInstance", "NewestInstance")


def invalid(message: str) -> AwsError:
    """Return a ValidationError."""
    return AwsError("ValidationError", message)


def bounds(low: int, high: int, desired: int) -> None:
    """Refuse bounds that are the wrong way round, and a desired capacity outside of them."""
    if low > high:
        raise invalid(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
    if not low <= desired <= high:
        raise invalid(f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}")


def policies(call: Call, asked: Sequence[str]) -> None:
    """Refuse termination policies that the twin does not follow."""
    for policy in asked:
        if policy not in _POLICIES:
            raise lacking(call, f"the termination policy {policy}")
    if len(asked) > 1:
        raise lacking(call, "several termination policies")


def health_check(asked: str) -> None:
    """Refuse a health check type that there is not, or that nothing here would report."""
    if not set(asked.split(",")) <= {"EC2", "ELB"}:
        raise invalid(f"Invalid Health Check Type : {asked}. Valid health check types are : [EC2, ELB]")


def subnets(state: State, listed: str) -> None:
    """Refuse a group without subnets, and subnets that there are not."""
    if not listed:
        raise invalid("At least one Availability Zone or VPC Subnet is required.")
    known = {subnet_id for zone in state.ec2.subnets.values() for subnet_id in zone}
    for subnet_id in listed.split(","):
        if subnet_id.strip() not in known:
            raise invalid(f"The subnet ID '{subnet_id.strip()}' does not exist")


def target_groups(state: State, arns: Iterable[str]) -> None:
    """Refuse target groups that there are not."""
    for arn in arns:
        if arn not in state.elbv2.target_groups:
            raise invalid(f"Provided Target Groups may not be valid. Please ensure they exist and try again: {arn}")


def attachable(state: State, group: FakeAutoScalingGroup, ids: Sequence[str]) -> None:
    """Refuse instances that do not run or belong to a group already, and more than the group may have."""
    desired, high = int(group.desired_capacity or 0), int(group.max_size or 0)
    if desired + len(ids) > high:
        raise invalid(
            f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={high}, and "
            f"desired-size={desired}. To attach {len(ids)} more instance(s), please update the AutoScalingGroup sizes "
            "appropriately."
        )
    taken = {
        one.instance.id: other.name
        for other in state.autoscaling.autoscaling_groups.values()
        for one in other.instance_states
    }
    for instance_id in ids:
        instance = state.ec2.get_instance_by_id(instance_id)
        if instance is None:
            raise invalid(f"Invalid Instance ID(s): [{instance_id}] specified.")
        if instance_id in taken:
            raise invalid(
                f"The instance {instance_id} is already part of AutoScalingGroup:{taken[instance_id]}, so failed to "
                "attach it."
            )
        if instance.state != "running":
            raise invalid(f"The instance {instance_id} is not in correct state, so failed to attach it.")


def in_grace(group: FakeAutoScalingGroup, entry: Entry, time_scale: float) -> bool:
    """Whether the grace period of an instance is not over."""
    return time.monotonic() - entry.since < float(group.health_check_grace_period or 0) / time_scale
