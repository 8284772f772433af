"""Decides whether users are hurt and whether they are served again; pure, so that every case can be tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from chaosgood_ext.game.sli import Interval, Source

_IMPACT_GAP_S = 5
"""Two bad seconds of one source, with none between them that was good, are an impact; one is noise."""
_OUTAGE_S = 4.0
"""How long after the last bad second users still count as hurt: where half of the requests fail, luck lasts for two.

At most half of the hold window, so that a recovery is seen before it counts.
"""


class Verdict(StrEnum):
    """How a game ends."""

    RESOLVED = "resolved"
    TIMED_OUT = "timed-out"
    REJECTED = "rejected"
    ABORTED = "aborted"


class State(StrEnum):
    """How users fare."""

    UNHURT = "unhurt"
    OUTAGE = "outage"
    HOLDING = "holding"
    RECOVERED = "recovered"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Rules:
    """What counts: `objective` is the share of good requests, `rates` what each source met per second in calm.

    A source that meets less than `presence` of its rate over the hold window, or nothing in the last
    `freshness_s`, says nothing: with no requests there are no errors.
    """

    hold_window_s: float
    objective: float = 0.99
    freshness_s: float = 3.0
    presence: float = 0.5
    rates: Mapping[Source, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """What the referee sees: the state, since when users were hurt, when they last were, and what is awaited."""

    state: State
    impact: float | None = None
    last_bad: float | None = None
    waiting_for: tuple[str, ...] = ()


def judge(
    intervals: Sequence[Interval],
    rules: Rules,
    *,
    now: float,
    fault: float,
    alert_firing: bool,
    violations: Sequence[str] = (),
    overdue: bool = False,
    unguarded_until: float | None = None,
    unanswered: Sequence[str] = (),
    impact: float | None = None,
) -> Judgement:
    """Judge what users got since the `fault`; times in seconds since the epoch.

    `impact` is that of an earlier judgement, so that older intervals need not be kept; `unguarded_until` is when a
    guard was last violated, and `unanswered` names guards that nobody could ask. The state is `recovered` when for
    the hold window nothing was bad although both sources met requests, and no guard was violated, and no alert fires
    any more; `rejected` when only guards stand against it, and they are `overdue`.
    """
    since = [interval for interval in intervals if interval.end > fault]
    bad = bad_seconds(since, rules.objective)
    impact = impact if impact is not None else _impact(bad, fault)
    if impact is None:
        return Judgement(State.UNHURT)
    last_bad = max((one.end for one in since if one.bad and bad[one.source].get(_second(one))), default=impact)
    silent = tuple(f"no {source}" for source in Source if not _present(since, source, rules, now=now))
    held = now - last_bad
    if held <= min(_OUTAGE_S, rules.hold_window_s / 2):
        return Judgement(State.OUTAGE, impact, last_bad, silent)
    left = rules.hold_window_s - held
    waiting = (*silent, *_more(left), *(["the alert still fires"] if alert_firing else []))
    if violations:
        state = State.REJECTED if overdue and not waiting else State.HOLDING
        return Judgement(state, impact, last_bad, (*waiting, *violations))
    if not waiting and unguarded_until is not None:
        waiting = _more(rules.hold_window_s - (now - unguarded_until))
    if not waiting:
        waiting = tuple(f"the guard {name} gets no answer" for name in unanswered)
    return Judgement(State.HOLDING if waiting else State.RECOVERED, impact, last_bad, waiting)


def bad_seconds(intervals: Iterable[Interval], objective: float) -> dict[Source, dict[int, bool]]:
    """For each source the seconds in which it met requests, and whether less than `objective` of them were good."""
    sums: dict[Source, dict[int, list[float]]] = {source: defaultdict(lambda: [0.0, 0.0]) for source in Source}
    for interval in intervals:
        one = sums[interval.source][_second(interval)]
        one[0] += interval.bad
        one[1] += interval.total
    return {
        source: {second: bad / total > 1 - objective for second, (bad, total) in sorted(seconds.items()) if total}
        for source, seconds in sums.items()
    }


def rates(intervals: Sequence[Interval], duration_s: float) -> dict[Source, float]:
    """Requests per second that each source met in `duration_s`."""
    return {source: sum(one.total for one in intervals if one.source is source) / duration_s for source in Source}


def is_calm(intervals: Sequence[Interval], objective: float, duration_s: float, requests_per_s: float) -> bool:
    """Whether `intervals`, of the last `duration_s`, have good news of both sources all along.

    The traffic has to be `requests_per_s` at least (up to a tenth less), and each source heard of in nearly every
    second.
    """
    seconds = bad_seconds(intervals, objective)
    if any(any(bad.values()) or len(bad) < duration_s - 2 for bad in seconds.values()):
        return False
    return rates(intervals, duration_s)[Source.TRAFFIC] >= 0.9 * requests_per_s


def _more(left_s: float) -> tuple[str, ...]:
    return (f"{left_s:.0f} s more",) if left_s > 0 else ()


def _second(interval: Interval) -> int:
    return int(interval.end)


def _impact(bad: Mapping[Source, Mapping[int, bool]], fault: float) -> float | None:
    starts = [
        first
        for seconds in bad.values()
        for first, second in pairwise(seconds)
        if seconds[first] and seconds[second] and second - first <= _IMPACT_GAP_S
    ]
    return max(fault, float(min(starts))) if starts else None


def _present(intervals: Iterable[Interval], source: Source, rules: Rules, *, now: float) -> bool:
    window = [one for one in intervals if one.source is source and one.end > now - rules.hold_window_s]
    fresh = any(one.total for one in window if one.end >= now - rules.freshness_s)
    wanted = rules.rates.get(source, 0.0) * rules.presence * rules.hold_window_s
    return fresh and sum(one.total for one in window) >= wanted
