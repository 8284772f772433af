import json
import os

import pytest
from click.testing import CliRunner

from chaosgood_ext.cli.ack import ack
from chaosgood_ext.cli.hint import hint
from chaosgood_ext.cli.note import note
from chaosgood_ext.cli.report import report
from chaosgood_ext.cli.shell import shell
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import announce
from chaosgood_ext.record.log import read
from tests.fakes.games import game_on_disk, resolved_game

PAGED = (40, Kind.NOTIFIED, "game", {"channel": "the terminal", "what": "page", "title": "Down"})


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSGOOD_GAMES", str(tmp_path / "games"))
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CHAOSGOOD_GAME", raising=False)
    return tmp_path


@pytest.fixture
def running(places):
    held = []

    def start(*events, name="game", **changes):
        folder = game_on_disk(places / "games" / name, *events, **changes)
        held.append(folder.hold())
        announce(folder)
        return folder

    yield start
    for lock in held:
        os.close(lock)


def run(command, *arguments):
    return CliRunner().invoke(command, arguments)


def told(folder, kind):
    return [event.data for event in read(folder.events).events if event.type == kind]


def test_a_page_is_acknowledged_once(running):
    folder = running(PAGED)
    assert run(ack).output == "Acknowledged. Good luck.\n"
    assert run(ack).output == "It was acknowledged already.\n"
    assert len(told(folder, Kind.ACKNOWLEDGED)) == 1


def test_before_the_page_there_is_nothing_to_acknowledge(running):
    running()
    result = run(ack)
    assert (result.exit_code, "Nobody was paged yet" in result.output) == (2, True)


def test_notes_need_no_quotes(running):
    folder = running()
    assert run(note, "the", "app", "hangs").exit_code == 0
    assert told(folder, Kind.NOTE)[0]["text"] == "the app hangs"


def test_hints_come_one_after_the_other_and_end(running):
    folder = running()
    assert [run(hint).output.strip() for _ in range(3)] == [
        "Hint 1 of 2: look",
        "Hint 2 of 2: look harder",
        "There are no more hints.",
    ]
    assert [one["number"] for one in told(folder, Kind.HINT)] == [1, 2]


def test_a_scenario_without_hints_says_so(running):
    running(hints=[])
    assert run(hint).output == "This scenario has no hints.\n"


@pytest.mark.parametrize("command", [ack, hint])
def test_without_a_game_each_says_how_to_start_one(command):
    result = run(command)
    assert (result.exit_code, "chaos run experiments/sg-break.yaml" in result.output) == (2, True)


def test_of_two_games_one_is_named_by_option_or_by_the_variable(running, monkeypatch):
    one, two = running(name="one"), running(name="two")
    assert "--game" in run(note, "x").output
    assert run(note, "x", "--game", "one").exit_code == 0
    monkeypatch.setenv("CHAOSGOOD_GAME", str(two.path))
    assert run(note, "y").exit_code == 0
    assert (told(one, Kind.NOTE)[0]["text"], told(two, Kind.NOTE)[0]["text"]) == ("x", "y")


def test_a_game_that_is_over_takes_no_notes(places):
    game_on_disk(places / "games" / "old")
    result = run(note, "x", "--game", "old")
    assert (result.exit_code, "is over" in result.output) == (2, True)


def test_the_newest_game_is_reported(places):
    folder = resolved_game(places / "games" / "game")
    result = run(report)
    assert result.exit_code == 0, result.output
    assert "game: resolved. Users are served again." in result.output
    assert str(folder.post_mortem) in result.output
    assert folder.post_mortem.exists()


def test_a_report_is_there_as_json(places):
    folder = resolved_game(places / "games" / "game")
    data = json.loads(run(report, "game", "--json").output)
    assert (data["verdict"], data["post_mortem"]) == ("resolved", str(folder.post_mortem))


def test_a_game_that_there_is_not_is_bad_input():
    result = run(report, "nothing")
    assert (result.exit_code, "There is no game nothing" in result.output) == (2, True)


class FakeTwin:
    def argv_in(self, host, argv):
        return ["in", host, *argv]


@pytest.mark.parametrize(
    ("arguments", "argv"),
    [
        ((), ["in", "workstation"]),
        (("app-1",), ["in", "app-1"]),
        (("app-1", "--", "ss", "-tn"), ["in", "app-1", "ss", "-tn"]),
        (("--", "aws", "--", "--help"), ["in", "workstation", "aws", "--", "--help"]),
        (("--twin", "x", "web-1", "--", "ls", "--twin", "y"), ["in", "web-1", "ls", "--twin", "y"]),
    ],
)
def test_host_and_command_are_told_apart(monkeypatch, arguments, argv):
    ran = []
    monkeypatch.setattr("chaosgood_ext.twin.launcher.find", lambda name: FakeTwin())
    monkeypatch.setattr("os.execvp", lambda program, words: ran.append(words))
    result = run(shell, *arguments)
    assert (result.exit_code, ran) == (0, [argv]), result.output


def test_a_shell_without_a_twin_says_how_to_start_one(monkeypatch):
    result = run(shell)
    assert (result.exit_code, "chaos twin up" in result.output) == (1, True)


@pytest.mark.parametrize("command", [ack, hint, note, report, shell])
def test_help_teaches_and_fits_a_terminal(command):
    text = run(command, "--help").output
    assert "Usage:" in text
    assert max(map(len, text.splitlines())) <= 100
