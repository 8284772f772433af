"""The scenario that how-to/author-a-scenario.md writes is won by its fix and not by its cheat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaosgood_ext.scenario.load import load
from tests.unit.cli.test_author_a_scenario import assembled


@pytest.mark.parametrize(("play", "verdict"), [("scale-up", "resolved"), ("open-to-the-world", "rejected")])
def test_the_page_ends_in_a_game_that_is_played(play: str, verdict: str, tmp_path: Path) -> None:
    path = tmp_path / "nobody-home.yaml"
    path.write_text(assembled().replace("time_limit_s: 900", "time_limit_s: 300"))
    assert load(path)[1].play(play)
    done = subprocess.run(
        [Path(sys.executable).with_name("chaos"), "--no-version-check", "run", path],
        cwd=tmp_path,
        env={
            **os.environ,
            "CHAOSGOOD_RESPONDER": "autopilot",
            "CHAOSGOOD_FIX": play,
            "CHAOSGOOD_TWIN": "private",
            "CHAOSGOOD_GAMES": str(tmp_path / "games"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=420,
    )
    assert (done.returncode == 0) is (verdict == "resolved"), done.stdout + done.stderr
    (record,) = (tmp_path / "games").glob("*/events.jsonl")
    events = [json.loads(line) for line in record.read_text().splitlines()]
    assert verdict in json.dumps([each for each in events if each["type"] == "chaosgood.verdict"]), done.stdout
