"""The undo log: what puts each fault back is on disk before the fault acts, and that it is back, afterwards."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import ChaosGoodError, GameError
from chaosgood_ext.game.aws import Clients
from chaosgood_ext.game.inverses import Inverse, Outcome, play
from chaosgood_ext.game.place import Place
from chaosgood_ext.record.log import append_line


@dataclass(frozen=True)
class Entry:
    """A fault that is open: its name in the scenario, its inverse, and where it acted."""

    id: str
    fault: str
    inverse: Inverse
    place: Place


@dataclass(frozen=True)
class Undone:
    """What undoing one entry came to; `failure` says why it could not be undone, or not be noted as undone."""

    entry: Entry
    outcome: Outcome | None
    failure: str = ""


@dataclass(frozen=True)
class Reading:
    """What an undo log says: what is open, the last fault first, and how many lines are damaged."""

    open: tuple[Entry, ...]
    damaged: int


@dataclass
class UndoLog:
    """The undo log in the file `path`, of faults that act at `place`."""

    path: Path
    place: Place
    player: Callable[[Inverse, Clients], Outcome] = play
    _playing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def open(self, fault: str, inverse: Inverse) -> Entry:
        """Note that `fault` is about to act; raises :class:`~chaosgood_ext.errors.GameError` when it cannot."""
        entry = Entry(str(uuid.uuid4()), fault, inverse, self.place)
        place = self.place.to_json()
        self._write({"entry": entry.id, "state": "open", "fault": fault, **place, "inverse": inverse.to_json()})
        return entry

    def close(self, entry: Entry, outcome: str) -> None:
        """Note that `entry` is undone, and how; raises as :meth:`open` does."""
        self._write({"entry": entry.id, "state": "closed", "outcome": outcome})

    def pending(self) -> list[Entry]:
        """What is still open, the last fault first."""
        return list(read(self.path).open)

    def play(self, clients: Clients, *, close: bool) -> list[Undone]:
        """Undo all that is open, the last fault first; with `close`, note what is undone.

        Without `close` it may be played again: a request of the fault that was on its way may still arrive.
        """
        with self._playing:
            results = [self._undo(entry, clients) for entry in self.pending()]
            return [self._closed(result) for result in results] if close else results

    def _undo(self, entry: Entry, clients: Clients) -> Undone:
        try:
            return Undone(entry, self.player(entry.inverse, clients))
        except ChaosGoodError as cause:
            return Undone(entry, None, str(cause))

    def _closed(self, result: Undone) -> Undone:
        if result.outcome is None:
            return result
        try:
            self.close(result.entry, result.outcome)
        except GameError as full:
            return Undone(result.entry, result.outcome, f"It is undone, but that cannot be noted: {full}")
        return result

    def _write(self, note: Mapping[str, Any]) -> None:
        append_line(self.path, json.dumps({"time": datetime.now(UTC).isoformat(), **note}))


def read(path: Path) -> Reading:
    """Read an undo log; one that is not there has nothing open.

    A damaged line is one that was being written when its writer died, or that did not fit on the disk: a fault acts
    only when its line is whole, so nothing is lost with it. A damaged line that closes an entry leaves it open, and
    undoing it once more does no harm. Raises :class:`~chaosgood_ext.errors.GameError` when the file cannot be read.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return Reading((), 0)
    except OSError as cause:
        raise GameError(f"The undo log {path} cannot be read: {cause.strerror}.", "Mend its permissions.") from cause
    entries: dict[str, Entry] = {}
    damaged = 0
    for line in filter(None, lines):
        try:
            note = json.loads(line)
            if note["state"] == "open":
                entry = _entry(note)
                entries[entry.id] = entry
            else:
                entries.pop(note["entry"], None)
        except (ValueError, KeyError, TypeError):
            damaged += 1
    return Reading(tuple(reversed(entries.values())), damaged)


def _entry(note: Mapping[str, Any]) -> Entry:
    inverse = Inverse(note["inverse"]["kind"], note["inverse"]["arguments"])
    return Entry(note["entry"], note["fault"], inverse, Place.from_json(note))
