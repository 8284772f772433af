"""What the launcher keeps on disk about twins is true, and goes when they go."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from pathlib import Path

import psutil
import pytest

from chaosgood_ext.errors import BadInput, TwinError
from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path))
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


def record(folder: Path, name: str, pid: int, started: float) -> None:
    values = {"name": name, "pid": pid, "init_pid": pid, "started": started, "private": False, "outputs": {}}
    (folder / f"{name}.json").write_text(json.dumps(values))
    (folder / f"{name}.log").touch()


def this_process() -> tuple[int, float]:
    return os.getpid(), psutil.Process().create_time()


def test_a_record_of_another_process_with_the_same_number_is_removed(run_folder: Path) -> None:
    pid, started = this_process()
    record(run_folder, "alive", pid, started)
    record(run_folder, "dead", pid, started - 3600)
    assert [twin.name for twin in launcher.running()] == ["alive"]
    assert sorted(path.name for path in run_folder.iterdir()) == ["alive.json", "alive.log"]


def test_the_log_of_a_twin_that_is_being_started_stays(run_folder: Path) -> None:
    (run_folder / "failed.log").touch()
    with (run_folder / "starting.log").open("wb") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        assert launcher.running() == []
        assert [path.name for path in run_folder.iterdir()] == ["starting.log"]


def test_a_record_that_cannot_be_read_stops_nobody(run_folder: Path) -> None:
    (run_folder / "torn.json").write_text('{"name": "torn", "pi')
    assert launcher.running() == []


def test_who_ends_a_twin_that_is_gone_leaves_the_files_of_a_later_one_of_its_name(run_folder: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    record(run_folder, "again", *this_process())
    launcher.shut_down(RunningTwin("again", gone.pid, gone.pid, started=0.0, private=False, outputs={}))
    assert launcher.find("again").pid == os.getpid()
    assert (run_folder / "again.log").exists()


def test_no_twin_one_twin_and_several(run_folder: Path) -> None:
    with pytest.raises(TwinError, match="No twin is running"):
        launcher.find()
    record(run_folder, "one", *this_process())
    assert launcher.find().name == "one"
    with pytest.raises(TwinError, match="No twin 'two' is running"):
        launcher.find("two")
    record(run_folder, "two", *this_process())
    with pytest.raises(TwinError, match="Several twins are running: one, two"):
        launcher.find()


@pytest.mark.parametrize("name", ["", "One", "1st", "a b", "../up", "x" * 40])
def test_a_name_that_cannot_be_used_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a twin's name"):
        launcher.boot(name or " ")
