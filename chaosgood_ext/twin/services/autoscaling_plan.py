"""What an auto scaling group does next, decided from how it is.

Sources: "Health checks for instances in an Auto Scaling group", "Set the health check grace period", "Suspend and
resume processes" with "How suspended processes affect other processes", "Default termination policy" and "Auto
Scaling groups across Availability Zones" in the Amazon EC2 Auto Scaling User Guide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from chaosgood_ext.twin.services.autoscaling_model import Group, Member

AT_ONCE = frozenset({"gone"})
"""Ailments for which the grace period is not waited for: an instance that is not running will not become healthy."""


@dataclass(frozen=True)
class Mark:
    """Call an instance unhealthy, for this ailment."""

    id: str
    ailment: str


@dataclass(frozen=True)
class Terminate:
    """Take an instance out and end it; `why` is "unhealthy" or "excess", `capacity` what is left before and after."""

    id: str
    why: str
    capacity: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Launch:
    """Start an instance in a subnet; `why` is "capacity", "replacement" or "balance"."""

    subnet: str
    why: str
    capacity: tuple[int, int] = (0, 0)


Step = Mark | Terminate | Launch


def plan(group: Group) -> list[Step]:
    """Return the next steps of a group; none when it is as it is wanted.

    What one look finds unhealthy, the next one replaces.
    """
    marks = [Mark(one.id, one.ailment) for one in group.members if _falls_ill(group, one)]
    counted = [one for one in group.members if one.counted]
    leaving = [one for one in counted if not one.healthy] if _replaces(group) else []
    staying = [one for one in counted if one not in leaving]
    steps: list[Step] = [*marks, *(Terminate(one.id, "unhealthy") for one in leaving)]
    settled = [one for one in staying if not (one.balancing and one.lifecycle == "Pending")]
    missing, excess = group.desired - len(staying), len(settled) - group.desired
    if missing > 0 and group.may("Launch") and group.may_launch:
        span = (len(staying), group.desired)
        reasons = ["replacement"] * min(missing, len(leaving)) + ["capacity"] * max(0, missing - len(leaving))
        subnets = _spread(group.subnets, staying, missing)
        steps += [Launch(subnet, why, span) for subnet, why in zip(subnets, reasons, strict=True)]
    elif excess > 0 and group.may("Terminate"):
        span = (len(settled), group.desired)
        steps += [Terminate(one.id, "excess", span) for one in victims(settled, excess, group.policy)]
    elif not steps and group.due:
        steps += _rebalance(group, staying)
    return steps


def _falls_ill(group: Group, one: Member) -> bool:
    if not (group.due and one.ailment and one.healthy and one.lifecycle == "InService" and group.may("HealthCheck")):
        return False
    return one.ailment in AT_ONCE or one.age_s >= group.grace_s


def _replaces(group: Group) -> bool:
    """Whether unhealthy instances go now: suspending Terminate makes ReplaceUnhealthy inactive as well."""
    return group.due and group.may("ReplaceUnhealthy", "Terminate")


def _spread(subnets: Iterable[str], members: Iterable[Member], count: int) -> list[str]:
    """Return the subnets of `count` new instances: always the one that has the fewest."""
    used = Counter(dict.fromkeys(subnets, 0))
    used.update(one.subnet for one in members if one.subnet in used)
    chosen = []
    for _ in range(count):
        subnet = min(used, key=lambda name: used[name])
        used[subnet] += 1
        chosen.append(subnet)
    return chosen


def victims(members: Iterable[Member], count: int, policy: str) -> list[Member]:
    """Return who goes when a group shrinks: from the subnet with the most, the oldest (or newest) there.

    An instance that is protected from scale-in stays. With `policy` OldestInstance or NewestInstance the age alone
    counts.
    """
    left, chosen = list(members), []
    for _ in range(count):
        candidates = [one for one in left if not one.protected]
        if not candidates:
            break
        if policy == "Default":
            used = Counter(one.subnet for one in left)
            most = max(used[one.subnet] for one in candidates)
            candidates = [one for one in candidates if used[one.subnet] == most]
        pick = max if policy == "NewestInstance" else min
        victim = pick(candidates, key=lambda one: one.order)
        left.remove(victim)
        chosen.append(victim)
    return chosen


def _rebalance(group: Group, members: list[Member]) -> list[Step]:
    """Launch one where there are fewest when another subnet has two more; the surplus one goes afterwards."""
    steady = all(one.lifecycle == "InService" for one in members)
    if not (steady and group.may("AZRebalance", "Launch", "Terminate") and group.may_launch and group.subnets):
        return []
    used = Counter(dict.fromkeys(group.subnets, 0))
    used.update(one.subnet for one in members)
    fewest = min(group.subnets, key=lambda name: used[name])
    if max(used.values()) - used[fewest] < 2:
        return []
    return [Launch(fewest, "balance", (len(members), len(members) + 1))]
