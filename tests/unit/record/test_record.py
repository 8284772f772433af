import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chaosgood_ext.errors import BadInput, GameError
from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.folder import Description, GameFolder, announce, create, find, find_running
from chaosgood_ext.record.log import Record, append_line, read
from chaosgood_ext.record.words import sentence


@pytest.fixture
def games(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAOSGOOD_GAMES", str(tmp_path / "games"))
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "games"


def describe(folder: GameFolder) -> GameFolder:
    folder.describe(Description(folder.name, "sg-break", "A title", "2026-11-04T10:15:00+00:00", "human", "twin x"))
    return folder


def test_a_line_is_a_cloudevent_and_reads_back_the_same(tmp_path):
    record = Record(tmp_path / "events.jsonl", "a-game")
    event = record.append(Kind.NOTE, {"by": "me", "text": "é"}, teller="responder", subject="x")

    document = json.loads((tmp_path / "events.jsonl").read_text())
    assert document["specversion"] == "1.0"
    assert document["source"] == "/games/a-game/responder"
    assert document["type"] == "chaosgood.note"
    assert document["recordedtime"] >= document["time"]
    assert read(tmp_path / "events.jsonl").events == (event,)
    assert event.teller == "responder"


def test_an_event_keeps_when_it_happened_apart_from_when_it_was_learnt(tmp_path):
    at = datetime(2026, 11, 4, 10, 15, tzinfo=UTC)
    event = Record(tmp_path / "e", "g").append(Kind.COMMAND, {}, time=at, identifier="upstream-1")
    assert (event.time, event.id) == (at, "upstream-1")
    assert event.recordedtime > at


def test_a_torn_last_line_is_left_out_counted_and_never_mixed_with_the_next(tmp_path):
    path = tmp_path / "events.jsonl"
    record = Record(path, "g")
    record.append(Kind.NOTE, {"text": "one"})
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"specversion": "1.0", "id": "to')
    assert (len(read(path).events), read(path).damaged) == (1, 1)

    record.append(Kind.NOTE, {"text": "two"})
    reading = read(path)
    assert [event.data["text"] for event in reading.events] == ["one", "two"]
    assert reading.damaged == 1


def test_reading_on_gives_only_what_is_new_and_leaves_an_unfinished_line(tmp_path):
    path = tmp_path / "events.jsonl"
    record = Record(path, "g")
    record.append(Kind.NOTE, {"text": "one"})
    first = read(path)
    with path.open("a") as file:
        file.write('{"half')
    assert read(path, first.end).events == ()
    assert read(path, first.end).end == first.end


def test_a_record_that_is_not_there_is_empty(tmp_path):
    assert read(tmp_path / "none").events == ()


WRITER = """
import json, pathlib, sys
from chaosgood_ext.record.log import append_line
for number in range(50):
    line = {"writer": sys.argv[2], "number": number, "padding": "x" * 5000}
    append_line(pathlib.Path(sys.argv[1]), json.dumps(line))
"""


def test_many_writers_never_tear_each_others_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 150
    assert all([line["number"] for line in lines if line["writer"] == name] == list(range(50)) for name in "abc")


def test_a_full_disk_is_one_sentence_that_names_the_file():
    with pytest.raises(GameError, match=r"/dev/full cannot be written: No space left"):
        append_line(Path("/dev/full"), "x")


def test_two_games_that_start_in_the_same_second_have_two_folders(games):
    at = datetime(2026, 11, 4, 10, 15, tzinfo=UTC)
    assert create("sg-break", at=at).name == "20261104T101500Z-sg-break"
    assert create("sg-break", at=at).name == "20261104T101500Z-sg-break-2"


def test_a_folder_that_cannot_be_made_says_why(monkeypatch):
    monkeypatch.setenv("CHAOSGOOD_GAMES", "/proc/games")
    with pytest.raises(GameError, match="cannot be made"):
        create("sg-break")


def test_the_newest_game_is_found_and_an_unknown_one_lists_what_there_is(games):
    with pytest.raises(BadInput, match="no game in"):
        find(None)
    older = describe(create("a", at=datetime(2026, 1, 1, tzinfo=UTC)))
    newer = describe(create("b", at=datetime(2026, 1, 2, tzinfo=UTC)))
    assert find(None).name == newer.name
    assert find(older.name).path == find(str(older.path)).path == older.path
    with pytest.raises(BadInput, match=newer.name):
        find("c")


def test_a_running_game_is_found_from_any_folder_and_a_dead_one_is_not(games, monkeypatch, tmp_path):
    game = describe(create("a"))
    with pytest.raises(BadInput, match="No game is being played"):
        find_running(None)
    lock = game.hold()
    announce(game)
    monkeypatch.setenv("CHAOSGOOD_GAMES", str(tmp_path / "elsewhere"))
    assert find_running(None).path == game.path

    os.close(lock)
    with pytest.raises(BadInput, match="No game is being played"):
        find_running(None)


def test_of_two_running_games_one_has_to_be_named(games):
    both = [describe(create("a")), describe(create("b"))]
    held = [game.hold() for game in both]
    with pytest.raises(BadInput, match="--game"):
        find_running(None)
    assert find_running(both[1].name).path == both[1].path
    assert len(held) == 2


def test_a_description_reads_back_and_a_damaged_one_is_one_sentence(games):
    game = describe(create("a"))
    assert game.description().title == "A title"
    (game.path / "game.json").write_text("{")
    with pytest.raises(GameError, match="holds no game"):
        game.description()


def test_a_journal_that_was_cut_off_counts_as_none(games):
    game = create("a")
    assert game.read_journal() is None
    game.journal.write_text('{"status": "comp')
    assert game.read_journal() is None
    game.write_journal({"status": "completed", "start": datetime(2026, 1, 1, tzinfo=UTC)})
    assert game.read_journal()["status"] == "completed"


def test_every_event_has_words_and_a_strange_one_says_its_type():
    now = datetime.now(UTC)
    assert sentence(Event("somebody.else", "/x", now, now)) == "somebody.else"
    assert sentence(Event(Kind.AWS_CALL, "/x", now, now)) == Kind.AWS_CALL
    text = sentence(Event(Kind.NOTE, "/x", now, now, data={"by": "me", "text": "a\nb " + "c" * 500}))
    assert text.startswith("Note by me: a b ccc")
    assert len(text) == 300
