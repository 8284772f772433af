"""Runs the controllers: at once after every mutating call, and once a second in any case."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

log = logging.getLogger(__name__)

RESYNC_S = 1.0
_GATHER_S = 0.005
_RETRY_S = 0.2

Step = TypeVar("Step")


class Controller(Protocol):
    """Looks after one service."""

    name: str

    def reconcile(self) -> bool:
        """Make the world follow the control plane; return whether anything was changed that others may wait for."""


class Reconciler:
    """One thread a controller, so that a slow one delays nobody."""

    def __init__(self, controllers: Sequence[Controller], resync_s: float = RESYNC_S) -> None:
        self._controllers = controllers
        self._resync_s = resync_s
        self._wanted = [threading.Event() for _ in controllers]
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(index,), name=f"{controller.name}-controller", daemon=True)
            for index, controller in enumerate(controllers)
        ]

    def start(self) -> None:
        """Start all controllers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every controller end its current round, and no further one begin."""
        self._stopped.set()
        self.trigger()
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.is_alive():
                thread.join(5)

    def trigger(self) -> None:
        """Let every controller look again, soon."""
        for wanted in self._wanted:
            wanted.set()

    def _run(self, index: int) -> None:
        controller, wanted, said = self._controllers[index], self._wanted[index], ""
        while not self._stopped.is_set():
            pause_s = self._resync_s
            try:
                if controller.reconcile():
                    self.trigger()
                said = ""
            except Exception as problem:
                pause_s = _RETRY_S
                if repr(problem) != said:
                    said = repr(problem)
                    log.exception("The %s controller failed; it tries again", controller.name)
            if wanted.wait(pause_s):
                # One call seldom comes alone: gather those that follow at once.
                time.sleep(_GATHER_S)
            wanted.clear()


def apply_each(steps: Iterable[Step], apply: Callable[[Step], None]) -> bool:
    """Apply every step, whatever becomes of the others; return whether there was any.

    Raises :class:`ExceptionGroup` of what failed, when all have been tried.
    """
    failed: list[Exception] = []
    done = False
    for step in steps:
        done = True
        try:
            apply(step)
        except Exception as problem:  # noqa: BLE001
            problem.add_note(f"in {step!r}")
            failed.append(problem)
    if failed:
        raise ExceptionGroup("some steps failed", failed)
    return done
