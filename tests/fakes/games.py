"""Games on disk, as far as they got."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.folder import Description, GameFolder

START = datetime(2026, 11, 4, 10, 15, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """So many seconds after the game's start."""
    return START + timedelta(seconds=seconds)


def game_on_disk(path: Path, *events: tuple[float, Kind, str, dict[str, Any]], **changes: Any) -> GameFolder:
    """A game in `path` whose record holds `events`: (seconds after the start, kind, teller, data)."""
    path.mkdir(parents=True, exist_ok=True)
    folder = GameFolder(path)
    known = {"hints": ["look", "look harder"], "difficulty": "easy", "story": "A shop.", **changes}
    folder.describe(Description(path.name, "sg-break", "The shop", START.isoformat(), "human", "twin x", **known))
    lines = [
        Event(kind, f"/games/{path.name}/{teller}", moment(at), moment(at), data=data).to_json()
        for at, kind, teller, data in events
    ]
    folder.events.write_text("".join(f"{line}\n" for line in lines))
    return folder


def alert(name: str, *, pages: bool) -> dict[str, Any]:
    """The data of an alert's event."""
    return {
        "alert": name, "severity": "critical", "pages": pages, "started": START.isoformat(), "labels": {},
        "annotations": {"summary": "it fails"}, "silenced": False,
    }  # fmt: skip


def call(action: str, *, read_only: bool, who: str = "player", error: str | None = None) -> dict[str, Any]:
    """The data of an AWS call's event."""
    return {
        "who": who, "session": who, "service": "ec2", "action": action, "read_only": read_only, "parameters": None,
        "error": error, "error_message": error, "source_ip": "10.0.42.4",
    }  # fmt: skip


def resolved_game(path: Path) -> GameFolder:
    """A game that was resolved: fault at 30 s, impact at 33, page at 40, last bad second at 50, verdict at 61."""
    folder = game_on_disk(
        path,
        (0, Kind.GAME_STARTED, "game", {"title": "The shop", "responder": "human", "environment": "twin"}),
        (5, Kind.ALERT_FIRING, "alertmanager", alert("AtBoot", pages=True)),
        (30, Kind.FAULT_INJECTED, "game", {"fault": "f", "action": "a.b", "arguments": {"x": 1}}),
        (36, Kind.ALERT_FIRING, "alertmanager", alert("Cause", pages=False)),
        (38, Kind.ALERT_FIRING, "alertmanager", alert("Down", pages=True)),
        (40, Kind.NOTIFIED, "game", {"channel": "the terminal", "what": "page", "title": "Down"}),
        (43.5, Kind.ACKNOWLEDGED, "responder", {"by": "me"}),
        (44, Kind.COMMAND, "sessions", {
            "host": "app-1", "session": 1, "command": "psql | <script>alert(1)</script> *x*",
        }),
        (45, Kind.AWS_CALL, "cloudtrail", call("DescribeSecurityGroups", read_only=True)),
        (48, Kind.AWS_CALL, "cloudtrail", call("AuthorizeSecurityGroupIngress", read_only=False)),
        (49, Kind.NOTE, "responder", {"by": "me", "text": "found it"}),
        (61, Kind.VERDICT, "game", {
            "verdict": "resolved", "reason": "Users are served again.",
            "impact": moment(33).isoformat(), "last_bad": moment(50).isoformat(),
        }),
        (62, Kind.GAME_ENDED, "game", {"verdict": "resolved"}),
    )  # fmt: skip
    base = START.timestamp()
    samples = [
        ["prober", base + 20, base + 21, 1, 1],  # before the fault: does not count
        ["prober", base + 32, base + 33.5, 1, 1],
        ["prober", base + 51, base + 52, 0, 1],
        ["traffic", base + 33, base + 34, 5, 25],
        ["traffic", base + 70, base + 71, 9, 9],  # after the verdict: does not count
    ]
    folder.samples.write_text("".join(json.dumps(sample) + "\n" for sample in samples) + "[torn")
    folder.write_journal({"status": "completed"})
    return folder
