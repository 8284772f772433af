import json

import pytest

from chaosgood_ext.record.event import Kind
from chaosgood_ext.report.figures import Requests, figures, headline
from chaosgood_ext.report.post_mortem import render, summary, write
from tests.fakes.games import game_on_disk, moment, resolved_game


def test_times_are_measured_from_the_impact_and_the_page(tmp_path):
    now = figures(resolved_game(tmp_path / "g"))
    assert now.time_to_detect_s == 7
    assert now.time_to_acknowledge_s == 3.5
    assert now.time_to_mitigate_s == 17
    assert now.time_to_resolve_s == 28
    assert (now.inject, now.fire, now.first_action) == (moment(30), moment(38), moment(44))
    assert now.first_bad == moment(33.5)


def test_failed_requests_are_those_between_fault_and_verdict(tmp_path):
    now = figures(resolved_game(tmp_path / "g"))
    assert now.requests == (Requests("prober", 1, 2), Requests("traffic", 5, 25))
    assert now.requests[1].share == 0.2


def test_what_did_not_happen_is_none_and_never_nought(tmp_path):
    folder = game_on_disk(tmp_path / "g", (0, Kind.GAME_STARTED, "game", {}))
    now = figures(folder)
    assert now.time_to_detect_s is now.time_to_resolve_s is now.page is None
    assert (now.verdict, now.requests, headline(now)) == ("none", (), {})
    text = render(folder)
    assert "| Time to detect | n/a |" in text
    assert "without a verdict" in text


def test_a_game_that_timed_out_was_neither_mitigated_nor_resolved(tmp_path):
    verdict = {
        "verdict": "timed-out", "reason": "r", "impact": moment(3).isoformat(), "last_bad": moment(9).isoformat(),
    }  # fmt: skip
    folder = game_on_disk(
        tmp_path / "g", (1, Kind.FAULT_INJECTED, "game", {"fault": "f", "action": "a", "arguments": {}}),
        (10, Kind.VERDICT, "game", verdict),
    )  # fmt: skip
    now = figures(folder)
    assert now.impact == moment(3)
    assert now.mitigate is now.resolve is None


def test_the_last_verdict_counts_when_a_later_one_overrules(tmp_path):
    impact, last_bad = moment(3).isoformat(), moment(4).isoformat()
    resolved = {"verdict": "resolved", "reason": "a", "impact": impact, "last_bad": last_bad}
    overruled = {"verdict": "aborted", "reason": "b", "impact": None, "last_bad": None}
    folder = game_on_disk(tmp_path / "g", (10, Kind.VERDICT, "game", resolved), (11, Kind.VERDICT, "game", overruled))
    assert (figures(folder).verdict, figures(folder).resolve) == ("aborted", None)


def test_without_a_verdict_the_impact_is_when_the_objective_was_missed(tmp_path):
    crossing = {"source": "prober", "below": True, "objective": 0.99, "window_s": 3, "bad": 1, "total": 3}
    folder = game_on_disk(
        tmp_path / "g", (1, Kind.SLI_CROSSED, "prometheus", crossing),
        (5, Kind.FAULT_INJECTED, "game", {"fault": "f", "action": "a", "arguments": {}}),
        (8, Kind.SLI_CROSSED, "prometheus", crossing),
    )  # fmt: skip
    assert figures(folder).impact == moment(8)


def test_the_post_mortem_has_every_part_and_every_row_its_source(tmp_path):
    folder = resolved_game(tmp_path / "g")
    text = write(folder).read_text()
    for heading in (
        "# Post-mortem: The shop", "## Summary", "## Impact", "## Times", "## Timeline", "## Contributing factors",
        "## What the responder did", "## What went well", "## What went less well", "## Raw data",
    ):  # fmt: skip
        assert f"{heading}\n" in text
    timeline = text.split("## Timeline")[1].split("\n## ")[0]
    rows = [line for line in timeline.splitlines() if line.startswith("| 10:")]
    assert len(rows) == 13
    assert all(row.rstrip(" |").rpartition("| ")[2] for row in rows)
    assert "| 10:15:45 | player calls ec2:DescribeSecurityGroups | CloudTrail |" in text
    assert "1 AWS calls that look, 1 that change, 1 commands on hosts." in text


def test_what_a_responder_typed_never_becomes_markup(tmp_path):
    text = render(resolved_game(tmp_path / "g"))
    assert "<script>" not in text
    assert "psql \\| &lt;script>alert(1)&lt;/script> \\*x\\*" in text


def test_a_killed_game_says_that_it_has_no_journal_and_a_torn_record_how_much_is_lost(tmp_path):
    folder = resolved_game(tmp_path / "g")
    folder.journal.unlink()
    with folder.events.open("a") as file:
        file.write('{"torn')
    text = render(folder)
    assert "the game was killed, or still runs" in text
    assert "1 damaged lines" in text


def test_a_running_game_is_called_so(tmp_path):
    folder = game_on_disk(tmp_path / "g", (0, Kind.GAME_STARTED, "game", {}))
    import os

    lock = folder.hold()
    assert "| Verdict | the game still runs |" in render(folder)
    os.close(lock)
    assert "| Verdict | **none** |" in render(folder)


def test_the_figures_are_there_for_programs_too(tmp_path):
    data = json.loads(json.dumps(summary(resolved_game(tmp_path / "g"))))
    assert (data["verdict"], data["time_to_detect_s"], data["t_page"]) == ("resolved", 7, moment(40).isoformat())
    assert data["requests"]["traffic"] == {"failed": 5, "total": 25}
    assert data["running"] is False


@pytest.mark.parametrize("noise", ["not json\n", '{"specversion": "1.0"}\n', "[]\n"])
def test_strange_lines_in_a_record_are_left_out(tmp_path, noise):
    folder = resolved_game(tmp_path / "g")
    folder.events.write_text(noise + folder.events.read_text())
    assert figures(folder).time_to_detect_s == 7


def test_the_services_and_skills_of_a_scenario_are_told(tmp_path):
    told = render(game_on_disk(tmp_path / "g", services=["Amazon EC2", "Amazon RDS"], skills=["look twice"]))
    assert "| Services | Amazon EC2, Amazon RDS |\n| Skills | look twice |" in told
    assert "Services" not in render(game_on_disk(tmp_path / "h"))
