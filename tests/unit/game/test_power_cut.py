"""The undo log when the power goes: whatever moment it is, no fault outlives the recovery."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaosgood_ext.game.inverses import Inverse, Outcome
from chaosgood_ext.game.place import Place
from chaosgood_ext.game.undo import UndoLog, read
from tests.fakes.disk import Disk, PowerCut


class Cloud:
    """What the faults are done to: it keeps its power."""

    def __init__(self) -> None:
        self.broken: set[str] = set()

    def undo(self, inverse: Inverse, _: object) -> Outcome:
        name = inverse.arguments["name"]
        if name not in self.broken:
            return Outcome.NOT_NEEDED
        self.broken.remove(name)
        return Outcome.RESTORED


def play(path: Path, cloud: Cloud) -> None:
    """A game with two faults, undone at its end."""
    undo = UndoLog(path, Place("aws x"), cloud.undo)
    for name in ("one", "two"):
        undo.open(name, Inverse("kind", {"name": name}))
        cloud.broken.add(name)
    undo.play(None, close=True)  # type: ignore[arg-type]


def steps_of_a_whole_game(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    with Disk(folder).spinning(monkeypatch) as disk:
        play(folder / "undo.jsonl", Cloud())
    (folder / "undo.jsonl").unlink()
    return disk.steps


def test_no_fault_outlives_a_power_cut_whenever_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = steps_of_a_whole_game(tmp_path, monkeypatch)
    assert steps == 9  # four lines, each written and synced, and the file's name once
    for cut_after in range(1, steps + 1):
        cloud = Cloud()
        with Disk(tmp_path, cut_after).spinning(monkeypatch) as disk, pytest.raises(PowerCut):
            play(tmp_path / "undo.jsonl", cloud)
        disk.restart()
        UndoLog(tmp_path / "undo.jsonl", Place("aws x"), cloud.undo).play(None, close=True)  # type: ignore[arg-type]
        assert cloud.broken == set(), f"cut after step {cut_after}"
        assert read(tmp_path / "undo.jsonl").open == ()
        (tmp_path / "undo.jsonl").unlink(missing_ok=True)


def test_without_syncing_this_test_would_see_a_fault_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()
    disk = Disk(tmp_path)
    with disk.spinning(monkeypatch):
        monkeypatch.setattr("os.fsync", lambda _: None)
        UndoLog(tmp_path / "undo.jsonl", Place("aws x"), cloud.undo).open("one", Inverse("kind", {"name": "one"}))
        cloud.broken.add("one")
    disk.restart()
    assert read(tmp_path / "undo.jsonl").open == ()
    assert cloud.broken == {"one"}


def test_a_line_cut_off_when_the_power_went_does_not_spoil_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "undo.jsonl"
    with Disk(tmp_path, 1).spinning(monkeypatch), pytest.raises(PowerCut):
        play(path, Cloud())
    assert path.read_bytes(), "half a line"  # its name and contents happened to reach the disk
    cloud = Cloud()
    play(path, cloud)
    assert read(path).damaged == 1
    assert (read(path).open, cloud.broken) == ((), set())
