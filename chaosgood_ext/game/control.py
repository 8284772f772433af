"""The control that makes an experiment a game: `module: chaosgood_ext.game.control`.

Chaos Toolkit calls some hooks twice or more, swallows what they raise (but for `InterruptExecution`, and what is no
`Exception`), and passes in silence over unmet baselines, failed faults and failed rollbacks: the hooks below are
idempotent, and speak up.
"""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import click
from chaoslib.activity import run_activity
from chaoslib.exceptions import ActivityFailed, InterruptExecution
from chaoslib.exit import exit_gracefully
from chaoslib.hypothesis import within_tolerance
from chaoslib.run import RunEventHandler

from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game.action import Acted, Action
from chaosgood_ext.game.actions import keep_calm
from chaosgood_ext.game.current import current, set_current
from chaosgood_ext.game.describing import describe
from chaosgood_ext.game.game import Game
from chaosgood_ext.game.phases import Phase
from chaosgood_ext.game.playing import Playing
from chaosgood_ext.game.referee import Verdict
from chaosgood_ext.game.settings import Settings, fill
from chaosgood_ext.game.terminal import Terminal
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import create
from chaosgood_ext.scenario.model import parse
from chaosgood_ext.scenario.variants import choose, only, played

logger = logging.getLogger("chaostoolkit")

_ACTIVITY_S = 30.0


@dataclass
class _Run:
    """What is known of the run of Chaos Toolkit in this process."""

    playing: Playing | None = None
    in_method: bool = False
    baseline_checked: bool = False
    deadline: threading.Timer = field(default_factory=lambda: threading.Timer(0, lambda: None))


_run = _Run()


def configure_control(
    experiment: dict[str, Any], configuration: dict[str, Any], event_registry: Any = None, **_: Any
) -> None:
    """Open the game, get its environment, and fill `configuration` in place from the environment's outputs.

    Ends the process where there can be no game: Chaos Toolkit would go on without.
    """
    if _run.playing is not None or experiment.get("dry"):
        return
    source = _source()
    try:
        scenario = parse(experiment, source)
        settings = Settings.of(configuration, scenario)
        variant = choose(scenario, settings.variant, settings.fix, random.choice)
        experiment["method"][:] = played(experiment["method"], scenario, variant)
        configuration["variant"] = variant.name if variant is not None else ""
        scenario = only(scenario, variant)
        name = Path(source).stem
        folder = create(name)
        cause = str(experiment.get("description", ""))
        description = describe(folder.name, scenario, settings, name=name, source=source, variant=variant, cause=cause)
        game = Game(scenario, settings, folder, description=description, terminal=Terminal())
    except ChaosGoodError as failure:
        _leave(str(failure), failure.exit_status)
    set_current(game)
    _run.playing = Playing(game)
    _at_exit(_exit)
    if event_registry is not None:
        event_registry.register(_Finish())
    try:
        if any(_keeps_calm(activity) for activity in experiment["method"]):
            game.expect_calm()
        environment = _run.playing.begin()
        fill(configuration, environment.outputs, source)
    except ChaosGoodError as failure:
        _abandon(str(failure), failure.exit_status)
    except KeyboardInterrupt:
        _abandon("The game was interrupted while it began.", 130)
    except Exception:  # noqa: BLE001 - Chaos Toolkit would swallow it and play without a game
        _abandon(game.defect(), 3)


def before_hypothesis_control(
    context: Mapping[str, Any], configuration: dict[str, Any], secrets: dict[str, Any] | None = None, **_: Any
) -> None:
    """Before the method: give an environment that has just come up time to say so.

    Chaos Toolkit tries the hypothesis once, and ratios over five seconds need those seconds.
    """
    game = current()
    if game is None or _run.baseline_checked or game.phase is not Phase.BOOT:
        return

    def settle() -> None:
        game.enter(Phase.STEADY_STATE)
        _set_deadline(game, str(context.get("title")))
        try:
            game.await_steady(lambda: _holds(context, configuration, secrets))
        finally:
            _run.deadline.cancel()

    _or_interrupt(game, settle)


