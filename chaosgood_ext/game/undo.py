"""The undo log: what puts each fault back is on disk before the fault acts, and that it is back, afterwards."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game.aws import Aws
from chaosgood_ext.game.inverses import Inverse, Outcome, play
from chaosgood_ext.record.log import append_line


@dataclass(frozen=True)
class Entry:
    """A fault that is open: its name in the scenario, and its inverse."""

    id: str
    fault: str
    inverse: Inverse


@dataclass(frozen=True)
class Undone:
    """What undoing one entry came to; `failure` says why it could not be undone."""

    entry: Entry
    outcome: Outcome | None
    failure: str = ""


@dataclass
class UndoLog:
    """The undo log in the file `path`, for an environment called `environment`."""

    path: Path
    environment: str
    player: Callable[[Inverse, Aws], Outcome] = play
    _playing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self, fault: str, inverse: Inverse) -> Entry:
        """Note that `fault` is about to act; raises :class:`~chaosgood_ext.errors.GameError` when it cannot."""
        entry = Entry(str(uuid.uuid4()), fault, inverse)
        self._write({
            "entry": entry.id, "state": "open", "fault": fault, "environment": self.environment,
            "inverse": {"kind": inverse.kind, "arguments": dict(inverse.arguments)},
        })  # fmt: skip
        return entry

    def close(self, entry: Entry, outcome: str) -> None:
        """Note that `entry` is undone, and how."""
        self._write({"entry": entry.id, "state": "closed", "outcome": outcome})

    def pending(self) -> list[Entry]:
        """What is still open, the last fault first."""
        entries: dict[str, Entry] = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else []:
            try:
                note = json.loads(line)
            except ValueError:
                continue  # Torn while it was written: its fault never acted.
            if note["state"] == "open":
                inverse = Inverse(note["inverse"]["kind"], note["inverse"]["arguments"])
                entries[note["entry"]] = Entry(note["entry"], note["fault"], inverse)
            else:
                entries.pop(note["entry"], None)
        return list(reversed(entries.values()))

    def play(self, aws: Aws, *, close: bool) -> list[Undone]:
        """Undo all that is open, the last fault first; with `close`, note what is undone.

        Without `close` it may be played again: a request of the fault that was on its way may still arrive.
        """
        with self._playing:
            results = [self._undo(entry, aws) for entry in self.pending()]
            for result in results:
                if close and result.outcome is not None:
                    self.close(result.entry, result.outcome)
        return results

    def _undo(self, entry: Entry, aws: Aws) -> Undone:
        try:
            return Undone(entry, self.player(entry.inverse, aws))
        except ChaosGoodError as cause:
            return Undone(entry, None, str(cause))

    def _write(self, note: dict[str, object]) -> None:
        append_line(self.path, json.dumps({"time": datetime.now(UTC).isoformat(), **note}))
