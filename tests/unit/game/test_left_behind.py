"""What `chaos recover` does with the folders of dead games; the twin and AWS are handed in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaosgood_ext.cli.recover import recover as command
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable
from chaosgood_ext.game import left_behind
from chaosgood_ext.game.inverses import KINDS, Inverse, Kind, Outcome
from chaosgood_ext.game.left_behind import Recovered, recover
from chaosgood_ext.game.place import Place
from chaosgood_ext.game.undo import UndoLog, read
from chaosgood_ext.record import log
from chaosgood_ext.record.event import Kind as Event
from chaosgood_ext.record.folder import GameFolder

TWIN = Place("twin mine", "us-east-1", "http://127.0.0.1:1")


class Clients:
    """Remembers what was undone by it; `refuses` are the faults it cannot undo."""

    def __init__(self) -> None:
        self.undone: list[str] = []
        self.refuses: set[str] = set()

    def client(self, service: str) -> Any:
        raise NotImplementedError(service)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clients:
    clients = Clients()

    class Testing(Kind):
        def play(self, what: str, arguments: Any, _: Any) -> Outcome:
            name = arguments["instance_ids"][0]
            if name in clients.refuses:
                raise EnvironmentUnavailable(f"{what} failed: no.")
            if name in clients.undone:
                return Outcome.NOT_NEEDED
            clients.undone.append(name)
            return Outcome.RESTORED

    real = KINDS["ec2.start_instances"]
    monkeypatch.setitem(KINDS, "ec2.start_instances", Testing(real.calls))  # type: ignore[arg-type]
    monkeypatch.setenv("CHAOSGOOD_GAMES", str(tmp_path / "games"))
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(left_behind, "reach", lambda _: clients)
    return clients


def game(name: str, *faults: str, place: Place = TWIN, ended: bool = False) -> GameFolder:
    folder = GameFolder(Path(os.environ["CHAOSGOOD_GAMES"]) / name)
    folder.path.mkdir(parents=True)
    (folder.path / "game.json").write_text("{}")
    folder.record.append(Event.GAME_STARTED, {"title": name, "responder": "human", "environment": "twin"})
    for fault in faults:
        UndoLog(folder.undo, place).open(fault, Inverse("ec2.start_instances", {"instance_ids": [fault]}))
    if ended:
        folder.record.append(Event.GAME_ENDED, {"verdict": "resolved"})
    return folder


@pytest.fixture
def held() -> Iterator[list[int]]:
    locks: list[int] = []
    yield locks
    for lock in locks:
        os.close(lock)


def outcomes(done: list[Recovered]) -> list[tuple[str, str]]:
    return [(fault.fault, fault.outcome) for one in done for fault in one.faults]


def test_faults_are_undone_in_reverse_and_a_second_recovery_has_nothing_to_do(aws: Clients) -> None:
    folder = game("a", "one", "two")
    assert outcomes(recover()) == [("two", "restored"), ("one", "restored")]
    assert recover() == []
    told = [(event.type, event.teller) for event in log.read(folder.events).events][1:]
    assert told == [
        (kind, "recover") for kind in (Event.FAULT_UNDONE, Event.FAULT_UNDONE, Event.VERDICT, Event.GAME_ENDED)
    ]


def test_a_twin_that_is_gone_took_its_faults_along_and_the_log_is_closed(aws: Clients) -> None:
    folder = game("a", "one")
    assert outcomes(recover(to=lambda _: None)) == [("one", "gone with the twin")]
    assert aws.undone == []
    assert read(folder.undo).open == ()


def test_a_game_that_died_before_any_fault_is_closed_too(aws: Clients) -> None:
    game("a")
    (done,) = recover()
    assert (done.faults, done.notes) == ((), ("It had died in the middle; its record is closed now.",))
    assert recover() == []


def test_nothing_is_undone_while_a_game_runs_in_the_same_environment(aws: Clients, held: list[int]) -> None:
    game("dead", "one")
    alive = game("alive", "two")
    held.append(alive.hold())
    with pytest.raises(BadInput, match="alive is still being played in twin mine"):
        recover()
    with pytest.raises(BadInput, match="alive is still being played"):
        recover("alive")
    assert aws.undone == []


def test_a_game_elsewhere_does_not_keep_others_from_being_recovered(aws: Clients, held: list[int]) -> None:
    game("dead", "one")
    held.append(game("alive", "two", place=Place("twin other")).hold())
    assert outcomes(recover()) == [("one", "restored")]
    with pytest.raises(BadInput, match="alive is still being played"):
        recover()


def test_an_unknown_game_is_bad_input(aws: Clients) -> None:
    with pytest.raises(BadInput, match="There is no game nothing"):
        recover("nothing")


def test_a_torn_last_line_is_told_and_harmless(aws: Clients) -> None:
    folder = game("a", "one", ended=True)
    with folder.undo.open("a") as file:
        file.write('{"entry": "x", "state": "open", "fau')
    (done,) = recover()
    assert "1 damaged line(s)" in done.notes[0]
    assert outcomes([done]) == [("one", "restored")]
    assert read(folder.undo).open == ()


def test_what_cannot_be_undone_is_said_with_how_to_do_it_by_hand(aws: Clients) -> None:
    folder = game("a", "one", "two")
    aws.refuses = {"one"}
    said = CliRunner().invoke(command)
    assert said.exit_code == 1
    assert "two (twin mine): restored" in said.output
    assert "one (twin mine): NOT DONE: The call ec2.start_instances failed: no." in said.output
    assert 'eval "$(chaos twin env mine --facilitator)"' in said.output
    assert 'aws ec2 start-instances --cli-input-json \'{"InstanceIds": ["one"]}\'' in said.output
    assert [entry.fault for entry in read(folder.undo).open] == ["one"]
    aws.refuses = set()
    assert CliRunner().invoke(command).exit_code == 0
    again = CliRunner().invoke(command)
    assert (again.exit_code, again.output) == (0, "Nothing to do: nothing is left behind.\n")


def test_json_tells_the_same(aws: Clients) -> None:
    game("a", "one")
    (told,) = json.loads(CliRunner().invoke(command, ["--json"]).output)["games"]
    assert told["game"] == "a"
    assert told["clean"] is True
    assert told["faults"][0]["outcome"] == "restored"
    assert json.loads(CliRunner().invoke(command, ["--json"]).output) == {"games": []}


def test_a_log_from_before_places_were_noted_is_read(aws: Clients) -> None:
    folder = game("a", ended=True)
    inverse = {"kind": "ec2.start_instances", "arguments": {"instance_ids": ["one"]}}
    note = {"entry": "1", "state": "open", "fault": "one", "environment": "twin mine", "inverse": inverse}
    folder.undo.write_text(json.dumps(note) + "\n")
    assert outcomes(recover()) == [("one", "restored")]


def test_a_twin_that_is_reset_takes_its_faults_along(aws: Clients) -> None:
    mine, other = game("a", "one"), game("b", "two", place=Place("twin other"))
    left_behind.close_those_in(lambda place: place.twin == "mine", "gone")
    assert (read(mine.undo).open, len(read(other.undo).open)) == ((), 1)
