"""The supervisor restarts what dies, at once, and stops what it is told to stop."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from chaosgood_ext.twin.hosts.model import Unit
from chaosgood_ext.twin.hosts.supervisor import Supervised, Supervisor


def eventually(condition: Callable[[], bool], within_s: float = 5) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def program(code: str = "sleep 60") -> Callable[[], "subprocess.Popen[bytes]"]:
    # A wrapper with one child, as nsenter is.
    return lambda: subprocess.Popen(["sh", "-c", f"({code}) & wait $!"], start_new_session=True)


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


def started(supervisor: Supervisor, code: str = "sleep 60", **keys: object) -> Supervised:
    unit = Unit("web", ("unused",), restart_delay_s=0.01, **keys)  # type: ignore[arg-type]
    supervisor.start("host", unit, program(code))
    supervised = supervisor.get("host", "web")
    assert supervised is not None
    return supervised


def test_what_dies_is_restarted(supervisor: Supervisor) -> None:
    supervised = started(supervisor)
    first = supervised.process
    assert first is not None
    os.killpg(first.pid, signal.SIGKILL)
    eventually(lambda: supervised.restarts == 1 and supervised.process is not first)
    supervisor.stop("host", "web")


def test_what_ended_well_is_restarted_only_where_its_unit_says_so(supervisor: Supervisor) -> None:
    supervised = started(supervisor, "true", restart="on-failure")
    eventually(lambda: supervised.descriptor == -1)
    assert (supervised.restarts, supervised.due) == (0, 0.0)


def test_stop_ends_the_program_and_its_children(supervisor: Supervisor) -> None:
    supervised = started(supervisor)
    assert supervised.process is not None
    eventually(lambda: supervised.main_pid is not None)
    tree = psutil.Process(supervised.process.pid).children(recursive=True)
    supervisor.stop("host", "web")
    eventually(lambda: not any(process.is_running() for process in tree))
    assert supervisor.get("host", "web") is None


def test_a_program_that_ignores_the_signal_is_killed(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaosgood_ext.twin.hosts.supervisor._STOP_DEADLINE_S", 0.2)
    ignores = tmp_path / "ignores"
    supervised = started(supervisor, f"trap '' TERM; touch {ignores}; while :; do sleep 1; done")
    eventually(ignores.exists)
    supervisor.stop("host", "web")
    assert supervised.process is not None
    assert supervised.process.poll() == -signal.SIGKILL


def test_a_host_that_is_forgotten_is_not_restarted(supervisor: Supervisor) -> None:
    supervised = started(supervisor)
    supervisor.forget_host("host")
    assert supervised.process is not None
    os.killpg(supervised.process.pid, signal.SIGKILL)
    supervised.process.wait()
    assert supervisor.of_host("host") == []
    assert supervised.restarts == 0
