"""A game of instance-crash on a real twin that heals by itself; `make games` plays all others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import all_games
from chaosgood_ext.record.log import read
from chaosgood_ext.report.post_mortem import render, summary

SCENARIO = Path(__file__).parents[2] / "experiments" / "instance-crash.yaml"


def play(folder: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Play a game on a twin of its own; what it printed and returned, and the folder of its games."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_"))}
    own["CHAOSGOOD_CACHE"] = os.environ["CHAOSGOOD_CACHE"]
    done = subprocess.run(
        [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(SCENARIO)],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
        env={**own, "CHAOSGOOD_TWIN": "private", "CHAOSGOOD_GAMES": str(folder / "games"), **variables},
    )  # fmt: skip
    return done, folder / "games"


def told(games: Path) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The summary of the only game, the data of what auto scaling did, and the post-mortem."""
    (game,) = all_games(games)
    scaled = [dict(event.data) for event in read(game.events).events if event.type == Kind.SCALED]
    return summary(game), scaled, render(game)


def test_a_terminated_instance_is_replaced_by_its_group_while_the_responder_looks_on(tmp_path: Path) -> None:
    done, games = play(tmp_path, CHAOSGOOD_RESPONDER="autopilot", CHAOSGOOD_VARIANT="terminated")
    assert done.returncode == 0, done.stdout[-3000:]
    now, scaled, text = told(games)
    assert (now["variant"], now["fix"], now["verdict"], now["healed_by"]) == (
        "terminated", "let-it-heal", "resolved", "itself",
    )  # fmt: skip
    assert any(one["description"].startswith("Terminating EC2 instance: i-") for one in scaled)
    assert any(one["description"].startswith("Launching a new EC2 instance: i-") for one in scaled)
    assert "It healed by itself" in text
    assert "chaosgood-web: Launching a new EC2 instance: i-" in text
    assert now["t_page"] is not None


def test_a_variant_that_there_is_not_and_a_fix_of_another_one_are_refused_before_anything_is_built(
    tmp_path: Path,
) -> None:
    done, games = play(tmp_path, CHAOSGOOD_RESPONDER="autopilot", CHAOSGOOD_VARIANT="meteorite")
    assert done.returncode == 2
    assert (
        "Set CHAOSGOOD_VARIANT to one of: hardware, terminated, hung, container-instance." in done.stdout + done.stderr
    )
    done, games = play(tmp_path, CHAOSGOOD_RESPONDER="autopilot", CHAOSGOOD_VARIANT="hung", CHAOSGOOD_FIX="let-it-heal")
    assert done.returncode == 2
    assert "The fix 'let-it-heal' is not for the variant 'hung'." in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not games.exists()
