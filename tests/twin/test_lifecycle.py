"""Twins come and go without a trace, and side by side."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from chaosgood_ext.errors import BadInput, TwinError
from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin

Eventually = Callable[..., Any]


@pytest.fixture
def second(twin: RunningTwin) -> Iterator[RunningTwin]:
    running = launcher.boot("second")
    yield running
    launcher.shut_down(running)


def traces(running: RunningTwin) -> dict[str, Any]:
    """All that could be left of a twin: processes, its listening ports, mounts and files."""
    namespaces = Path(f"/proc/{running.init_pid}/ns/user").readlink() if running.is_alive() else None
    processes = psutil.Process(running.pid).children(recursive=True) if running.is_alive() else []
    return {
        "processes": processes,
        "ports": [urlsplit(one["url"]).port for one in running.outputs["urls"].values()],
        "user namespace": namespaces,
        "files": [running.record_path, running.log_path],
    }


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def mounts() -> str:
    return Path("/proc/self/mounts").read_text()


def test_two_twins_run_side_by_side_and_one_leaves_no_trace(twin: RunningTwin) -> None:
    before = mounts()
    second = launcher.boot("second")
    try:
        assert {one.name for one in launcher.running()} >= {twin.name, "second"}
        with pytest.raises(BadInput, match="already running"):
            launcher.boot("second")
        with pytest.raises(TwinError, match="Several twins are running"):
            launcher.find()
        for running in (twin, second):
            assert requests.get(running.outputs["urls"]["application"]["url"], timeout=5).status_code == 200
        left = traces(second)
        assert len(left["processes"]) > 30
    finally:
        launcher.shut_down(second)
    assert [process for process in left["processes"] if process.is_running()] == []
    assert [port for port in left["ports"] if listens(port)] == []
    assert [path for path in left["files"] if path.exists()] == []
    assert mounts() == before
    assert requests.get(twin.outputs["urls"]["application"]["url"], timeout=5).status_code == 200


def test_when_the_daemon_is_killed_everything_in_it_dies(second: RunningTwin, eventually: Eventually) -> None:
    left = traces(second)
    daemon = next(
        p
        for p in left["processes"]
        if "chaosgood_ext.twin.daemon" in " ".join(p.cmdline()) and p.ppid() == second.init_pid
    )
    os.kill(daemon.pid, signal.SIGKILL)
    eventually(lambda: not any(process.is_running() for process in left["processes"]))
    eventually(lambda: not second.is_alive())
    assert second.name not in {one.name for one in launcher.running()}
    assert [path for path in left["files"] if path.exists()] == []


def test_a_private_twin_dies_with_its_owner_even_when_that_is_killed(eventually: Eventually) -> None:
    owner = subprocess.Popen(
        [
            sys.executable, "-c",
            "from chaosgood_ext.twin import launcher\n"
            "print(launcher.boot('private', private=True).pid, flush=True)\n"
            "import signal; signal.pause()",
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    tree = psutil.Process(pid).children(recursive=True)
    owner.kill()
    owner.wait()
    eventually(lambda: not any(process.is_running() for process in tree))
    eventually(lambda: "private" not in {one.name for one in launcher.running()})


def test_the_machine_cannot_be_written_to_from_inside(twin: RunningTwin, tmp_path: Path) -> None:
    folders = ["/", "/usr", "/opt", str(Path(sys.executable).parent), str(Path(__file__).parent), str(tmp_path)]
    attempt = "; ".join(f"touch {folder}/written-from-inside" for folder in folders)
    done = subprocess.run(twin.argv_in("workstation", ["bash", "-c", attempt]), capture_output=True, text=True)
    assert done.stderr.count("Read-only file system") + done.stderr.count("No such file") == len(folders)
    assert [folder for folder in folders if (Path(folder) / "written-from-inside").exists()] == []


def test_an_unknown_host_lists_those_that_there_are(twin: RunningTwin) -> None:
    with pytest.raises(BadInput, match="app-1, app-2, database, edge"):
        twin.argv_in("nowhere", [])
