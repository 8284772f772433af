"""The record's file: many writers, one line at a time, each on disk before the next step."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.record.event import Event


def append_line(path: Path, line: str) -> None:
    """Put `line` at the end of the file at `path`, on disk when this returns.

    Writers of other threads and processes wait for each other. What a writer that died left of its last
    line stays alone on that line. Raises :class:`GameError` when the disk does not take it.
    """
    try:
        with _locked(path) as descriptor:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            payload = (b"\n" if torn else b"") + line.encode() + b"\n"
            if (written := os.write(descriptor, payload)) != len(payload):
                raise OSError(f"only {written} of {len(payload)} bytes fitted")
            os.fsync(descriptor)
            if not size:
                sync_folder(path.parent)
    except OSError as cause:
        reason = cause.strerror or str(cause)
        raise GameError(f"{path} cannot be written: {reason}.", "Free some disk space or mend its folder.") from cause


def sync_folder(folder: Path) -> None:
    """Have the names in `folder` on disk, too: syncing a new file does not keep its name (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    # An own descriptor every time: flock then excludes the threads of one process too.
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Record:
    """The record of the game `game` in the file `path`."""

    path: Path
    game: str

    def append(
        self,
        kind: str,
        data: Mapping[str, Any] | None = None,
        *,
        teller: str = "game",
        time: datetime | None = None,
        subject: str = "",
        identifier: str = "",
    ) -> Event:
        """Add an event that `teller` told and that happened at `time` (default: now); return it.

        `identifier` is the event's id where its source has one. Raises :class:`GameError` when it cannot
        be written.
        """
        now = datetime.now(UTC)
        own_id = {"id": identifier} if identifier else {}
        event = Event(
            type=str(kind),
            source=f"/games/{self.game}/{teller}",
            time=time or now,
            recordedtime=now,
            subject=subject,
            data=data or {},
            **own_id,
        )
        append_line(self.path, event.to_json())
        return event


@dataclass(frozen=True)
class Reading:
    """What a record says: its events in the order of their recording, and how many lines were damaged."""

    events: tuple[Event, ...]
    damaged: int
    end: int
    """Offset behind the last whole line, in bytes: where to read on."""


def read(path: Path, start: int = 0) -> Reading:
    """Read the events from byte `start` on; a line torn by a sudden death is counted, never an error.

    An unfinished last line is left alone: its writer may still be at it, or is dead.
    """
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read()
    except FileNotFoundError:
        return Reading((), 0, start)
    whole, _, rest = content.rpartition(b"\n")
    events, damaged = [], 1 if rest and start == 0 else 0
    for line in whole.split(b"\n"):
        if not line.strip():
            continue
        try:
            events.append(Event.from_json(line))
        except ValueError:
            damaged += 1
    return Reading(tuple(events), damaged, start + len(content) - len(rest))
