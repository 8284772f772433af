"""Who healed an outage, how often it came back, and what the guards found."""

import pytest

from chaosgood_ext.record.event import Kind
from chaosgood_ext.report.figures import ITSELF, RESPONDER, figures, headline
from chaosgood_ext.report.post_mortem import render, summary
from tests.fakes.games import call, game_on_disk, moment


def healed(path, *events):
    """A game whose outage lasted from 10 s to 20 s, and what else was on its record."""
    verdict = {
        "verdict": "resolved", "reason": "r", "impact": moment(10).isoformat(), "last_bad": moment(20.5).isoformat(),
    }  # fmt: skip
    fault = (8.6, Kind.FAULT_INJECTED, "game", {"fault": "f", "action": "a", "arguments": {}})
    return game_on_disk(path, fault, *events, (31, Kind.VERDICT, "game", verdict))


COMMAND = {"host": "app-1", "session": 1, "command": "x"}


@pytest.mark.parametrize(
    ("event", "by"),
    [
        ((9, Kind.AWS_CALL, "cloudtrail", call("Authorize", read_only=False)), RESPONDER),
        # CloudTrail tells whole seconds, and errors are no continuum.
        ((8, Kind.AWS_CALL, "cloudtrail", call("Authorize", read_only=False)), RESPONDER),
        ((22, Kind.AWS_CALL, "cloudtrail", call("Authorize", read_only=False)), RESPONDER),
        ((15, Kind.COMMAND, "sessions", COMMAND), RESPONDER),
        ((15, Kind.COMMAND, "sessions", {**COMMAND, "workstation": True}), ITSELF),
        ((15, Kind.AWS_CALL, "cloudtrail", call("Describe", read_only=True)), ITSELF),
        ((15, Kind.AWS_CALL, "cloudtrail", call("Authorize", read_only=False, error="Denied")), ITSELF),
        ((15, Kind.AWS_CALL, "cloudtrail", call("Revoke", read_only=False, who="injector")), ITSELF),
        ((25, Kind.AWS_CALL, "cloudtrail", call("Authorize", read_only=False)), ITSELF),
        ((5, Kind.COMMAND, "sessions", COMMAND), ITSELF),
        ((15, Kind.SOURCE_LOST, "game", {"what": "CloudTrail", "why": "w"}), None),
        ((15, Kind.SOURCE_LOST, "game", {"what": "Prometheus", "why": "w"}), ITSELF),
    ],
)
def test_who_healed_it_is_told_by_what_the_responder_did_before(tmp_path, event, by):
    assert figures(healed(tmp_path / "g", event)).healed_by == by


def test_what_healed_by_itself_is_said_so(tmp_path):
    folder = healed(tmp_path / "g")
    assert "It healed by itself" in render(folder)
    assert headline(figures(folder))["healed by"].startswith("itself")
    assert summary(folder)["healed_by"] == ITSELF


def scaled(what, status="Successful"):
    return {"group": "web", "description": what, "cause": "c", "status": status, "message": "m", "started": ""}


def test_auto_scaling_is_named_where_it_healed_what_the_responder_did_not(tmp_path):
    folder = healed(
        tmp_path / "g",
        (5, Kind.SCALED, "autoscaling", scaled("Launching early")),
        (14, Kind.SCALED, "autoscaling", scaled("Launching i-1", "Failed")),
        (19, Kind.SCALED, "autoscaling", scaled("Launching i-2")),
        (40, Kind.SCALED, "autoscaling", scaled("Launching late")),
    )
    assert summary(folder)["scaled"] == ["web: Launching i-2"]
    text = render(folder)
    assert "It healed by itself" in text
    assert "Auto scaling groups acted: web: Launching i-2." in text
    assert headline(figures(folder))["healed by"].endswith("and web: Launching i-2")


def prepared(fault, **arguments):
    return {"fault": fault, "action": "a.b.set_something", "arguments": arguments}


def test_what_somebody_had_left_so_and_nobody_mended_is_told_of_a_game_that_was_won(tmp_path):
    events = [
        (2, Kind.FAULT_PREPARED, "game", prepared("an ordinary day", seconds=300)),
        (3, Kind.FAULT_PREPARED, "game", prepared("another day", seconds=5)),
        (32, Kind.FAULT_UNDONE, "game", {"fault": "f", "outcome": "restored"}),
        (33, Kind.FAULT_UNDONE, "game", {"fault": "an ordinary day", "outcome": "restored"}),
        (34, Kind.FAULT_UNDONE, "game", {"fault": "another day", "outcome": "it was back already"}),
    ]
    folder = healed(tmp_path / "g", *events)
    assert summary(folder)["left"] == ["set_something(seconds=300)"]
    assert headline(figures(folder))["not mended"] == "set_something"
    assert "Left as it was, for the game to put back: set\\_something(seconds=300)." in render(folder)
    lost = game_on_disk(tmp_path / "h", *events, (40, Kind.VERDICT, "game", {"verdict": "timed-out", "reason": "r"}))
    assert summary(lost)["left"] == []


def test_the_cause_is_told_once_it_was_broken(tmp_path):
    assert "What broke: a rule is gone" in render(
        game_on_disk(tmp_path / "g", (3, Kind.FAULT_INJECTED, "game", prepared("f")), cause="a rule\n is gone")
    )
    assert "What broke" not in render(game_on_disk(tmp_path / "h", cause="a rule is gone"))


def test_what_was_not_healed_was_healed_by_nobody(tmp_path):
    assert figures(game_on_disk(tmp_path / "g", (1, Kind.GAME_STARTED, "game", {}))).healed_by is None


def test_relapses_are_counted(tmp_path):
    phases = ["outage", "recovery", "outage", "recovery", "outage", "recovery", "verdict"]
    told = [(11 + at, Kind.PHASE_STARTED, "game", {"phase": phase}) for at, phase in enumerate(phases)]
    folder = healed(tmp_path / "g", *told)
    assert figures(folder).relapses == 2
    assert "2 times before, users were served for less than the hold window" in render(folder)


def test_every_guard_is_listed_with_what_it_found(tmp_path):
    def guard(name):
        return {"guard": name, "promise": f"{name} is well", "how": "by looking"}

    folder = healed(
        tmp_path / "g",
        *((3, Kind.GUARD_SET, "game", guard(name)) for name in ("a", "b", "c", "d")),
        (12, Kind.GUARD_VIOLATED, "referee", {"guard": "a", "what": "it | is open"}),
        (12, Kind.GUARD_VIOLATED, "referee", {"guard": "b", "what": "it is shut"}),
        (14, Kind.GUARD_HELD, "referee", {"guard": "b", "what": "it is shut"}),
        (14, Kind.GUARD_LOOSE, "referee", {"guard": "c", "what": "it is wide"}),
    )
    text = render(folder)
    for row in (
        "| a | **violated** | it \\| is open | a is well | by looking |",
        "| b | held again | it is shut |",
        "| c | held | loose: it is wide |",
        "| d | held |  |",
    ):
        assert row in text