def after_hypothesis_control(context: Mapping[str, Any], state: Mapping[str, Any] | None, **_: Any) -> None:
    """Hear whether the steady state is met: before the method it decides whether there is a game."""
    del context
    game = current()
    if game is None or not state or state.get("steady_state_met") is None:
        return
    before, _run.baseline_checked = not _run.baseline_checked, True
    game.steady_state(met=state["steady_state_met"], before=before, why=_unmet(state))


def before_method_control(context: Mapping[str, Any], **_: Any) -> None:
    """From here on, actions may be faults."""
    del context
    _run.in_method = True


def after_method_control(context: Mapping[str, Any], **_: Any) -> None:
    """From here on, actions are rollbacks."""
    del context
    _run.in_method = False


def before_activity_control(
    context: Mapping[str, Any], configuration: dict[str, Any], secrets: dict[str, Any] | None = None, **_: Any
) -> None:
    """Put the inverse of a fault on disk before it acts; without one it does not act."""
    game = current()
    if game is None:
        return
    waits = str(context.get("provider", {}).get("module", "")).startswith("chaosgood_ext.game.")
    if not waits and not context.get("background"):
        _set_deadline(game, context["name"])
    if _is_action(context):
        _or_interrupt(game, lambda: game.before_action(Action.of(context, configuration, secrets)))


def after_activity_control(
    context: Mapping[str, Any],
    state: Mapping[str, Any] | None,
    configuration: dict[str, Any],
    secrets: dict[str, Any] | None = None,
    **_: Any,
) -> None:
    """Note that a fault is in; an activity of the method that failed ends the game."""
    game = current()
    if not context.get("background"):
        _run.deadline.cancel()
    if game is None or not state or not _run.in_method:
        return
    if game.verdict is Verdict.ABORTED:
        _interrupt(game, game.reason)
    if state["status"] == "failed":
        if game.verdict is None or _is_action(context):
            _interrupt(game, f"“{context['name']}” failed: {_said(state)}")
    elif _is_action(context):
        acted, action = Acted.of(context, state), Action.of(context, configuration, secrets)
        _or_interrupt(game, lambda: game.after_action(action, acted))


def before_rollback_control(context: Mapping[str, Any], **_: Any) -> None:
    """The fault is put back; no signal breaks that off."""
    del context
    game = current()
    if game is not None and game.phase is not Phase.ROLLBACK:
        game.phase = Phase.ROLLBACK
        game.note(Kind.PHASE_STARTED, {"phase": str(Phase.ROLLBACK)})


def after_experiment_control(context: Mapping[str, Any], state: dict[str, Any] | None, **_: Any) -> None:
    """Chaos Toolkit's journal says `completed` only when the game was resolved."""
    del context
    game = current()
    if game is None or _run.playing is None:
        return
    _run.playing.close()
    if state is not None and game.verdict is not Verdict.RESOLVED and state["status"] == "completed":
        state["status"] = "failed"


def cleanup_control() -> None:
    """Stop what was started and put back what was broken, however the experiment ended."""
    if _run.playing is not None:
        _run.playing.close()


class _Finish(RunEventHandler):  # type: ignore[misc]
    """Hears when Chaos Toolkit has nothing more to write into the journal."""

    def finish(self, journal: dict[str, Any]) -> None:
        """Write the post-mortem and say the last word."""
        if _run.playing is not None:
            signal = _run.playing.signal_name
            if signal and not journal.get("interruption"):
                journal["interruption"] = {"kind": "signal", "name": signal, "reason": f"received {signal}"}
            _run.playing.finish(journal)


def _exit() -> None:
    """The command ends: let go of everything, and give the status that a signal asks for."""
    playing = _run.playing
    _run.playing, _run.in_method, _run.baseline_checked = None, False, False
    set_current(None)
    if playing is not None:
        playing.finish(None)
        playing.leave()


