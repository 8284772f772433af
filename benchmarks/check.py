"""How long `chaos check` takes for 200 scenarios, from its start to its end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, Progress

_SCENARIOS = 200
_SCENARIO = Path(__file__).parents[1] / "experiments" / "sg-break.yaml"
_COMMAND = (Path(sys.executable).with_name("chaos"), "--no-version-check", "check")


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Check a folder of scenarios, each as large as `sg-break` and none like another."""
    text = _SCENARIO.read_text()
    with tempfile.TemporaryDirectory(prefix="chaosgood-bench-") as folder:
        for number in range(_SCENARIOS):
            Path(folder, f"scenario-{number}.yaml").write_text(text.replace("customers", f"customers {number}"))
        samples = []
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            samples.append(_seconds(folder))
    return [Figure(f"chaos check, {_SCENARIOS} scenarios", "s", tuple(samples), reach=2)]


def _seconds(folder: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([*_COMMAND, folder], capture_output=True, text=True, check=True)
    taken = time.perf_counter() - start
    assert f"{_SCENARIOS} experiments checked: no problems" in done.stderr, done.stderr
    return taken
