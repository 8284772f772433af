"""Ends of a command that look like Ctrl-C to Python: what must be closed or written down still is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_interruption() -> Iterator[None]:
    """Let SIGTERM and a closed terminal raise :class:`KeyboardInterrupt`."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
