"""A program that plays the responder: in a process group of its own, heard line by line, ended with the game."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

from chaosgood_ext.errors import GameError

_TERMINATE_S = 0.4


class Program:
    """The running program `argv`, fed `stdin`; `on_line` gets what it prints, `on_end` its status.

    Both are called in a thread of their own. Raises :class:`GameError` when it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        stdin: str = "",
        on_line: Callable[[str], None],
        on_end: Callable[[int], None],
    ) -> None:
        try:
            self._process = subprocess.Popen(
                argv,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as cause:
            raise GameError(f"The responder's program {argv[0]} cannot be started: {cause.strerror}.") from cause
        self._thread = threading.Thread(target=self._follow, args=(on_line, on_end), name="responder", daemon=True)
        self._feeder = threading.Thread(target=self._feed, args=(stdin,), name="responder-stdin", daemon=True)
        self._thread.start()
        self._feeder.start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it and whatever it started in its group; by force when it does not go within half a second."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_TERMINATE_S)
        self._thread.join(_TERMINATE_S)

    def _feed(self, stdin: str) -> None:
        assert self._process.stdin is not None
        # A program that reads nothing, or that is gone, is none of our business.
        with contextlib.suppress(OSError), self._process.stdin:
            self._process.stdin.write(stdin.encode())

    def _follow(self, on_line: Callable[[str], None], on_end: Callable[[int], None]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                on_line(line.decode(errors="replace").rstrip())
        on_end(self._process.wait())
