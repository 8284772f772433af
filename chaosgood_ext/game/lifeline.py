"""Runs a program that must not outlive whoever started it: a program of its own, which needs nothing but Python.

`python lifeline.py LIFELINE STATUS PROGRAM ARGUMENT…` starts the program as the leader of a session. `LIFELINE` is the
reading end of a pipe: when its other end is closed, however its holder ended, the program is killed with all that it
started, whatever process group that went to. On the pipe `STATUS` it says a line that is empty, or why the program
cannot be started, and when the program has ended its status, as :mod:`subprocess` counts it. SIGTERM goes on to the
program's group.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
"""prctl(2): what the program starts becomes our child when its parent ends, so nothing is lost sight of."""


def run(lifeline: int, status: int, argv: Sequence[str]) -> None:
    """Follow the program `argv` until nothing of it is left, or the lifeline ends."""
    for descriptor in (lifeline, status):
        os.set_inheritable(descriptor, False)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        program = os.posix_spawnp(
            argv[0], [*argv], os.environ, setsid=True, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD]
        )
    except OSError as cause:
        os.write(status, f"{cause.strerror}\n".encode())
        return
    signal.signal(signal.SIGTERM, lambda *_: _signal_group(program, signal.SIGTERM))
    os.write(status, b"\n")
    _let_go_of_streams()
    while _reap(program, status):
        ready, _, _ = select.select([lifeline, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
        if lifeline in ready:
            _signal_group(program, signal.SIGKILL)
            _kill_children()
            return


def _let_go_of_streams() -> None:
    """Whoever reads what the program says has to hear when the program has closed it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)


def _reap(program: int, status: int) -> bool:
    """Bury the dead, and tell how the program ended; whether anybody is left."""
    try:
        while (died := os.waitpid(-1, os.WNOHANG))[0]:
            if died[0] == program:
                with suppress(BrokenPipeError):
                    os.write(status, f"{os.waitstatus_to_exitcode(died[1])}\n".encode())
    except ChildProcessError:
        return False
    return True


def _kill_children() -> None:
    """Kill all children, and theirs, which become ours as their parents end."""
    with suppress(ChildProcessError):
        while True:
            for child in _children():
                os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> Iterator[int]:
    """Our children, also those that nobody has buried yet: their numbers are nobody else's; see proc(5)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():
                yield int(stat.parent.name)


def _signal_group(program: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(program, number)


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
