"""What our plugins add to every start of `chaos`."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.figures import Figure, Progress

# The same entry point, with our plugins hidden from the group that click-plugins looks up.
_WITHOUT = """
import importlib.metadata as m, sys
found = m.entry_points
def entry_points(**wanted):
    return tuple(e for e in found(**wanted) if not e.value.startswith("chaosgood_ext."))
m.entry_points = entry_points
"""
_RUN = "import sys; sys.argv = ['chaos', '--help']; from chaostoolkit.__main__ import cli; cli()"


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Start `chaos --help` with and without our plugins, in turn."""
    with_ours, without = [], []
    for number in range(rounds * 2):
        progress(f"round {number + 1} of {rounds * 2}")
        with_ours.append(_seconds(_RUN, ours=True))
        without.append(_seconds(_WITHOUT + _RUN, ours=False))
    added = tuple(ours - bare for ours, bare in zip(with_ours, without, strict=True))
    return [
        Figure("chaos --help", "s", tuple(with_ours)),
        Figure("chaos --help, added by our plugins", "s", added, reach=0.1),
    ]


def _seconds(code: str, *, ours: bool) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    taken = time.perf_counter() - start
    assert ("doctor" in done.stdout) is ours, "the plugins are loaded in the wrong round"
    return taken
