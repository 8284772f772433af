"""Each host's own /proc/sysrq-trigger: what root writes there reaches this machine's daemon, never its kernel.

Of the commands of the kernel's "Linux Magic System Request Key Hacks", `c` (crash) is acted on; the other letters
do nothing.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
from collections.abc import Callable
from pathlib import Path

OnLetter = Callable[[str, str], None]
"""Takes a host's name and the letter that was written there."""


class Sysrq:
    """Reads the FIFOs of all hosts from one thread; `on_letter` is called in it."""

    def __init__(self, on_letter: OnLetter) -> None:
        self._on_letter = on_letter
        self._open: dict[str, int] = {}
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._started = False

    def watch(self, fifo: Path, host: str) -> None:
        """Read `fifo` from now on, for `host`."""
        descriptor = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)  # so a writer never waits for a reader
        with self._lock:
            self._open[host] = descriptor
            self._selector.register(descriptor, selectors.EVENT_READ, host)
            if not self._started:
                self._started = True
                threading.Thread(target=self._read, name="sysrq", daemon=True).start()

    def forget(self, host: str) -> None:
        """Read a host's FIFO no more; unknown ones are ignored."""
        with self._lock:
            descriptor = self._open.pop(host, None)
            if descriptor is not None:
                self._selector.unregister(descriptor)
                os.close(descriptor)

    def _read(self) -> None:
        while True:
            for key, _ in self._selector.select():
                with self._lock:
                    if self._open.get(key.data) != key.fd:
                        continue
                    text = b""
                    with contextlib.suppress(BlockingIOError):
                        text = os.read(key.fd, 64)
                if letter := text.decode("ascii", "replace")[:1]:
                    self._on_letter(key.data, letter)
