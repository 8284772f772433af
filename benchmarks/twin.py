"""How long a twin takes to come up and to go, and how much memory it takes while nobody asks anything of it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from benchmarks.figures import Figure, Progress
from chaosgood_ext.twin import launcher, programs

_IDLE_S = 10.0
"""How long a twin is left alone before its memory is read: until what booting took is given back."""


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Start a twin, let it idle, end it."""
    programs.ensure(progress)
    up, memory, processes, down = [], [], [], []
    for number in range(rounds):
        start = time.perf_counter()
        twin = launcher.boot(private=True)
        up.append(time.perf_counter() - start)
        time.sleep(_IDLE_S)
        family = [psutil.Process(twin.pid), *psutil.Process(twin.pid).children(recursive=True)]
        memory.append(sum(proportional_kib(process.pid) for process in family) / 1024)
        processes.append(float(len(family)))
        start = time.perf_counter()
        launcher.shut_down(twin)
        down.append(time.perf_counter() - start)
        progress(f"round {number + 1} of {rounds}: up {up[-1]:.2f} s, {memory[-1]:.0f} MiB, down {down[-1]:.2f} s")
    return [
        Figure("twin up: call to steady state", "s", tuple(up), reach=5),
        Figure("memory of a whole idle twin (sum of PSS)", "MiB", tuple(memory), reach=600),
        Figure("processes of a whole idle twin", "", tuple(processes)),
        Figure("twin down, nothing left", "s", tuple(down), reach=1),
    ]


def proportional_kib(pid: int) -> int:
    """A process's proportional set size: what is shared counts by its share (proc(5), smaps_rollup)."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
