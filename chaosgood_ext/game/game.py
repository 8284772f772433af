"""One run of a scenario: its phases from boot to report, and an orderly end whatever happens."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chaosgood_ext.environment.find import Environment, find
from chaosgood_ext.errors import ChaosGoodError, GameError
from chaosgood_ext.game.action import Acted, Action
from chaosgood_ext.game.aws import Aws
from chaosgood_ext.game.ending import Ending
from chaosgood_ext.game.faults import Faults
from chaosgood_ext.game.guarding import Guarding
from chaosgood_ext.game.guards.guard import Scene
from chaosgood_ext.game.lookout import Lookout
from chaosgood_ext.game.observations import Observations
from chaosgood_ext.game.phases import INTERRUPTIBLE, Phase
from chaosgood_ext.game.place import Place
from chaosgood_ext.game.prometheus import Alert, Alertmanager, Http, Prometheus
from chaosgood_ext.game.recovery import Recovery, Ruling, Situation
from chaosgood_ext.game.referee import Rules, State, Verdict, is_calm, rates
from chaosgood_ext.game.responder import Briefing, Page, make
from chaosgood_ext.game.settings import Settings
from chaosgood_ext.game.stage import Stage
from chaosgood_ext.game.terminal import Terminal
from chaosgood_ext.game.undo import UndoLog
from chaosgood_ext.notify.channel import configured
from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.folder import Description, GameFolder
from chaosgood_ext.record.follow import Follower
from chaosgood_ext.record.words import duration
from chaosgood_ext.scenario.model import Scenario

_STEP_S = 0.2
_STEADY_PATIENCE_S = 20.0
_CALM_PATIENCE_S = 30.0
_GUARDS_EVERY_S = 2.0


class Game:
    """A game of `scenario` in `folder`."""

    def __init__(
        self,
        scenario: Scenario,
        settings: Settings,
        folder: GameFolder,
        *,
        description: Description,
        terminal: Terminal,
    ) -> None:
        self.scenario = scenario
        self.settings = settings
        self.folder = folder
        self.description = description
        self.phase = Phase.BOOT
        self.verdict: Verdict | None = None
        self.reason = ""
        self.over = threading.Event()
        self.seen = Observations()
        self.stage = Stage(terminal, configured(), self.note)
        self.ending = Ending(self.note)
        self._rates: Mapping[Any, float] = {}
        self._faults = Faults(scenario.irreversible)
        self._guarding = Guarding(lambda kind, data, subject: self.record(kind, data, subject=subject), folder.log_line)
        self._acted = False
        self._paged: Alert | None = None
        self._load_lost: Callable[[], str] = lambda: ""
        self._mutex = threading.RLock()
        self._describe()
        self._follower = Follower(folder.events, [self.stage.narrate, self._hear])

    # Set-up

    def boot(self) -> Environment:
        """Make sure that the environment is up, and begin to watch it.

        Raises :class:`ChaosGoodError` with the reason when it is not.
        """
        self.record(
            Kind.GAME_STARTED,
            {
                "title": self.scenario.title, "scenario": self.description.scenario,
                "responder": self.settings.responder, "environment": self.settings.environment,
            },
        )  # fmt: skip
        self.enter(Phase.BOOT)
        environment = self.ending.environment = find(self.settings.environment, self._progress)
        outputs = environment.outputs
        aws = self.ending.aws = Aws(outputs)
        self.ending.undo = UndoLog(self.folder.undo, Place.of(outputs))
        self._describe(
            environment=environment.label,
            hold_window_s=self.scenario.hold_window_s or outputs.timing.hold_window_s,
            time_limit_s=self.settings.time_limit_s or self.scenario.time_limit_s * outputs.timing.time_limit_scale,
            urls={name: url.url for name, url in outputs.urls.items()},
        )
        for service in ("ec2", "rds", "cloudtrail", "logs"):
            aws.client(service)
        self.ending.lookout = Lookout(
            environment, self.folder, aws, self.seen, objective=self.scenario.objective,
            on_page=self._alerted, on_failure=self.give_up,
        )  # fmt: skip
        self.ending.lookout.start()
        briefing = Briefing(self.folder, self.scenario, environment, self.stage.terminal, self.give_up)
        responder = make(self.settings.responder, briefing, fix=self.settings.fix, command=self.settings.command)
        self.ending.responder = responder
        self.stage.sees_everything = responder.sees_everything
        responder.begin()
        return environment

    def hush(self) -> None:
        """Say what is on the record by now, and follow it no more."""
        self._follower.close()

    # Phases

    def enter(self, phase: Phase) -> None:
        """Go on to `phase`."""
        self.phase = phase
        self.record(Kind.PHASE_STARTED, {"phase": str(phase)}, subject=str(phase))

    def await_steady(self, holds: Callable[[], bool]) -> None:
        """Wait until the steady state `holds`, though not for long.

        Raises :class:`GameError` when the game is over.
        """
        deadline = time.monotonic() + _STEADY_PATIENCE_S
        while not holds() and time.monotonic() < deadline:
            self._require_environment()
            self._pause()
            self._show(None)

    def steady_state(self, *, met: bool, before: bool, why: str) -> None:
        """Take what the hypothesis said; before the method it decides whether there is a game at all."""
        self.record(Kind.STEADY_STATE, {"met": met, "when": "before" if before else "after", "why": why})
        if met:
            return
        if before:
            self.conclude(
                Verdict.ABORTED,
                f"The environment is not healthy, so nothing was broken: {why}. "
                "Mend it or start afresh (`chaos twin down`, then play again).",
            )
        elif self.verdict is Verdict.RESOLVED:
            self._overrule(f"The referee saw users served again, but the steady state does not hold: {why}.")

    def keep_calm(self, duration_s: float, requests_per_s: float) -> None:
        """Wait until prober and traffic were good for `duration_s` at `requests_per_s` at least.

        Raises :class:`GameError` when they do not become so, or the game is over.
        """
        self.enter(Phase.CALM)
        if not self._await_calm(duration_s, requests_per_s, duration_s + _CALM_PATIENCE_S):
            raise GameError(
                f"Users were not served without errors at {requests_per_s:g} requests a second for "
                f"{duration(duration_s)}, so nothing was broken.",
                "Look at the load's log in the game folder, and whether the machine is busy otherwise.",
            )
        self._rates = rates(self.seen.since(time.time() - duration_s), duration_s)
        self._guarding.begin(self._scene(), self._pause)
        self._faults.calm_ahead = False

    def expect_calm(self) -> None:
        """The method keeps calm: what it breaks before that is how somebody left things, and hurts nobody yet."""
        self._faults.calm_ahead = True

    def follow_load(self, lost: Callable[[], str]) -> None:
        """Ask `lost` whether the load is still offered: it says in a clause how somebody ended it, or nothing."""
        self._load_lost = lost

    def before_action(self, action: Action) -> None:
        """Put the inverse of a fault on disk before it acts; what breaks nothing needs none.

        A fault that the scenario calls irreversible acts without. Raises :class:`ChaosGoodError` when the inverse
        cannot be found or written: the fault must not act then.
        """
        assert self.ending.aws is not None
        assert self.ending.undo is not None
        if not self._faults.prepare(action, self.ending.undo, self.ending.aws):
            return
        if not self._faults.calm_ahead:
            self.enter(Phase.FAULT)
        self.record(Kind.FAULT_STARTED, {"fault": action.name}, subject=action.name)

    def after_action(self, action: Action, acted: Acted) -> None:
        """A fault is in: the outage begins, unless the calm is still ahead.

        Raises :class:`GameError` for one that has failed.
        """
        told = self._faults.acted(action, acted)
        if told is None:
            return
        kind = Kind.FAULT_PREPARED if self._faults.calm_ahead else Kind.FAULT_INJECTED
        self.record(kind, told, subject=action.name, time=acted.at)
        if not self._faults.calm_ahead:
            self.enter(Phase.OUTAGE)

    def await_recovery(self) -> Ruling:
        """Wait until the referee has decided; the ruling is on the record when this returns.

        Raises :class:`GameError` when nothing was broken, or when the game was ended by somebody else.
        """
        if self._faults.began is None or self._faults.injected is None:
            raise GameError("There is no fault to recover from.", "Break something first.")
        description = self.description
        rules = Rules(description.hold_window_s, description.objective, rates=self._rates)
        recovery = Recovery(rules, self._faults.began, description.time_limit_s)
        checked = 0.0
        while not self.over.is_set():
            self._require_environment()
            ruling = recovery.step(self._situation())
            decided = ruling is not None and ruling.verdict in (Verdict.RESOLVED, Verdict.REJECTED)
            if decided or time.monotonic() - checked > _GUARDS_EVERY_S:
                # A verdict rests on a look of its own, not on one that is two seconds old.
                served = recovery.judgement.state is not State.OUTAGE
                self.seen.check = self._guarding.check(self.seen.check, served=served)
                checked = time.monotonic()
                ruling = recovery.step(self._situation())
            if ruling is not None and not (ruling.verdict is Verdict.RESOLVED and self._responder_is_at_work()):
                self.conclude(ruling.verdict, ruling.reason, recovery, ruling.guards)
                return ruling
            self._follow_phase(recovery.judgement.state)
            self._show(recovery)
            self.over.wait(_STEP_S)
        assert self.verdict is not None
        return Ruling(self.verdict, self.reason)

    def _responder_is_at_work(self) -> bool:
        return self.ending.responder is not None and self.ending.responder.is_at_work

    # Verdict

    def conclude(
        self, verdict: Verdict, reason: str, recovery: Recovery | None = None, guards: Sequence[str] = ()
    ) -> bool:
        """End the game with `verdict`, unless it has one; whether it was the first."""
        with self._mutex:
            if self.verdict is not None:
                return False
            self.verdict, self.reason = verdict, reason
        judgement = recovery.judgement if recovery is not None else None
        if self.phase in INTERRUPTIBLE:
            self.phase = Phase.VERDICT
            self.note(Kind.PHASE_STARTED, {"phase": str(Phase.VERDICT)})
        self.note(
            Kind.VERDICT,
            {
                "verdict": str(verdict), "reason": reason,
                "impact": _iso(judgement.impact) if judgement else None,
                "last_bad": _iso(judgement.last_bad) if judgement else None,
                "guards": [*guards],
            },
        )  # fmt: skip
        self.over.set()
        return True

    def give_up(self, reason: str) -> None:
        """The game cannot go on, for `reason`; may be called in any thread."""
        self.conclude(Verdict.ABORTED, reason)

    def defect(self) -> str:
        """Log the exception that is being handled, and say where: it is a defect of ours."""
        self.folder.log_line(traceback.format_exc())
        return f"This is a defect of Chaotic Good; please report it with {self.folder.log}."

    def _overrule(self, reason: str) -> None:
        self.verdict, self.reason = Verdict.ABORTED, reason
        self.note(Kind.VERDICT, {"verdict": str(self.verdict), "reason": reason, "impact": None, "last_bad": None})

    # The record

    def record(self, kind: Kind, data: Mapping[str, Any], *, subject: str = "", time: datetime | None = None) -> None:
        """Put an event of the game itself on the record; raises :class:`GameError` when that fails."""
        self.folder.record.append(kind, data, subject=subject, time=time)

    def note(self, kind: Kind, data: Mapping[str, Any]) -> None:
        """Put an event on the record where the end of the game must not depend on it."""
        try:
            self.record(kind, data)
        except GameError as failure:
            self.stage.terminal.line(str(failure), "red")

    def _describe(self, **known: Any) -> None:
        from dataclasses import replace

        self.description = replace(self.description, **known)
        self.folder.describe(self.description)

    def _progress(self, what: str) -> None:
        self.record(Kind.PROGRESS, {"what": what})
        self.stage.terminal.line(f"… {what}", "dim")

    def _hear(self, event: Event) -> None:
        self._guarding.hear(event)
        if event.type == Kind.AWS_CALL and event.data["who"] == "player":
            self._acted = self._acted or not (event.data["read_only"] or event.data["error"])

    # What happens while waiting

    def _await_calm(self, duration_s: float, requests_per_s: float, patience_s: float) -> bool:
        start = time.time()
        while (now := time.time()) < start + patience_s:
            self._require_environment()
            self._pause()
            if lost := self._load_lost():
                raise GameError(f"There are no users any more: {lost}, so nothing was broken.", "Play again.")
            window = self.seen.since(now - duration_s)
            quiet = not self.seen.pages_firing and is_calm(window, self.scenario.objective, duration_s, requests_per_s)
            if quiet and now - start >= duration_s:
                return True
            self._show(None)
        return False

    def _pause(self) -> None:
        if self.over.wait(_STEP_S):
            raise GameError(self.reason)

    def _require_environment(self) -> None:
        twin = self.ending.environment.twin if self.ending.environment is not None else None
        if twin is not None and not twin.is_alive():
            self.give_up(f"The twin {twin.name} went away in the middle of the game. Play again to boot a new one.")

    def _situation(self) -> Situation:
        assert self._faults.began is not None
        assert self.ending.lookout is not None
        return Situation(
            time.time(), self.seen.since(self._faults.began), self.seen.pages_firing, self.seen.check,
            self.ending.lookout.silent_s, self._acted,
        )  # fmt: skip

    def _scene(self) -> Scene:
        environment, aws = self.ending.environment, self.ending.aws
        assert environment is not None
        assert aws is not None
        urls = {name: url.url for name, url in environment.outputs.urls.items()}
        return Scene(
            aws, environment.outputs,
            Http("The application", urls["application"]), Prometheus("Prometheus", urls["prometheus"]),
            Alertmanager("Alertmanager", urls["alertmanager"]), environment.twin,
            self._load_lost, self._guarding.meddled,
        )  # fmt: skip

    def _alerted(self, alert: Alert) -> None:
        if self._faults.began is None or self._paged is not None:
            return
        self._paged = alert
        summary = alert.annotations.get("summary", alert.name)
        said = (self.scenario.page.strip(), alert.annotations.get("description", ""))
        text = "\n".join(part for part in said if part)
        page = Page(summary, text, alert.name, alert.started.isoformat(), alert.labels)
        self.record(Kind.NOTIFIED, {"channel": "the terminal", "what": "page", "title": page.title})
        self.stage.page(page, self.description.urls)
        try:
            assert self.ending.responder is not None
            self.ending.responder.page(page)
        except ChaosGoodError as failure:
            self.give_up(str(failure))

    def _follow_phase(self, state: State) -> None:
        if state is State.HOLDING and self.phase is Phase.OUTAGE:
            self.enter(Phase.RECOVERY)
        elif state is State.OUTAGE and self.phase is Phase.RECOVERY:
            self.enter(Phase.OUTAGE)

    def _show(self, recovery: Recovery | None) -> None:
        recent = self.seen.since(time.time() - 3)
        total, bad = sum(one.total for one in recent), sum(one.bad for one in recent)
        parts = [str(self.phase), f"{total / 3:.0f} requests/s", f"{bad / total:.0%} fail" if total else "no requests"]
        if self._faults.injected is not None:
            parts.insert(1, duration(time.time() - self._faults.injected))
        if self.seen.pages_firing:
            parts.append("alert fires")
        if recovery is not None and recovery.judgement.state is State.HOLDING:
            parts.append("waiting for: " + ", ".join(recovery.judgement.waiting_for))
        self.stage.terminal.status("  ".join(parts))


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
