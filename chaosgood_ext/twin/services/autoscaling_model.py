"""Auto scaling groups as data: what the control plane wants, and how the instances are."""

from __future__ import annotations

from dataclasses import dataclass

PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)
"""The processes that can be suspended.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
"""

GROUP_METRICS = (
    "GroupMinSize",
    "GroupMaxSize",
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupStandbyInstances",
    "GroupTerminatingInstances",
    "GroupTotalInstances",
)
"""The metrics that a group may have collected."""

COUNTED = ("Pending", "InService")
"""The lifecycle states that count as capacity."""


@dataclass(frozen=True)
class Member:
    """An instance of a group.

    `age_s` is how long it has been in service; `ailment` is what is wrong with it by the checks that the group
    uses ("" for nothing): a key of `autoscaling_words.AILMENTS`; `order` tells who was launched first.
    """

    id: str
    subnet: str
    lifecycle: str = "InService"
    healthy: bool = True
    ailment: str = ""
    age_s: float = 0.0
    order: int = 0
    protected: bool = False
    balancing: bool = False

    @property
    def counted(self) -> bool:
        """Whether it is capacity."""
        return self.lifecycle in COUNTED


@dataclass(frozen=True)
class Group:
    """A group, durations already those of the twin; `due` says that its instances' health is to be looked at now."""

    name: str
    desired: int
    members: tuple[Member, ...] = ()
    subnets: tuple[str, ...] = ()
    suspended: frozenset[str] = frozenset()
    grace_s: float = 0.0
    due: bool = False
    may_launch: bool = True
    policy: str = "Default"

    def may(self, *processes: str) -> bool:
        """Whether none of these processes is suspended."""
        return self.suspended.isdisjoint(processes)
