"""One line of the record: a CloudEvents 1.0 object in its JSON format."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What can happen in a game; the `type` of its event."""

    GAME_STARTED = "chaosgood.game.started"
    GAME_ENDED = "chaosgood.game.ended"
    PHASE_STARTED = "chaosgood.phase.started"
    PROGRESS = "chaosgood.progress"
    STEADY_STATE = "chaosgood.steady-state.checked"
    FAULT_STARTED = "chaosgood.fault.started"
    FAULT_PREPARED = "chaosgood.fault.prepared"
    FAULT_INJECTED = "chaosgood.fault.injected"
    FAULT_FAILED = "chaosgood.fault.failed"
    FAULT_UNDONE = "chaosgood.fault.undone"
    UNDO_FAILED = "chaosgood.fault.undo-failed"
    SLI_CROSSED = "chaosgood.sli.crossed"
    ALERT_FIRING = "chaosgood.alert.firing"
    ALERT_RESOLVED = "chaosgood.alert.resolved"
    NOTIFIED = "chaosgood.notification.sent"
    NOTIFICATION_FAILED = "chaosgood.notification.failed"
    ACKNOWLEDGED = "chaosgood.acknowledged"
    NOTE = "chaosgood.note"
    HINT = "chaosgood.hint"
    AWS_CALL = "chaosgood.aws.called"
    SCALED = "chaosgood.aws.scaled"
    COMMAND = "chaosgood.command.typed"
    RESPONDER_STARTED = "chaosgood.responder.started"
    RESPONDER_ENDED = "chaosgood.responder.ended"
    GUARD_SET = "chaosgood.guard.set"
    GUARD_LOOSE = "chaosgood.guard.loose"
    GUARD_VIOLATED = "chaosgood.guard.violated"
    GUARD_HELD = "chaosgood.guard.held"
    SOURCE_LOST = "chaosgood.source.lost"
    SOURCE_BACK = "chaosgood.source.back"
    INTERRUPTED = "chaosgood.game.interrupted"
    VERDICT = "chaosgood.verdict"


@dataclass(frozen=True)
class Event:
    """Something that happened at `time` and was learnt at `recordedtime`, both aware and in UTC.

    `source` ends with who told it (`/games/<game>/cloudtrail`); `subject` is what it is about, or empty.
    The names are those of the CloudEvents 1.0 specification and of its "recorded time" extension.
    """

    type: str
    source: str
    time: datetime
    recordedtime: datetime
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def teller(self) -> str:
        """Who told it: the last segment of `source`."""
        return self.source.rpartition("/")[2]

    def to_json(self) -> str:
        """The event on one line."""
        document: dict[str, Any] = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": str(self.type),
            "time": self.time.astimezone(UTC).isoformat(timespec="microseconds"),
            "recordedtime": self.recordedtime.astimezone(UTC).isoformat(timespec="microseconds"),
        }
        if self.subject:
            document["subject"] = self.subject
        document["datacontenttype"] = "application/json"
        document["data"] = dict(self.data)
        return json.dumps(document, ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, line: str | bytes) -> Event:
        """Read a line back; raises `ValueError` when it is no event."""
        document = json.loads(line)
        try:
            return cls(
                type=document["type"],
                source=document["source"],
                time=datetime.fromisoformat(document["time"]),
                recordedtime=datetime.fromisoformat(document["recordedtime"]),
                subject=document.get("subject", ""),
                data=document.get("data") or {},
                id=document["id"],
            )
        except (KeyError, TypeError, AttributeError) as cause:
            raise ValueError("not an event") from cause
