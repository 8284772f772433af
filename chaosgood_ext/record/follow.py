"""Hears of each event of a record, whoever wrote it, as soon as it is on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from chaosgood_ext.record.event import Event
from chaosgood_ext.record.log import read


class Follower:
    """Calls each of `listeners` with each event that is added to the record at `path`, from a thread of its own."""

    def __init__(self, path: Path, listeners: Sequence[Callable[[Event], None]], interval_s: float = 0.1) -> None:
        self._path = path
        self._listeners = listeners
        self._interval_s = interval_s
        self._position = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow-record", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Tell what is there by now, then end."""
        self._stopped.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            self._tell()
        self._tell()

    def _tell(self) -> None:
        reading = read(self._path, self._position)
        self._position = reading.end
        for event in reading.events:
            for listener in self._listeners:
                listener(event)
