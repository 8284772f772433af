"""Whether a metric alarm is in ALARM, decided from its data points, and what CloudWatch says of it.

Source: "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data" in the Amazon CloudWatch User
Guide, https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

RANGE_BEYOND = 2
"""How many periods before the evaluated ones are looked at as well, as in the examples of the User Guide."""

_COMPARE: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
OPERATORS = tuple(_COMPARE)
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")


@dataclass(frozen=True)
class Rule:
    """When an alarm is in ALARM: `to_alarm` of the last `periods` data points compare so with the threshold."""

    comparison: str
    threshold: float
    periods: int
    to_alarm: int
    missing: str = "missing"

    def breaches(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return _COMPARE[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Finding:
    """The state that an alarm should be in, and CloudWatch's reason for it."""

    state: str
    reason: str


def evaluate(rule: Rule, points: Sequence[tuple[float, float] | None]) -> Finding | None:
    """Return what the last `periods` + `RANGE_BEYOND` periods mean for an alarm; None: that its state stays.

    `points` are (time, value) pairs, the oldest first, None for a period without data.
    """
    there = [point for point in points if point is not None][-rule.periods :]
    missing = rule.periods - len(there)
    beyond = sum(rule.breaches(value) for _, value in there)
    within = len(there) - beyond
    if missing and rule.missing in ("breaching", "notBreaching"):
        counted = beyond + (missing if rule.missing == "breaching" else 0)
        return _found(rule, there, missing, alarm=counted >= rule.to_alarm)
    if beyond >= rule.to_alarm or within:
        return _found(rule, there, 0, alarm=beyond >= rule.to_alarm)
    if rule.missing == "ignore":
        return None
    if there:
        return _found(rule, there, 0, alarm=True)
    counts = "1 datapoint was" if rule.periods == 1 else f"{rule.periods} datapoints were"
    return Finding("INSUFFICIENT_DATA", f"Insufficient Data: {counts} unknown.")


def _found(rule: Rule, there: Sequence[tuple[float, float]], treated: int, *, alarm: bool) -> Finding:
    after = "ALARM" if alarm else "OK"
    if treated and not there:
        periods = "1 period" if treated == 1 else f"{treated} periods"
        points = "1 missing datapoint was" if treated == 1 else f"{treated} missing datapoints were"
        treatment = "Breaching" if rule.missing == "breaching" else "NonBreaching"
        reason = f"Threshold Crossed: no datapoints were received for {periods} and {points} treated as [{treatment}]."
        return Finding(after, reason)
    shown = [(at, value) for at, value in reversed(there) if rule.breaches(value) == alarm] or list(reversed(there))
    listed = ", ".join(f"{value} ({datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S})" for at, value in shown)
    verb = "was" if len(shown) == 1 else "were"
    compared = ("" if alarm else "not ") + _COMPARE[rule.comparison][1]
    least = rule.to_alarm if alarm else rule.periods - rule.to_alarm + 1
    count = f"{least} datapoint{'' if least == 1 else 's'}"
    return Finding(
        after,
        f"Threshold Crossed: {len(shown)} out of the last {rule.periods} datapoints [{listed}] {verb} {compared} the "
        f"threshold ({rule.threshold}) (minimum {count} for {'OK -> ALARM' if alarm else 'ALARM -> OK'} transition).",
    )
