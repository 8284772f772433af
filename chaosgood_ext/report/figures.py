"""The times and counts that a responder is scored on, each with how it was computed.

One game has no mean: it is time to detect, not mean time to detect. What did not happen is None, never 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.record.log import read
from chaosgood_ext.record.words import duration

RESPONDER = "the responder"
ITSELF = "itself"
_RESTORED = "restored"
_MET = {"prober": ("journeys failed", "prober"), "traffic": ("requests failed", "web tier")}
_ACT_SLACK = timedelta(seconds=3)
"""Errors are no continuum: the repair may come a little after the last of them. CloudTrail tells whole seconds."""


@dataclass(frozen=True)
class Requests:
    """How many of `total` requests were `bad`, as `source` met them."""

    source: str
    bad: float
    total: float

    @property
    def share(self) -> float:
        """The share that was bad, from 0 to 1."""
        return self.bad / self.total if self.total else 0.0


@dataclass(frozen=True)
class Figures:
    """When things happened in one game, and what users got from the fault to the verdict."""

    inject: datetime | None
    first_bad: datetime | None
    impact: datetime | None
    fire: datetime | None
    page: datetime | None
    ack: datetime | None
    first_action: datetime | None
    mitigate: datetime | None
    resolve: datetime | None
    verdict: str
    reason: str
    objective: float
    requests: tuple[Requests, ...]
    healed_by: str | None = None
    """:data:`RESPONDER`, or :data:`ITSELF` where the responder had changed nothing and typed nothing by then.

    None where nothing was healed, or where what the responder did is not known to the end.
    """
    scaled: tuple[str, ...] = ()
    """What auto scaling groups brought about between fault and verdict, in their own words."""
    left: tuple[str, ...] = ()
    """What somebody had left so before the outage, and what nobody had mended by its end."""
    relapses: int = 0
    """How often users were served again and hurt again before the hold window was over."""

    @property
    def time_to_detect_s(self) -> float | None:
        """From the impact to the page."""
        return _between(self.impact, self.page)

    @property
    def time_to_acknowledge_s(self) -> float | None:
        """From the page to its acknowledgement."""
        return _between(self.page, self.ack)

    @property
    def time_to_mitigate_s(self) -> float | None:
        """From the impact to the last second in which users were hurt."""
        return _between(self.impact, self.mitigate)

    @property
    def time_to_resolve_s(self) -> float | None:
        """From the impact to the verdict `resolved`."""
        return _between(self.impact, self.resolve)


def figures(folder: GameFolder) -> Figures:
    """Compute the figures of the game in `folder`, which may still run or have died."""
    events = read(folder.events).events
    objective = folder.description().objective
    injected = _first(events, Kind.FAULT_INJECTED)
    inject = injected.time if injected else None
    verdict = _last(events, Kind.VERDICT)
    ruled = _last([event for event in events if event.type == Kind.VERDICT and event.data.get("impact")], Kind.VERDICT)
    page = _first((event for event in events if event.data.get("what") == "page"), Kind.NOTIFIED)
    paged = page.time if page else None
    after_page = [event for event in events if paged is not None and event.time >= paged.replace(microsecond=0)]
    resolved = verdict is not None and verdict.data["verdict"] == "resolved"
    samples = _samples(folder, inject, verdict.time if verdict else None)
    since = [event for event in events if inject is not None and event.time >= inject]
    crossing = _first((event for event in since if event.data.get("below")), Kind.SLI_CROSSED)
    recovered = ruled is not None and ruled.data["verdict"] in ("resolved", "rejected")
    mitigate = _parsed(ruled.data["last_bad"]) if ruled is not None and recovered else None
    return Figures(
        inject=inject,
        first_bad=_moment(min((sample[2] for sample in samples if sample[3]), default=None)),
        impact=_parsed(ruled.data["impact"]) if ruled else (crossing.time if crossing else None),
        fire=_time(_first((event for event in since if event.data.get("pages")), Kind.ALERT_FIRING)),
        page=paged,
        ack=_time(_first(events, Kind.ACKNOWLEDGED)),
        first_action=min((event.time for event in after_page if _is_action(event)), default=None),
        mitigate=mitigate,
        resolve=verdict.time if verdict is not None and resolved else None,
        verdict=verdict.data["verdict"] if verdict else "none",
        reason=verdict.data["reason"] if verdict else "The record ends without a verdict.",
        objective=objective,
        requests=tuple(_requests(samples)),
        healed_by=_healed_by(events, inject, mitigate),
        scaled=tuple(_scaled(events, inject, verdict.time if verdict else None)),
        left=tuple(_left(events)) if resolved else (),
        relapses=_relapses(events),
    )


def headline(figures: Figures) -> dict[str, str]:
    """The figures worth a line at the end of a game: those that there are."""
    times = {
        "time to detect": figures.time_to_detect_s, "to acknowledge": figures.time_to_acknowledge_s,
        "to mitigate": figures.time_to_mitigate_s, "to resolve": figures.time_to_resolve_s,
    }  # fmt: skip
    lines = {name: duration(value) for name, value in times.items() if value is not None}
    if figures.healed_by == ITSELF:
        lines["healed by"] = "itself: the responder had changed nothing"
        if figures.scaled:
            lines["healed by"] += f", and {figures.scaled[-1]}"
    if figures.left:
        lines["not mended"] = ", ".join(one.partition("(")[0] for one in figures.left)
    if figures.relapses:
        lines["relapses"] = f"{figures.relapses}: users were served for less than the hold window"
    for requests in figures.requests:
        what, where = _MET.get(requests.source, ("failed", requests.source))
        lines[what] = f"{requests.bad:.0f} of {requests.total:.0f} ({where})"
    return lines


def _healed_by(events: Sequence[Event], inject: datetime | None, mitigate: datetime | None) -> str | None:
    if inject is None or mitigate is None or _is_lost(events):
        return None
    acted = any(inject.replace(microsecond=0) <= one.time <= mitigate + _ACT_SLACK for one in events if _changes(one))
    return RESPONDER if acted else ITSELF


def _is_lost(events: Iterable[Event]) -> bool:
    """Whether CloudTrail or the log of sessions was lost and did not come back."""
    last: dict[str, str] = {}
    for event in events:
        if event.type in (Kind.SOURCE_LOST, Kind.SOURCE_BACK):
            last[event.data["what"]] = event.type
    return any(last.get(what) == Kind.SOURCE_LOST for what in ("CloudTrail", "the log of sessions"))


def _changes(event: Event) -> bool:
    """Whether it is the responder's and may have changed something.

    Nobody can say what a command does on a host; one on the workstation changes nothing but by AWS calls.
    """
    if event.type == Kind.COMMAND:
        return not event.data.get("workstation")
    data = event.data
    return event.type == Kind.AWS_CALL and data["who"] == "player" and not (data["read_only"] or data["error"])


def _scaled(events: Iterable[Event], start: datetime | None, end: datetime | None) -> Iterable[str]:
    """What was launched and ended within this time; AWS tells whole seconds."""
    if start is None:
        return
    for event in sorted((one for one in events if one.type == Kind.SCALED), key=lambda one: one.time):
        within = start.replace(microsecond=0) <= event.time and (end is None or event.time <= end)
        if within and event.data["status"] == "Successful":
            yield f"{event.data['group']}: {event.data['description']}"


def _left(events: Sequence[Event]) -> Iterable[str]:
    """The preparations that the game had to undo, as they are on the record."""
    undone = {event.data["fault"]: event.data["outcome"] for event in events if event.type == Kind.FAULT_UNDONE}
    for event in events:
        if event.type == Kind.FAULT_PREPARED and undone.get(event.data["fault"]) == _RESTORED:
            arguments = ", ".join(f"{key}={value}" for key, value in event.data["arguments"].items())
            yield f"{event.data['action'].rpartition('.')[2]}({arguments})"


def _relapses(events: Iterable[Event]) -> int:
    phases = [event.data["phase"] for event in events if event.type == Kind.PHASE_STARTED]
    return sum(before == "recovery" and after == "outage" for before, after in pairwise(phases))


def _requests(samples: Sequence[Any]) -> Iterable[Requests]:
    for source in dict.fromkeys(sample[0] for sample in samples):
        mine = [sample for sample in samples if sample[0] == source]
        yield Requests(source, sum(sample[3] for sample in mine), sum(sample[4] for sample in mine))


def _samples(folder: GameFolder, start: datetime | None, end: datetime | None) -> list[Any]:
    if start is None or not folder.samples.exists():
        return []
    until = end.timestamp() if end else float("inf")
    samples = []
    for line in folder.samples.read_text().splitlines():
        try:
            sample = json.loads(line)
        except ValueError:
            continue
        if start.timestamp() < sample[2] <= until:
            samples.append(sample)
    return samples


def _is_action(event: Event) -> bool:
    return event.type == Kind.COMMAND or (event.type == Kind.AWS_CALL and event.data["who"] == "player")


def _first(events: Iterable[Event], kind: Kind) -> Event | None:
    return min((event for event in events if event.type == kind), key=lambda event: event.time, default=None)


def _last(events: Sequence[Event], kind: Kind) -> Event | None:
    return next((event for event in reversed(events) if event.type == kind), None)


def _time(event: Event | None) -> datetime | None:
    return event.time if event else None


def _parsed(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
