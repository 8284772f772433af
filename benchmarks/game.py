"""Whole games of sg-break with the autopilot, in a row: how long each part takes, and that every one is resolved."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figure, Progress
from chaosgood_ext.game.sli import Source
from chaosgood_ext.record import log
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.report.figures import figures

_SCENARIO = Path(__file__).resolve().parents[1] / "experiments" / "sg-break.yaml"


@dataclass(frozen=True)
class Game:
    """One game, in seconds: fault to users' first error, fault to page, last repair to verdict."""

    whole_s: float
    verdict: str
    hold_window_s: float
    error_s: float
    page_s: float
    verdict_s: float


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Play twice `rounds` games, one after the other, each on a private twin of its own."""
    games = []
    for number in range(rounds * 2):
        games.append(play())
        progress(f"game {number + 1} of {rounds * 2}: {games[-1].verdict}, {games[-1].whole_s:.1f} s")
    resolved = sum(game.verdict == "resolved" for game in games)
    hold_s = games[0].hold_window_s
    return [
        Figure("fault to the first 5XX at the web tier", "s", tuple(game.error_s for game in games)),
        Figure("fault to page", "s", tuple(game.page_s for game in games), reach=15),
        Figure("last good repair to verdict", "s", tuple(game.verdict_s for game in games), reach=hold_s + 2),
        Figure(
            "whole game with the autopilot, boot to report",
            "s",
            tuple(game.whole_s for game in games),
            reach=60,
            note=f"{resolved} of {len(games)} resolved",
        ),
    ]


def play() -> Game:
    """Play one game, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="chaosgood-bench-") as folder:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_TWIN"))}
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", _SCENARIO],
            cwd=folder,
            env={**own, "CHAOSGOOD_RESPONDER": "autopilot", "CHAOSGOOD_GAMES": f"{folder}/games"},
            capture_output=True,
            text=True,
            check=False,
        )
        whole_s = time.perf_counter() - start
        found = list(Path(folder, "games").glob("*/events.jsonl"))
        if not found:
            raise SystemExit(f"the game left no record:\n{done.stdout}{done.stderr}")
        return read(GameFolder(found[0].parent), whole_s)


def read(folder: GameFolder, whole_s: float) -> Game:
    """Read a game's figures off its folder.

    The repair counts from the end of the autopilot's script, whose last command it is: CloudTrail tells whole
    seconds only.
    """
    told = figures(folder)
    ended = {event.type: event.time for event in log.read(folder.events).events}
    return Game(
        whole_s=whole_s,
        verdict=told.verdict,
        hold_window_s=folder.description().hold_window_s,
        error_s=_first_5xx(folder) - told.inject.timestamp() if told.inject else math.nan,
        page_s=_between(told.inject, told.page),
        verdict_s=_between(ended.get(Kind.RESPONDER_ENDED), ended.get(Kind.VERDICT)),
    )


def _first_5xx(folder: GameFolder) -> float:
    """The end of the first interval in which an answer at the web tier was a 5XX, in seconds since the epoch."""
    samples = map(json.loads, folder.samples.read_text().splitlines())
    return min((end for source, _, end, bad, _ in samples if source == Source.TRAFFIC and bad), default=math.nan)


def _between(start: datetime | None, end: datetime | None) -> float:
    return (end - start).total_seconds() if start and end else math.nan
