"""What the watchers saw, shared by all threads of a game."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from chaosgood_ext.game.guards.guard import Check
from chaosgood_ext.game.sli import Interval


@dataclass
class Observations:
    """The present state of a game's world; attributes are replaced whole, so reading one needs no lock."""

    pages_firing: frozenset[str] = frozenset()
    check: Check = field(default_factory=Check)
    """What the guards found last."""
    lost: dict[str, float] = field(default_factory=dict)
    """The sources that do not answer, with the time since when (monotonic clock)."""
    _intervals: list[Interval] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, intervals: Iterable[Interval]) -> None:
        """Add what users got."""
        with self._lock:
            self._intervals.extend(intervals)

    def since(self, time: float) -> list[Interval]:
        """What users got after `time` (seconds since the epoch)."""
        with self._lock:
            return [interval for interval in self._intervals if interval.end > time]
