"""Writes the post-mortem of a game in Markdown; a game that still runs or was killed gets one as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.folder import Description, GameFolder
from chaosgood_ext.record.log import Reading, read
from chaosgood_ext.record.words import duration, sentence
from chaosgood_ext.report.figures import ITSELF, RESPONDER, Figures, figures

_SOURCES = {
    "game": "game", "referee": "referee", "responder": "responder", "prometheus": "Prometheus",
    "alertmanager": "Alertmanager", "cloudtrail": "CloudTrail", "sessions": "session log",
    "autoscaling": "Auto Scaling",
}  # fmt: skip
_MARKUP = re.compile(r"[\\`*_\[\]|]")
_TO_BE_WRITTEN = "_To be written by those who were there._"


def write(folder: GameFolder) -> Path:
    """Write `post-mortem.md` into the game's folder and return its path.

    Raises :class:`GameError` when the folder holds no game or cannot be written to.
    """
    text = render(folder)
    try:
        folder.post_mortem.write_text(text)
    except OSError as cause:
        what = f"{folder.post_mortem} cannot be written: {cause.strerror}."
        raise GameError(what, "Free some disk space.") from cause
    return folder.post_mortem


def render(folder: GameFolder) -> str:
    """The post-mortem of the game in `folder` as Markdown."""
    description, reading, now = folder.description(), read(folder.events), figures(folder)
    journal = folder.read_journal()
    running = folder.running and not any(event.type == Kind.GAME_ENDED for event in reading.events)
    sections = [
        _head(description, now, running),
        _summary(description, now),
        _impact(now),
        _times(now),
        _timeline(reading),
        _factors(description),
        _guards(reading.events),
        _responder(reading.events),
        f"## What went well\n\n{_TO_BE_WRITTEN}",
        f"## What went less well\n\n{_TO_BE_WRITTEN}",
        f"## What we will do\n\n{_TO_BE_WRITTEN}",
        _sources(folder, reading, journal),
    ]
    return "\n\n".join(sections) + "\n"


def summary(folder: GameFolder) -> dict[str, Any]:
    """The figures of the game in `folder`, for programs: times in ISO 8601, durations in seconds, None for n/a."""
    description, now = folder.description(), figures(folder)
    moments = ("inject", "first_bad", "impact", "fire", "page", "ack", "first_action", "mitigate", "resolve")
    return {
        "game": description.game,
        "scenario": description.scenario,
        "environment": description.environment,
        "responder": description.responder,
        "fix": description.fix or None,
        "variant": description.variant or None,
        "running": folder.running,
        "verdict": now.verdict,
        "reason": now.reason,
        **{f"t_{name}": _iso(getattr(now, name)) for name in moments},
        "time_to_detect_s": now.time_to_detect_s,
        "time_to_acknowledge_s": now.time_to_acknowledge_s,
        "time_to_mitigate_s": now.time_to_mitigate_s,
        "time_to_resolve_s": now.time_to_resolve_s,
        "healed_by": now.healed_by,
        "scaled": list(now.scaled),
        "left": list(now.left),
        "relapses": now.relapses,
        "requests": {one.source: {"failed": one.bad, "total": one.total} for one in now.requests},
        "post_mortem": str(folder.post_mortem),
    }


def _head(description: Description, now: Figures, running: bool) -> str:
    met = [("Services", ", ".join(description.services)), ("Skills", "; ".join(description.skills))]
    rows = "".join(f"| {name} | {_cell(text)} |\n" for name, text in met if text)
    fix = f" playing `{description.fix}`" if description.fix else ""
    variant = f", variant {description.variant}" if description.variant else ""
    verdict = "the game still runs" if running else f"**{now.verdict}**"
    return (
        f"# Post-mortem: {_text(description.title)}\n\n"
        f"| | |\n|---|---|\n"
        f"| Verdict | {verdict} |\n"
        f"| Scenario | {_text(description.scenario)} ({_text(description.difficulty)}{_text(variant)}) |\n"
        f"{rows}"
        f"| Started | {_clock(datetime.fromisoformat(description.started), day=True)} |\n"
        f"| Environment | {_text(description.environment)} |\n"
        f"| Responder | {_text(description.responder)}{fix} |"
    )


def _summary(description: Description, now: Figures) -> str:
    broke = now.inject is not None and description.cause.strip()
    told = [
        description.story.strip(),
        f"What broke: {' '.join(broke.split())}" if broke else "",
        now.reason,
        _healing(now),
        f"Left as it was, for the game to put back: {'; '.join(now.left)}." if now.left else "",
    ]
    return "\n\n".join(["## Summary", *(_text(part) for part in told if part)])


def _healing(now: Figures) -> str:
    healed = {
        RESPONDER: "It was repaired: the responder had acted before users were served again.",
        ITSELF: "It healed by itself: when users were served again, the responder had changed nothing.",
    }.get(now.healed_by or "", "")
    if healed and now.scaled:
        healed += f" Auto scaling groups acted: {'; '.join(now.scaled)}."
    if not now.relapses:
        return healed
    times = "Once" if now.relapses == 1 else f"{now.relapses} times"
    return f"{healed} {times} before, users were served for less than the hold window and hurt again.".strip()


def _impact(now: Figures) -> str:
    if not now.requests:
        return "## Impact\n\nn/a: nothing was broken, or nothing was measured after it was."
    rows = []
    for one in now.requests:
        burn = f"{one.share / (1 - now.objective):.1f}"
        rows.append((one.source, f"{one.bad:.0f}", f"{one.total:.0f}", f"{one.share:.1%}", burn))
    return (
        "## Impact\n\n"
        + _table(("met by", "failed", "requests", "share", "burn rate"), rows)
        + "\n\nFrom the fault to the verdict. The prober's are journeys, the traffic's all requests at the web tier, "
        f"of which answers 5xx failed. Burn rate = share / (1 - {now.objective:g}), the objective being "
        f"{now.objective:.2%} of good requests."
    )


def _times(now: Figures) -> str:
    rows = [
        ("Time to detect", _length(now.time_to_detect_s), "page - impact", _pair(now.impact, now.page)),
        ("Time to acknowledge", _length(now.time_to_acknowledge_s), "acknowledgement - page", _pair(now.page, now.ack)),
        ("Time to mitigate", _length(now.time_to_mitigate_s), "last bad second - impact",
         _pair(now.impact, now.mitigate)),
        ("Time to resolve", _length(now.time_to_resolve_s), "verdict - impact", _pair(now.impact, now.resolve)),
    ]  # fmt: skip
    moments = [
        ("fault injected", now.inject, "the fault's action returned"),
        ("first failed request", now.first_bad, "first bad interval of prober or traffic"),
        ("impact", now.impact, f"first of two bad seconds in a row, below {now.objective:.2%}"),
        ("alert fires", now.fire, "the alert's startsAt in Alertmanager"),
        ("page", now.page, "the first channel accepted it"),
        ("acknowledgement", now.ack, "chaos ack, or the autopilot's"),
        ("first action", now.first_action, "first AWS call or command after the page"),
        ("mitigated", now.mitigate, "last bad second before the recovery that held"),
        ("resolved", now.resolve, "the recovery held for its window, the alert was resolved, the guards held"),
    ]
    return (
        "## Times\n\n"
        + _table(("figure", "value", "how", "from → to"), rows)
        + "\n\nOne game has no mean: these are this game's own times. What did not happen is n/a.\n\n"
        + _table(("moment", "time (UTC)", "how it is known"), [(name, _moment(at), how) for name, at, how in moments])
    )


def _timeline(reading: Reading) -> str:
    rows = [
        (_clock(event.time), sentence(event), _SOURCES.get(event.teller, event.teller))
        for event in sorted(reading.events, key=lambda event: event.time)
        if event.type not in (Kind.PROGRESS, Kind.FAULT_STARTED)
    ]
    return "## Timeline\n\nTimes are UTC.\n\n" + _table(("time", "what happened", "source"), rows)


def _factors(description: Description) -> str:
    factors = [f"- {_text(factor.strip())}" for factor in description.contributing_factors]
    return "## Contributing factors\n\n" + ("\n".join(factors) or _TO_BE_WRITTEN)


def _guards(events: Sequence[Event]) -> str:
    rows = []
    for guard in (event.data for event in events if event.type == Kind.GUARD_SET):
        own = [one for one in events if one.data.get("guard") == guard["guard"]]
        told = [one for one in own if one.type in (Kind.GUARD_VIOLATED, Kind.GUARD_HELD)]
        loose = dict.fromkeys(one.data["what"] for one in own if one.type == Kind.GUARD_LOOSE)
        state = "held" if not told else "held again" if told[-1].type == Kind.GUARD_HELD else "**violated**"
        what = [one.data["what"] for one in told if one.type == Kind.GUARD_VIOLATED][-1:]
        notes = "; ".join([*what, *(f"loose: {one}" for one in loose)])
        rows.append((_cell(guard["guard"]), state, _cell(notes), _cell(guard["promise"]), _cell(guard["how"])))
    if not rows:
        return "## Guards\n\nn/a: there was no calm in which they could be set."
    lines = [("guard", "state", "what was found", "it promises", "how it is known"), ["---"] * 5, *rows]
    return "## Guards\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _responder(events: Iterable[Event]) -> str:
    did = [event for event in events if event.type == Kind.COMMAND or _is_players(event)]
    changes = [event for event in did if event.type == Kind.AWS_CALL and not event.data["read_only"]]
    looks = len([event for event in did if event.type == Kind.AWS_CALL]) - len(changes)
    commands = [event for event in did if event.type == Kind.COMMAND]
    notes = [event for event in events if event.type == Kind.NOTE]
    lines = [f"{looks} AWS calls that look, {len(changes)} that change, {len(commands)} commands on hosts."]
    for title, those in (("AWS calls that change", changes), ("Commands", commands), ("Notes", notes)):
        if those:
            rows = [(_clock(event.time), sentence(event)) for event in sorted(those, key=lambda event: event.time)]
            lines.append(f"### {title}\n\n" + _table(("time", "what"), rows))
    return "## What the responder did\n\n" + "\n\n".join(lines)


def _sources(folder: GameFolder, reading: Reading, journal: dict[str, Any] | None) -> str:
    state = f"status `{journal.get('status')}`" if journal else "there is none: the game was killed, or still runs"
    damaged = f"; {reading.damaged} damaged lines were left out" if reading.damaged else ""
    lines = [
        f"- Record: `{folder.events.name}`, {len(reading.events)} events{damaged}",
        f"- What users got, interval by interval: `{folder.samples.name}` "
        "(source, start, end, failed, total; seconds since the epoch)",
        f"- Chaos Toolkit's journal: `{folder.journal.name}` ({state})",
        f"- Undo log: `{folder.undo.name}`",
        "- Versions: " + ", ".join(f"{name} {number}" for name, number in folder.description().versions.items()),
    ]
    return f"## Raw data\n\nIn `{folder.path}`:\n\n" + "\n".join(lines)


def _is_players(event: Event) -> bool:
    return event.type == Kind.AWS_CALL and event.data["who"] == "player"


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return _text(" ".join(text.split()))


def _text(text: str) -> str:
    """Text that Markdown shows as it is: a responder's command must not become markup."""
    return _MARKUP.sub(lambda special: "\\" + special[0], text.replace("&", "&amp;")).replace("<", "&lt;")


def _clock(moment: datetime, *, day: bool = False) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC" if day else "%H:%M:%S")


def _moment(moment: datetime | None) -> str:
    return "n/a" if moment is None else _clock(moment)


def _pair(start: datetime | None, end: datetime | None) -> str:
    return f"{_moment(start)} → {_moment(end)}"


def _length(seconds: float | None) -> str:
    return "n/a" if seconds is None else duration(seconds)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
