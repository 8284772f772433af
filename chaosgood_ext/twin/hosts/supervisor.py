"""Keeps the units of every host running, as systemd would: one thread for all hosts.

It waits on process descriptors (pidfd_open(2)), so that a program that dies is seen at once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from chaosgood_ext.twin.hosts.model import Unit

logger = logging.getLogger(__name__)

Spawn = Callable[[], subprocess.Popen[bytes]]
_STOP_DEADLINE_S = 3.0
_SHUTDOWN_DEADLINE_S = 1.0


@dataclass
class Supervised:
    """A unit of a host while the supervisor looks after it."""

    key: tuple[str, str]
    unit: Unit
    spawn: Spawn
    process: subprocess.Popen[bytes] | None = None
    descriptor: int = -1
    wanted: bool = True
    restarts: int = 0
    due: float = field(default=0.0)

    @property
    def main_pid(self) -> int | None:
        """The program itself: the only child of the `nsenter` that put it into the host."""
        if self.process is None:
            return None
        with contextlib.suppress(psutil.Error):
            children = psutil.Process(self.process.pid).children()
            if children:
                return int(children[0].pid)
        return None


class Supervisor:
    """Starts, watches, restarts and stops units. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._units: dict[tuple[str, str], Supervised] = {}
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        threading.Thread(target=self._watch, name="supervisor", daemon=True).start()

    def start(self, host: str, unit: Unit, spawn: Spawn) -> None:
        """Start `unit` of `host`; one that runs already is stopped first."""
        self.stop(host, unit.name)
        supervised = Supervised((host, unit.name), unit, spawn)
        with self._lock:
            self._units[supervised.key] = supervised
            self._launch(supervised)

    def stop(self, host: str, name: str) -> None:
        """Stop a unit and wait for its end (SIGKILL after 3 s); unknown ones are ignored."""
        with self._lock:
            supervised = self._units.pop((host, name), None)
            if supervised is None:
                return
            supervised.wanted = False
            self._forget(supervised)
        _end(supervised)

    def shut_down_host(self, host: str) -> None:
        """End all units of a host at once, those that take over 1 s by SIGKILL with the host."""
        with self._lock:
            supervised = self.of_host(host)
            self.forget_host(host)
        for one in supervised:
            _ask_to_end(one)
        deadline = time.monotonic() + _SHUTDOWN_DEADLINE_S
        for one in supervised:
            if one.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    one.process.wait(max(0.0, deadline - time.monotonic()))

    def forget_host(self, host: str) -> None:
        """Drop all units of a host whose processes die with it."""
        with self._lock:
            for key in [key for key in self._units if key[0] == host]:
                supervised = self._units.pop(key)
                supervised.wanted = False
                self._forget(supervised)

    def get(self, host: str, name: str) -> Supervised | None:
        """The unit `name` of `host`, or None."""
        with self._lock:
            return self._units.get((host, name))

    def of_host(self, host: str) -> list[Supervised]:
        """All units of `host`."""
        with self._lock:
            return [supervised for key, supervised in self._units.items() if key[0] == host]

    def _launch(self, supervised: Supervised) -> None:
        try:
            supervised.process = supervised.spawn()
        except OSError as problem:
            logger.error("%s on %s could not be started: %s", supervised.key[1], supervised.key[0], problem)
            supervised.due = time.monotonic() + max(1.0, supervised.unit.restart_delay_s)
            return
        supervised.due = 0.0
        supervised.descriptor = os.pidfd_open(supervised.process.pid)
        self._selector.register(supervised.descriptor, selectors.EVENT_READ, supervised)
        self._wake()

    def _forget(self, supervised: Supervised) -> None:
        if supervised.descriptor >= 0:
            self._selector.unregister(supervised.descriptor)
            os.close(supervised.descriptor)
            supervised.descriptor = -1

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b".")

    def _watch(self) -> None:
        while True:
            for key, _ in self._selector.select(timeout=self._pause_s()):
                if key.data is None:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._wake_read, 4096)
                else:
                    self._ended(key.data)
            with self._lock:
                now = time.monotonic()
                for supervised in list(self._units.values()):
                    if supervised.due and supervised.due <= now:
                        supervised.restarts += 1
                        self._launch(supervised)

    def _pause_s(self) -> float | None:
        with self._lock:
            due = [supervised.due for supervised in self._units.values() if supervised.due]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _ended(self, supervised: Supervised) -> None:
        with self._lock:
            self._forget(supervised)
            if supervised.process is None:
                return
            status = supervised.process.wait()
            if not supervised.wanted:
                return
            logger.warning("%s on %s ended with status %s", supervised.key[1], supervised.key[0], status)
            restart = supervised.unit.restart
            if restart == "always" or (restart == "on-failure" and status):
                supervised.due = time.monotonic() + max(0.001, supervised.unit.restart_delay_s)


def _ask_to_end(supervised: Supervised) -> None:
    with contextlib.suppress(ProcessLookupError):
        if (target := supervised.main_pid) is not None:
            os.kill(target, signal.Signals[supervised.unit.stop_signal])


def _end(supervised: Supervised) -> None:
    process = supervised.process
    if process is None or process.poll() is not None:
        return
    _ask_to_end(supervised)
    try:
        process.wait(_STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
