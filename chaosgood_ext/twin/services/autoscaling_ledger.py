"""What the Auto Scaling service remembers of its groups and their instances, beyond what its API stores."""

from __future__ import annotations

import itertools
import time
from collections import defaultdict
from dataclasses import dataclass, field

from chaosgood_ext.twin.services.autoscaling_words import Activities, Activity


@dataclass
class Entry:
    """What is remembered of an instance: `since` is when it was launched or came into service (monotonic).

    `goal` is what it is leaving for, "" while it stays: "terminate", "detach" or "standby". It leaves when it is
    drained, at `leave_by` (monotonic) at the latest.
    """

    order: int
    since: float = field(default_factory=time.monotonic)
    ailment: str = "user"
    balancing: bool = False
    arriving: Activity | None = None
    leaving: Activity | None = None
    goal: str = ""
    leave_by: float = 0.0


@dataclass
class Ledger:
    """Hold the tap's lock. Durations that the API tells in seconds are `time_scale` times as short here.

    `causes` are the users' requests that a group has yet to follow, `next_look` is when its instances' health is looked
    at next, `retry_at` when a launch is tried again after one that failed, `scaled_at` when a policy last scaled
    it; `deleting` are the groups that go when their last instance has.
    """

    time_scale: float = 1.0
    activities: Activities = field(default_factory=Activities)
    entries: dict[str, Entry] = field(default_factory=dict)
    causes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    next_look: dict[str, float] = field(default_factory=dict)
    retry_at: dict[str, float] = field(default_factory=dict)
    scaled_at: dict[str, float] = field(default_factory=dict)
    deleting: set[str] = field(default_factory=set)
    _orders: itertools.count[int] = field(default_factory=itertools.count)

    def entry(self, instance_id: str) -> Entry:
        """Return what is remembered of an instance; of a new one, that it is new."""
        if instance_id not in self.entries:
            self.entries[instance_id] = Entry(next(self._orders))
        return self.entries[instance_id]

    def leave(self, instance_id: str, goal: str, activity: Activity) -> None:
        """Let an instance leave for `goal`."""
        entry = self.entry(instance_id)
        entry.goal, entry.leaving, entry.leave_by = goal, activity, 0.0

    def look_now(self, group: str) -> None:
        """Look at the health of a group's instances in the next round."""
        self.next_look[group] = 0.0

    def forget(self, group: str) -> None:
        """Forget a group that is gone; its activities stay."""
        for kept in (self.causes, self.next_look, self.retry_at, self.scaled_at):
            kept.pop(group, None)
        self.deleting.discard(group)
