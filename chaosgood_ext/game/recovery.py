"""The rules by which an outage becomes a verdict; fed with the present, so that hours pass at once in a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chaosgood_ext.game.guards.guard import Check, Violation
from chaosgood_ext.game.referee import Judgement, Rules, State, Verdict, judge
from chaosgood_ext.game.sli import Interval
from chaosgood_ext.record.words import duration

UNFELT_S = 30.0
"""A fault that nobody felt for so long will not be felt any more."""
BLIND_S = 15.0
"""How long the referee's sight may be taken away, before the game is rejected."""
SILENCE_S = 15.0
"""How long Prometheus may be silent before the game cannot go on."""


@dataclass(frozen=True)
class Ruling:
    """How the game ends, and why."""

    verdict: Verdict
    reason: str
    guards: tuple[str, ...] = ()
    """The guards that were violated, where the game is rejected."""


@dataclass(frozen=True)
class Situation:
    """What is known at one moment; times in seconds since the epoch."""

    now: float
    intervals: Sequence[Interval]
    pages_firing: frozenset[str] = frozenset()
    check: Check = field(default_factory=Check)
    """What the guards found last."""
    silent_s: float = 0.0
    """For how long Prometheus has not answered."""
    responder_acted: bool = False
    """Whether the responder changed something since the fault."""


@dataclass
class Recovery:
    """Follows one outage from the `fault` (seconds since the epoch) to its end, at the latest after `limit_s`."""

    rules: Rules
    fault: float
    limit_s: float
    judgement: Judgement = field(default_factory=lambda: Judgement(State.UNHURT))
    _standing_since: dict[str, float] = field(default_factory=dict)
    """When the violation of each guard that is violated now was first seen."""
    _unguarded_until: float | None = None

    def step(self, situation: Situation) -> Ruling | None:
        """Judge the present; a ruling when the game is over."""
        violations = situation.check.violations
        self._follow(violations, situation.now)
        overdue = [one for one in violations if self._stands(one, situation.now, one.patience)]
        self.judgement = judge(
            situation.intervals,
            self.rules,
            now=situation.now,
            fault=self.fault,
            alert_firing=bool(situation.pages_firing),
            violations=[*map(_said, violations)],
            overdue=bool(overdue),
            unguarded_until=self._unguarded_until,
            unanswered=[name for name, _ in situation.check.unanswered],
            impact=self.judgement.impact,
        )
        return self._blinded(situation) or self._decided(violations) or self._given_up(situation, overdue)

    def _follow(self, violations: Sequence[Violation], now: float) -> None:
        guards = {one.guard for one in violations}
        self._standing_since = {guard: self._standing_since.get(guard, now) for guard in guards}
        if violations:
            self._unguarded_until = now

    def _stands(self, violation: Violation, now: float, windows: float) -> bool:
        return now - self._standing_since[violation.guard] >= windows * self.rules.hold_window_s

    def _blinded(self, situation: Situation) -> Ruling | None:
        """Whoever takes the referee's sight away, and leaves it so, does not want to be judged."""
        for one in situation.check.violations:
            since = self._standing_since[one.guard]
            if one.blinds and situation.now - since >= max(BLIND_S, one.patience * self.rules.hold_window_s):
                reason = f"Nobody can say any more whether users are served: {_said(one)}."
                return Ruling(Verdict.REJECTED, reason, (one.guard,))
        return None

    def _decided(self, violations: Sequence[Violation]) -> Ruling | None:
        judgement = self.judgement
        if judgement.state is State.RECOVERED:
            assert judgement.impact is not None
            assert judgement.last_bad is not None
            hurt = duration(judgement.last_bad - judgement.impact)
            return Ruling(Verdict.RESOLVED, f"Users were hurt for {hurt} and are served again.")
        if judgement.state is State.REJECTED:
            what = "; ".join(judgement.waiting_for)
            return Ruling(Verdict.REJECTED, f"Users are served again, but {what}.", _guards(violations))
        return None

    def _given_up(self, situation: Situation, overdue: Sequence[Violation]) -> Ruling | None:
        passed = situation.now - self.fault
        violations = situation.check.violations
        if situation.silent_s > SILENCE_S and not any(one.blinds for one in violations):
            return Ruling(
                Verdict.ABORTED,
                f"Prometheus has not answered for {duration(situation.silent_s)}, so nobody can say whether users are "
                "served. A game needs its monitoring: play again.",
            )
        if passed > self.limit_s:
            state, waiting = self.judgement.state, ", ".join(self.judgement.waiting_for)
            if violations and state is State.HOLDING and waiting == ", ".join(map(_said, violations)):
                reason = f"Users are served again, but to the end {waiting}."
                return Ruling(Verdict.REJECTED, reason, _guards(violations))
            why = f"the recovery still lacks: {waiting}" if state is State.HOLDING else "users are still hurt"
            if state is State.UNHURT:
                silent = ", ".join(f"the guard {name} gets no answer" for name, _ in situation.check.unanswered)
                why = f"nobody felt the fault, but {silent}" if silent else "nobody felt the fault"
            return Ruling(Verdict.TIMED_OUT, f"The time limit of {duration(self.limit_s)} has passed and {why}.")
        if self.judgement.state is State.UNHURT and passed > UNFELT_S and overdue:
            what = "; ".join(map(_said, violations))
            return Ruling(Verdict.REJECTED, f"Nobody felt the fault, but {what}.", _guards(violations))
        if self.judgement.state is State.UNHURT and passed > UNFELT_S and not violations:
            if situation.responder_acted and situation.check.unanswered:
                return None  # What nobody could look at may be what the repair has cost.
            if situation.responder_acted:
                return Ruling(Verdict.RESOLVED, "The fault was repaired before anybody felt it.")
            return Ruling(
                Verdict.ABORTED,
                f"Nobody felt the fault within {duration(UNFELT_S)}, so there is nothing to repair: the environment "
                "does not behave as the scenario expects. Rebuild it and try again.",
            )
        return None


def _said(violation: Violation) -> str:
    return f"the guard {violation.guard} does not hold ({violation.what})"


def _guards(violations: Sequence[Violation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.guard for one in violations))
