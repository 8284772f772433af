"""A program that plays the responder: heard line by line, and ended with the game, however the game ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from chaosgood_ext.errors import GameError

_LIFELINE = Path(__file__).with_name("lifeline.py")
_TERMINATE_S = 0.4


class Program:
    """The running program `argv`, fed `stdin`; `on_line` gets what it prints, `on_end` its status.

    Both are called in a thread of their own. When this process ends, be it by kill -9, the program is killed with all
    that it started. Raises :class:`GameError` when it cannot be started.
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
        lifeline, self._lifeline = os.pipe()
        status_read, status = os.pipe()
        self._status_line = os.fdopen(status_read, encoding="utf-8", errors="replace")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LIFELINE), str(lifeline), str(status), *argv],
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[lifeline, status],
                start_new_session=True,
            )
        except OSError as cause:
            self._let_go()
            raise GameError(f"The responder's program {argv[0]} cannot be started: {cause.strerror}.") from cause
        finally:
            os.close(lifeline)
            os.close(status)
        if (said := self._status_line.readline()) != "\n":
            self._let_go()
            output, _ = self._process.communicate()
            why = said.strip() or output.decode(errors="replace").strip()[-200:] or "it was ended"
            raise GameError(f"The responder's program {argv[0]} cannot be started: {why}.")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, args=(on_line, on_end), name="responder", daemon=True)
        self._thread.start()
        for target, arguments in ((self._feed, (stdin,)), (self._await_status, ())):
            threading.Thread(target=target, args=arguments, name="responder-io", daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet; what it left in the background does not count."""
        return not self._ended.is_set()

    def stop(self) -> None:
        """End it and whatever it started; by force what does not go within half a second."""
        self._process.terminate()
        self._await_end()
        self._let_go()
        self._await_end()
        self._thread.join(_TERMINATE_S)

    def _await_end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_TERMINATE_S)

    def _let_go(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _await_status(self) -> None:
        with self._status_line:
            said = self._status_line.readline()
        # Nothing is said where what keeps the lifeline was ended itself.
        self._status = int(said) if said else self._process.wait()
        self._ended.set()

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
        self._ended.wait()
        on_end(self._status)
