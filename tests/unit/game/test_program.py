import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.program import Program
from tests.fakes.waiting import eventually


def start(script, **more):
    lines, statuses = [], []
    defaults = {"environment": os.environ, "on_line": lines.append, "on_end": statuses.append}
    program = Program(["bash", "-c", script], **{**defaults, **more})
    return program, lines, statuses


def test_a_program_is_heard_line_by_line_and_its_status_at_the_end():
    _, lines, statuses = start("cat; echo two >&2; exit 3", stdin="one\n")
    assert eventually(lambda: statuses) == [3]
    assert lines == ["one", "two"]


def test_a_program_that_reads_nothing_of_much_does_no_harm():
    _, _, statuses = start("exit 0", stdin="x" * 10_000_000)
    assert eventually(lambda: statuses) == [0]


def test_a_program_that_hangs_ends_with_all_that_it_started(tmp_path):
    pids = tmp_path / "pids"
    program, _, statuses = start(f"trap '' TERM; sleep 1000 & echo $! $$ > {pids}; wait; sleep 1000")
    eventually(lambda: pids.exists() and pids.read_text().strip())
    began = time.monotonic()
    program.stop()
    assert time.monotonic() - began < 2
    eventually(lambda: statuses)
    for pid in map(int, pids.read_text().split()):
        eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists(), what=f"{pid} to end")


def test_a_program_that_ends_politely_is_not_killed():
    ready = threading.Event()
    program, _, statuses = start(
        "trap 'echo bye; exit 5' TERM; echo ready; while true; do sleep 0.05; done", on_line=lambda line: ready.set()
    )
    assert ready.wait(10)
    program.stop()
    assert eventually(lambda: statuses) == [5]


def test_a_program_that_there_is_not_is_one_sentence():
    with pytest.raises(GameError, match="/no/such cannot be started"):
        Program(["/no/such"], environment={}, on_line=print, on_end=print)


def test_a_program_does_not_outlive_a_game_that_is_killed(tmp_path):
    pids = tmp_path / "pids"
    script = (
        f"trap '' TERM HUP; sleep 1000 & setsid sleep 1000 & timeout 900 sleep 1000 & "
        f"(setsid bash -c 'sleep 1000 & echo $! >> {pids}; disown; exit' &) ; echo $$ $(jobs -p) >> {pids}; wait"
    )
    holder = (
        "import os, time; from chaosgood_ext.game.program import Program\n"
        f"Program(['bash', '-c', {script!r}], environment=os.environ, on_line=print, on_end=print)\n"
        "time.sleep(1000)"
    )
    game = subprocess.Popen([sys.executable, "-c", holder])
    try:
        numbers = eventually(lambda: len(found := pids.read_text().split()) == 5 and found if pids.exists() else None)
    finally:
        game.kill()
        game.wait()
    for pid in map(int, numbers):
        eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists(), what=f"{pid} to end")


def test_what_a_program_left_in_the_background_ends_with_the_game(tmp_path):
    pid = tmp_path / "pid"
    program, _, statuses = start(f"sleep 1000 >/dev/null 2>&1 & echo $! > {pid}")
    assert eventually(lambda: statuses) == [0]
    assert not program.is_running
    left = Path("/proc", pid.read_text().strip())
    assert left.exists()
    program.stop()
    eventually(lambda: not left.exists(), what="the background to end")


def test_a_program_that_a_signal_ends_says_which():
    _, _, statuses = start("kill -KILL $$")
    assert eventually(lambda: statuses) == [-9]