def _abandon(reason: str, status: int) -> NoReturn:
    """There is a game folder, but no game: close it, and end the process."""
    game = current()
    assert game is not None
    game.give_up(reason)
    _exit()
    raise SystemExit(status)


def _leave(reason: str, status: int) -> NoReturn:
    logger.error(reason)
    raise SystemExit(status)


def _interrupt(game: Game, reason: str, cause: Exception | None = None) -> NoReturn:
    """End the game, unless it is over already, and Chaos Toolkit's run."""
    game.conclude(Verdict.ABORTED, reason)
    game.ending.stop()
    raise InterruptExecution(game.reason) from cause


def _or_interrupt(game: Game, step: Callable[[], object]) -> None:
    """Do `step`; where it fails, end the game and Chaos Toolkit's run."""
    try:
        step()
    except ChaosGoodError as failure:
        _interrupt(game, str(failure), failure)
    except Exception as defect:  # noqa: BLE001 - Chaos Toolkit would swallow it, and let a fault act without an inverse
        _interrupt(game, game.defect(), defect)


def _set_deadline(game: Game, name: str) -> None:
    """Python activities have no timeout: one that hangs would keep the fault from being undone."""

    def too_late() -> None:
        game.conclude(
            Verdict.ABORTED, f"“{name}” did not come to an end within {_ACTIVITY_S:g} s: what it asks does not answer."
        )
        # Breaks off whatever the main thread hangs in, and has Chaos Toolkit play its rollbacks.
        exit_gracefully()

    _run.deadline = threading.Timer(_ACTIVITY_S, too_late)
    _run.deadline.daemon = True
    _run.deadline.start()


def _is_action(context: Mapping[str, Any]) -> bool:
    return _run.in_method and context.get("type") == "action"


def _keeps_calm(activity: Mapping[str, Any]) -> bool:
    provider = activity.get("provider", {})
    return bool(provider.get("module") == keep_calm.__module__ and provider.get("func") == keep_calm.__name__)


def _holds(hypothesis: Mapping[str, Any], configuration: dict[str, Any], secrets: dict[str, Any] | None) -> bool:
    """Whether all probes of the hypothesis are within their tolerance now."""
    for probe in hypothesis.get("probes", []):
        try:
            value = run_activity(probe, configuration, secrets)
        except ActivityFailed:
            return False
        if not within_tolerance(probe["tolerance"], value, configuration=configuration, secrets=secrets):
            return False
    return True


def _unmet(state: Mapping[str, Any]) -> str:
    """Which probe the hypothesis failed at, and what it said."""
    for run in state.get("probes", []):
        name = run["activity"]["name"]
        if run.get("status") == "failed":
            return f"the probe “{name}” failed: {_said(run)}"
        if not run.get("tolerance_met", True):
            return f"the probe “{name}” is out of tolerance: it says {_brief(run.get('output'))}"
    return ""


def _said(run: Mapping[str, Any]) -> str:
    """The message of the exception that ended an activity, without the names of its types."""
    text = str((run.get("exception") or ["no reason given"])[-1]).strip()
    return re.sub(r"^([A-Za-z_][\w.]*: )+(?=\S)", "", text)


def _brief(output: object) -> str:
    """An answer of Prometheus as its values, anything else as it is, within one line."""
    if isinstance(output, Mapping) and isinstance(output.get("data"), Mapping):
        values = [str(one["value"][1]) for one in output["data"].get("result", []) if "value" in one]
        return ", ".join(values) or "nothing"
    return str(output)[:200]


def _source() -> str:
    """The file that the experiment is from, as the user named it."""
    context = click.get_current_context(silent=True)
    return str(context.params.get("source") or "experiment") if context is not None else "experiment"


def _at_exit(callback: Callable[[], None]) -> None:
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(callback)
