"""Says in a sentence what an event means: the same words in the terminal and in the post-mortem."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from chaosgood_ext.record.event import Event, Kind

Data = Mapping[str, Any]

_LONGEST = 300


def sentence(event: Event) -> str:
    """What happened, in one line; an event that is not one of ours says its type only."""
    try:
        text = " ".join(_SENTENCES[Kind(event.type)](event.data).split())
    except (ValueError, KeyError, TypeError, AttributeError):
        return event.type
    return text if len(text) <= _LONGEST or event.type == Kind.HINT else text[: _LONGEST - 1] + "…"


def duration(seconds: float) -> str:
    """Seconds as people say them: `7.4 s`, `1 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def _started(data: Data) -> str:
    return f"The game begins: {data['title']}. Responder: {data['responder']}; environment: {data['environment']}."


def _steady_state(data: Data) -> str:
    if data["met"]:
        return f"Steady state {data['when']} the method: met."
    return f"Steady state {data['when']} the method: not met ({data['why']})."


def _injected(data: Data) -> str:
    return f"The fault {data['fault']} is in: {_acted(data)}."


def _prepared(data: Data) -> str:
    return f"Before the outage, somebody does this (“{data['fault']}”): {_acted(data)}."


def _acted(data: Data) -> str:
    arguments = ", ".join(f"{key}={value}" for key, value in data["arguments"].items())
    return f"{data['action']}({arguments})"


def _crossed(data: Data) -> str:
    direction = "below" if data["below"] else "back at"
    return (
        f"The {data['source']} is {direction} the objective of {data['objective']:.2%}: "
        f"{data['bad']:.0f} of {data['total']:.0f} requests failed in {data['window_s']} s."
    )


def _firing(data: Data) -> str:
    summary = data["annotations"].get("summary", "")
    return f"The alert {data['alert']} fires" + (f": {summary}." if summary else ".")


def _called(data: Data) -> str:
    parameters = json.dumps(data["parameters"], ensure_ascii=False) if data["parameters"] else ""
    result = f" → {data['error']}: {data['error_message']}" if data["error"] else ""
    return f"{data['session'] or data['who']} calls {data['service']}:{data['action']} {parameters}{result}"


def _scaled(data: Data) -> str:
    status = "" if data["status"] == "Successful" else f" ({data['status']}: {data['message']})"
    return f"The auto scaling group {data['group']} acts: {data['description']}{status}"


def _notified(data: Data) -> str:
    return f"{'The page' if data['what'] == 'page' else 'The message'} goes out by {data['channel']}: {data['title']}"


def _responder_ended(data: Data) -> str:
    last = str(data["output"]).strip().rpartition("\n")[2]
    return f"The responder's program ended with status {data['status']}" + (f": {last}" if last else ".")


def _verdict(data: Data) -> str:
    return f"Verdict: {data['verdict']}. {data['reason']}"


_SENTENCES: Mapping[Kind, Callable[[Data], str]] = {
    Kind.GAME_STARTED: _started,
    Kind.GAME_ENDED: lambda data: f"The game is over: {data['verdict']}.",
    Kind.PHASE_STARTED: lambda data: f"Phase: {data['phase']}.",
    Kind.PROGRESS: lambda data: data["what"],
    Kind.STEADY_STATE: _steady_state,
    Kind.FAULT_STARTED: lambda data: f"The fault {data['fault']} is about to act; its inverse is on disk.",
    Kind.FAULT_PREPARED: _prepared,
    Kind.FAULT_INJECTED: _injected,
    Kind.FAULT_FAILED: lambda data: f"The fault {data['fault']} could not act: {data['why']}",
    Kind.FAULT_UNDONE: lambda data: f"The fault {data['fault']} is undone ({data['outcome']}).",
    Kind.UNDO_FAILED: lambda data: f"The fault {data['fault']} could not be undone: {data['why']}",
    Kind.SLI_CROSSED: _crossed,
    Kind.ALERT_FIRING: _firing,
    Kind.ALERT_RESOLVED: lambda data: f"The alert {data['alert']} is resolved.",
    Kind.NOTIFIED: _notified,
    Kind.NOTIFICATION_FAILED: lambda data: f"{data['channel']} did not take a message: {data['why']}.",
    Kind.ACKNOWLEDGED: lambda data: f"The page is acknowledged by {data['by']}.",
    Kind.NOTE: lambda data: f"Note by {data['by']}: {data['text']}",
    Kind.HINT: lambda data: f"Hint {data['number']} of {data['of']}: {data['text']}",
    Kind.AWS_CALL: _called,
    Kind.SCALED: _scaled,
    Kind.COMMAND: lambda data: f"On {data['host']}: {data['command']}",
    Kind.RESPONDER_STARTED: lambda data: f"The responder starts: {data['what']}",
    Kind.RESPONDER_ENDED: _responder_ended,
    Kind.GUARD_SET: lambda data: f"The guard {data['guard']} is set: {data['promise']} ({data['how']}).",
    Kind.GUARD_LOOSE: lambda data: f"The guard {data['guard']} holds, but loosely: {data['what']}.",
    Kind.GUARD_VIOLATED: lambda data: f"The guard {data['guard']} does not hold: {data['what']}.",
    Kind.GUARD_HELD: lambda data: f"The guard {data['guard']} holds again.",
    Kind.SOURCE_LOST: lambda data: f"Nothing is heard from {data['what']} any more: {data['why']}",
    Kind.SOURCE_BACK: lambda data: f"{data['what']} answers again.",
    Kind.INTERRUPTED: lambda data: f"{data['signal']} ends the game.",
    Kind.VERDICT: _verdict,
}
