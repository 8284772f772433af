"""The control that lets any experiment on AWS be undone: `module: chaosgood_ext.game.undo_control`.

Before an action of the method acts, its inverse is on disk; whatever is still open when the experiment ends is
undone then, and what a killed run left is for `chaos recover`. A scenario's own control does the same and more, so
that an experiment names one of the two.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaoslib.exceptions import InterruptExecution

from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game import inverses
from chaosgood_ext.game.action import Action
from chaosgood_ext.game.aws import Clients
from chaosgood_ext.game.current import current
from chaosgood_ext.game.place import Chain, here, reach
from chaosgood_ext.game.undo import UndoLog
from chaosgood_ext.record.folder import GameFolder, create

logger = logging.getLogger("chaostoolkit")

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


@dataclass
class _Run:
    """What is known of the experiment that is being run in this process."""

    title: str = ""
    in_method: bool = False
    folder: GameFolder | None = None
    lock: int = -1
    undo: UndoLog | None = None
    clients: Clients | None = None
    opened: set[str] = field(default_factory=set)
    """The names of the actions that are acting: Chaos Toolkit may call a hook more than once."""


_run = _Run()


def configure_control(experiment: Mapping[str, Any], **_: Any) -> None:
    """Learn what the experiment is called; its folder is made with the first fault."""
    global _run  # noqa: PLW0603 - Chaos Toolkit calls plain functions, which share nothing else
    if _run.folder is None:
        _run = _Run(str(experiment.get("title", "")), _run.in_method)


def before_method_control(context: Mapping[str, Any], **_: Any) -> None:
    """From here on, actions may be faults."""
    del context
    _run.in_method = True


def after_method_control(context: Mapping[str, Any], **_: Any) -> None:
    """From here on, actions are rollbacks."""
    del context
    _run.in_method = False


def before_activity_control(
    context: Mapping[str, Any],
    configuration: Mapping[str, Any],
    secrets: Mapping[str, Any] | None = None,
    irreversible: Sequence[str] = (),
    **_: Any,
) -> None:
    """Put the inverse of an action on disk before it acts; without one the experiment is interrupted.

    `irreversible` names the actions that nothing has to undo.
    """
    is_action, name = context.get("type") == "action", str(context.get("name", ""))
    if not (_run.in_method and is_action) or current() is not None or name in irreversible or name in _run.opened:
        return
    try:
        action = Action.of(context, configuration, secrets)
        if not action.module:
            raise inverses.unknown(action.called)
        clients = _run.clients = _clients(configuration, secrets)
        inverse = inverses.plan(action.module, action.func, action.arguments, clients)
        if inverse is not None:
            _log(configuration).open(name, inverse)
            _run.opened.add(name)
    except ChaosGoodError as failure:
        raise InterruptExecution(f"“{name}” is not played: {failure}") from failure
    except Exception as defect:  # Chaos Toolkit would swallow it, and let the action act without an inverse
        raise InterruptExecution(f"“{name}” is not played: {defect!r}. Please report this defect.") from defect


def after_activity_control(context: Mapping[str, Any], **_: Any) -> None:
    """The action has acted; played once more, it is opened once more."""
    _run.opened.discard(str(context.get("name", "")))


def after_experiment_control(context: Mapping[str, Any], state: dict[str, Any] | None = None, **_: Any) -> None:
    """Undo what is open; an experiment that leaves something behind has failed."""
    del context
    if not _settle() and state is not None:
        state["status"] = "failed"


def cleanup_control() -> None:
    """Undo what is open, however the experiment ended, and let go of the folder."""
    global _run  # noqa: PLW0603
    _settle()
    if _run.lock >= 0:
        os.close(_run.lock)
    _run = _Run()


def _settle() -> bool:
    """Undo what is open; whether nothing is left."""
    if _run.undo is None or _run.clients is None:
        return True
    results = _run.undo.play(_run.clients, close=True)
    for result in results:
        if result.failure:
            logger.error(f"“{result.entry.fault}”: {result.failure} Run `chaos recover`.")
        else:
            logger.info(f"Undone: “{result.entry.fault}” ({result.outcome})")
    return not any(result.failure for result in results)


def _log(configuration: Mapping[str, Any]) -> UndoLog:
    if _run.undo is None:
        name = re.sub(r"\W+", "-", _run.title.lower()).strip("-")[:40] or "experiment"
        _run.folder = create(name)
        _run.lock = _run.folder.hold()
        _run.undo = UndoLog(_run.folder.undo, here(configuration))
    return _run.undo


def _clients(configuration: Mapping[str, Any], secrets: Mapping[str, Any] | None) -> Clients:
    """With the experiment's own credentials; on a twin with its facilitator's."""
    if _run.clients is not None:
        return _run.clients
    place = here(configuration)
    if place.twin and (reached := reach(place)) is not None:
        return reached
    keys = {key: (secrets or {}).get(key) for key in _KEYS if (secrets or {}).get(key)}
    return Chain(place, keys)
