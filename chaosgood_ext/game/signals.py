"""Ctrl-C, SIGTERM and SIGHUP: they end the game in order, whatever the main thread hangs in.

The two lines of Chaos Toolkit treat signals differently (the older swallows SIGTERM in a Python activity, and
both skip rollbacks at a second Ctrl-C), so a game brings its own handlers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread at the first signal; both lines of Chaos Toolkit let it through."""


class Signals:
    """Handlers for :data:`HANDLED`.

    At the first signal `on_signal` is called in a thread of its own, which exists already, and
    :class:`Interrupted` is raised in the main thread if `may_raise` says so. Further ones change nothing. What the
    process was started to ignore (`nohup`) stays ignored.
    """

    def __init__(self, on_signal: Callable[[signal.Signals], None], may_raise: Callable[[], bool]) -> None:
        self.received: signal.Signals | None = None
        self._on_signal = on_signal
        self._may_raise = may_raise
        self._previous: dict[signal.Signals, Any] = {}
        self._read, self._write = os.pipe2(os.O_CLOEXEC)
        # Made now: a handler may run while the main thread holds the locks that starting a thread needs.
        self._thread = threading.Thread(target=self._wait, name="signals", daemon=True)

    def install(self) -> None:
        """Handle the signals from now on; must be called in the main thread."""
        self._thread.start()
        for number in HANDLED:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)

    def restore(self) -> None:
        """Hand the signals back to whoever had them."""
        for number, previous in self._previous.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, previous if previous is not None else signal.SIG_DFL)
        self._previous.clear()
        with contextlib.suppress(OSError):
            os.write(self._write, b"\0")

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self.received is not None:
            return
        self.received = signal.Signals(number)
        os.write(self._write, bytes([number]))
        if self._may_raise():
            raise Interrupted(self.received.name)

    def _wait(self) -> None:
        if number := os.read(self._read, 1)[0]:
            self._on_signal(signal.Signals(number))
