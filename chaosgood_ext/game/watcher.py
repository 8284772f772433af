"""A thread that looks at one source again and again, and tells when the source is lost and back."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

from chaosgood_ext.errors import ChaosGoodError, EnvironmentUnavailable


class Watcher:
    """Calls `look` every `interval_s` until it is stopped.

    A source that raises :class:`EnvironmentUnavailable` for longer than `patience_s` is lost: `on_lost` gets the
    watcher and the reason, once; `on_back` when it answers again. Anything else that `look` raises is passed to
    `on_failure` and ends the watcher.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], None],
        interval_s: float,
        *,
        on_lost: Callable[[Watcher, str], None],
        on_back: Callable[[Watcher], None],
        on_failure: Callable[[Watcher, str], None],
        patience_s: float = 2.0,
    ) -> None:
        self.name = name
        self.lost_since: float | None = None
        self._look = look
        self._interval_s = interval_s
        self._patience_s = patience_s
        self._on_lost = on_lost
        self._on_back = on_back
        self._on_failure = on_failure
        self._told = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; does not wait."""
        self._stopped.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until the last look is over; whether it is."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def look_once(self) -> None:
        """Look in the calling thread; a source that does not answer is no error."""
        try:
            self._look()
        except EnvironmentUnavailable as silence:
            self._silent(str(silence))
        else:
            self._answered()

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self.look_once()
            except ChaosGoodError as failure:
                self._on_failure(self, str(failure))
                return
            except Exception:  # noqa: BLE001 - the game must hear of a defect in a thread
                self._on_failure(self, traceback.format_exc())
                return
            self._stopped.wait(max(0.0, self._interval_s - (time.monotonic() - began)))

    def _silent(self, reason: str) -> None:
        now = time.monotonic()
        self.lost_since = self.lost_since if self.lost_since is not None else now
        if not self._told and now - self.lost_since >= self._patience_s:
            self._told = True
            self._on_lost(self, reason)

    def _answered(self) -> None:
        self.lost_since = None
        if self._told:
            self._told = False
            self._on_back(self)
