"""The rules by which an outage becomes a verdict; fed with the present, so that hours pass at once in a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chaosgood_ext.game.guards import Violation
from chaosgood_ext.game.referee import Judgement, Rules, State, Verdict, judge
from chaosgood_ext.game.sli import Interval
from chaosgood_ext.record.words import duration

UNFELT_S = 30.0
"""A fault that nobody felt for so long will not be felt any more."""
SILENCE_S = 15.0
"""How long Prometheus may be silent before the game cannot go on."""


@dataclass(frozen=True)
class Ruling:
    """How the game ends, and why."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Situation:
    """What is known at one moment; times in seconds since the epoch."""

    now: float
    intervals: Sequence[Interval]
    pages_firing: frozenset[str] = frozenset()
    violations: Sequence[Violation] = ()
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

    def step(self, situation: Situation) -> Ruling | None:
        """Judge the present; a ruling when the game is over."""
        self.judgement = judge(
            situation.intervals,
            self.rules,
            now=situation.now,
            fault=self.fault,
            alert_firing=bool(situation.pages_firing),
            violations=[violation.what for violation in situation.violations],
            impact=self.judgement.impact,
        )
        return self._decided() or self._given_up(situation)

    def _decided(self) -> Ruling | None:
        judgement = self.judgement
        if judgement.state is State.RECOVERED:
            assert judgement.impact is not None
            assert judgement.last_bad is not None
            hurt = duration(judgement.last_bad - judgement.impact)
            return Ruling(Verdict.RESOLVED, f"Users were hurt for {hurt} and are served again.")
        if judgement.state is State.REJECTED:
            what = "; ".join(judgement.waiting_for)
            return Ruling(Verdict.REJECTED, f"Users are served again, but {what}.")
        return None

    def _given_up(self, situation: Situation) -> Ruling | None:
        passed = situation.now - self.fault
        if situation.silent_s > SILENCE_S:
            return Ruling(
                Verdict.ABORTED,
                f"Prometheus has not answered for {duration(situation.silent_s)}, so nobody can say whether users are "
                "served. A game needs its monitoring: play again.",
            )
        if passed > self.limit_s:
            state, waiting = self.judgement.state, ", ".join(self.judgement.waiting_for)
            why = "users are still hurt" if state is not State.HOLDING else f"the recovery still lacks: {waiting}"
            return Ruling(Verdict.TIMED_OUT, f"The time limit of {duration(self.limit_s)} has passed and {why}.")
        if self.judgement.state is State.UNHURT and passed > UNFELT_S and not situation.violations:
            if situation.responder_acted:
                return Ruling(Verdict.RESOLVED, "The fault was repaired before anybody felt it.")
            return Ruling(
                Verdict.ABORTED,
                f"Nobody felt the fault within {duration(UNFELT_S)}, so there is nothing to repair: the environment "
                "does not behave as the scenario expects. Rebuild it and try again.",
            )
        return None
