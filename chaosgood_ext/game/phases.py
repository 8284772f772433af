"""The phases of a game, in their order."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Where a game is."""

    BOOT = "boot"
    STEADY_STATE = "steady state"
    CALM = "calm"
    FAULT = "fault"
    OUTAGE = "outage"
    RECOVERY = "recovery"
    VERDICT = "verdict"
    ROLLBACK = "rollback"
    REPORT = "report"

    @property
    def order(self) -> int:
        """Its place: phases never go back, but recovery and outage may alternate."""
        return list(Phase).index(self)


INTERRUPTIBLE = frozenset(Phase) - {Phase.ROLLBACK, Phase.REPORT}
"""The phases that a signal breaks off; the others put everything back and are short."""
