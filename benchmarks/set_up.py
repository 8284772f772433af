"""From a fresh clone to an environment to play in, with the download caches empty and warm."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, Progress

_HERE = Path(__file__).resolve().parents[1]


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Clone, set up and start a twin, as `make run` does before the game; first with nothing cached, then again."""
    taken: dict[str, list[float]] = {"empty": [], "warm": []}
    for number in range(rounds):
        with tempfile.TemporaryDirectory(prefix="chaosgood-bench-") as folder:
            for state, seconds in taken.items():
                seconds.append(_seconds(Path(folder), state))
                progress(f"round {number + 1} of {rounds}, caches {state}: {seconds[-1]:.1f} s")
    return [
        Figure("fresh clone to first game, caches warm", "s", tuple(taken["warm"]), reach=90),
        Figure("fresh clone to first game, caches empty", "s", tuple(taken["empty"])),
    ]


def _seconds(folder: Path, state: str) -> float:
    # A plain login's environment: no uv on PATH, no cache but ours.
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": os.environ["HOME"],
        "CHAOSGOOD_CACHE": str(folder / "cache"),
    }
    clone = folder / state

    def run(*argv: str | Path) -> None:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, argv))} failed:\n{done.stdout}{done.stderr}")

    start = time.perf_counter()
    run("git", "clone", "--quiet", "--no-local", _HERE, clone)
    run("make", "--directory", clone, "set-up")
    run(clone / ".venv/bin/chaos", "--no-version-check", "twin", "up", "bench")
    seconds = time.perf_counter() - start
    run(clone / ".venv/bin/chaos", "--no-version-check", "twin", "down", "bench")
    return seconds
