"""Scaling activities: their store, and what AWS writes into them.

Wording: "Verify a scaling activity", "View the reason for health check failures" and "Troubleshoot unhealthy
instances" in the Amazon EC2 Auto Scaling User Guide,
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks-troubleshooting.html, and
https://repost.aws/knowledge-center/auto-scaling-scale-down.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

_KEPT = 500

AILMENTS = {
    "gone": "an EC2 health check indicating it has been terminated or stopped",
    "impaired": "an EC2 instance status checks failure",
    "elb": "an ELB system health check failure",
    "user": "a user health-check",
}
"""What takes an instance out of service, by the ailment that the plan knows."""

_STARTED = {
    "capacity": (
        "an instance was started in response to a difference between desired and actual capacity, "
        "increasing the capacity from {} to {}."
    ),
    "replacement": "an instance was launched in response to an unhealthy instance needing to be replaced.",
    "balance": "an instance was launched to aid in balancing the group's zones.",
}


def stamp(when: datetime) -> str:
    """Write a time as causes do."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def at(text: str) -> str:
    """Begin a sentence of a cause with the present time."""
    return f"At {stamp(datetime.now(UTC))} {text}"


def started(why: str, capacity: tuple[int, int]) -> str:
    """Return the cause of a launch."""
    return at(_STARTED[why].format(*capacity))


def unhealthy(ailment: str) -> str:
    """Return the cause of the termination of an instance that is ill."""
    return at(f"an instance was taken out of service in response to {AILMENTS[ailment]}.")


def selected(instance_id: str, capacity: tuple[int, int]) -> str:
    """Return the cause of a termination because there are too many."""
    shrinking = (
        "an instance was taken out of service in response to a difference between desired and actual capacity, "
        f"shrinking the capacity from {capacity[0]} to {capacity[1]}."
    )
    return f"{at(shrinking)}  {at(f'instance {instance_id} was selected for termination.')}"


def requested(instance_id: str, done: str, before: int, after: int) -> str:
    """Return the cause of what a user wanted done to an instance: `done` is "was detached" and the like."""
    moved = {True: "shrinking", False: "increasing"}[after < before]
    change = "" if after == before else f", {moved} the capacity from {before} to {after}"
    return at(f"instance {instance_id} {done} in response to a user request{change}.")


@dataclass
class Activity:
    """One scaling activity, of which the status moves on."""

    group: str
    group_arn: str
    description: str
    cause: str
    details: dict[str, str] = field(default_factory=dict)
    status: str = "InProgress"
    message: str = ""
    progress: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None

    def end(self, status: str = "Successful", message: str = "") -> None:
        """End it, once; the first end stands."""
        if self.ended is None:
            self.status, self.message, self.progress, self.ended = status, message, 100, datetime.now(UTC)

    def told(self, *, deleted: bool = False) -> dict[str, Any]:
        """As DescribeScalingActivities tells it."""
        values: dict[str, Any] = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "AutoScalingGroupARN": self.group_arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.started,
            "StatusCode": self.status,
            "Progress": self.progress,
            "Details": json.dumps(self.details),
        }
        if self.ended is not None:
            values["EndTime"] = self.ended
        if self.message:
            values["StatusMessage"] = self.message
        if deleted:
            values["AutoScalingGroupState"] = "Deleted"
        return values


class Activities:
    """The activities of all groups, the newest last; hold the tap's lock."""

    def __init__(self) -> None:
        self._all: list[Activity] = []

    def begin(
        self, group: tuple[str, str], description: str, cause: str, details: dict[str, str] | None = None
    ) -> Activity:
        """Begin one of the group with that name and ARN."""
        activity = Activity(*group, description, cause, details or {})
        self._all = [*self._all[-_KEPT:], activity]
        return activity

    def of(self, group: str, ids: Sequence[str] = ()) -> list[Activity]:
        """Those of a group ("" for all groups), the newest first."""
        return [one for one in reversed(self._all) if group in ("", one.group) and (not ids or one.id in ids)]
