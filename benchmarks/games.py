"""Whole games over a scenario's fixes, cheats and doing nothing: `python -m benchmarks.games --games 100 --keep`.

Counts wrong verdicts, and prints the spread of the times. Each game is played on a private twin of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from benchmarks.figures import Figure, keep, show
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.report.post_mortem import summary
from chaosgood_ext.scenario.load import load
from chaosgood_ext.scenario.model import Scenario

SCENARIO = Path(__file__).resolve().parents[1] / "experiments" / "sg-break.yaml"
RESULTS = Path(__file__).parent / "results.json"
GAMES = Path(__file__).parent / "games.jsonl"
NOTHING = "nothing"
_NOTHING_LIMIT_S = 30
_GAME_LIMIT_S = 600


@dataclass(frozen=True)
class Case:
    """What the responder does, and the verdict that is right."""

    play: str
    verdict: str


@dataclass(frozen=True)
class Outcome:
    """One game: its case, its verdict and why, and its times in seconds."""

    case: Case
    verdict: str
    reason: str
    guards: Sequence[str]
    status: int
    whole_s: float
    detect_s: float | None
    resolve_s: float | None
    undone: bool

    @property
    def wrong(self) -> bool:
        """Whether the verdict, the exit status, or what is left of the fault is not what it has to be."""
        won = self.case.verdict == "resolved"
        named = bool(self.guards) == (self.case.verdict == "rejected")
        return self.verdict != self.case.verdict or (self.status == 0) is not won or not named or not self.undone


def cases(scenario: Scenario) -> list[Case]:
    """Every fix, every cheat, and doing nothing."""
    return [
        *(Case(fix.name, "resolved") for fix in scenario.fixes),
        *(Case(cheat.name, "rejected") for cheat in scenario.cheats),
        Case(NOTHING, "timed-out"),
    ]


def play(case: Case) -> Outcome:
    """Play one game in a folder of its own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_"))}
    if "CHAOSGOOD_CACHE" in os.environ:
        own["CHAOSGOOD_CACHE"] = os.environ["CHAOSGOOD_CACHE"]
    does = {"CHAOSGOOD_RESPONDER": "autopilot", "CHAOSGOOD_FIX": case.play}
    if case.play == NOTHING:
        does = {
            "CHAOSGOOD_RESPONDER": "command", "CHAOSGOOD_COMMAND": "true",
            "CHAOSGOOD_TIME_LIMIT_S": str(_NOTHING_LIMIT_S),
        }  # fmt: skip
    with TemporaryDirectory(prefix="chaosgood-games-") as folder:
        start = time.perf_counter()
        with (Path(folder) / "output").open("w") as output:
            status = subprocess.run(
                [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", SCENARIO],
                cwd=folder, env={**own, **does, "CHAOSGOOD_TWIN": "private", "CHAOSGOOD_GAMES": f"{folder}/games"},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=_GAME_LIMIT_S, check=False,
            ).returncode  # fmt: skip
        whole_s = time.perf_counter() - start
        return _outcome(case, Path(folder), status, whole_s)


def _outcome(case: Case, folder: Path, status: int, whole_s: float) -> Outcome:
    found = list((folder / "games").glob("*/events.jsonl"))
    if not found:
        raise SystemExit(f"the game left no record:\n{(folder / 'output').read_text()}")
    events = list(_events(found[0]))
    told = summary(GameFolder(found[0].parent))
    verdicts = [event["data"] for event in events if event["type"] == "chaosgood.verdict"]
    return Outcome(
        case, told["verdict"], told["reason"], verdicts[-1].get("guards", ()) if verdicts else (), status,
        round(whole_s, 2), told["time_to_detect_s"], told["time_to_resolve_s"],
        any(event["type"] == "chaosgood.fault.undone" for event in events),
    )  # fmt: skip


def _events(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def measured(outcomes: Sequence[Outcome]) -> list[Figure]:
    """The figures: wrong verdicts, and the spread of the times."""
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    resolved = [one.resolve_s for one in outcomes if one.resolve_s is not None]
    detected = [one.detect_s for one in outcomes if one.detect_s is not None]
    note = f"of {len(outcomes)} games over {len({one.case for one in outcomes})} ways to play"
    figures = [Figure("wrong verdicts", "games", (float(len(wrong)),), reach=0, note=note)]
    for name, times in (("time to detect", detected), ("time to resolve", resolved)):
        if times:
            figures.append(Figure(f"{name}, over all games", "s", tuple(times)))
    figures.append(Figure("whole game, over all games", "s", tuple(one.whole_s for one in outcomes)))
    return figures


@click.command()
@click.option("--games", type=int, help="How many, over all ways to play in turn; default: each once.")
@click.option("--only", multiple=True, help="Only this way to play; can be repeated.")
@click.option("--at-once", default=1, show_default=True, help="How many are played side by side.")
@click.option("--keep", "kept", is_flag=True, help="Add each game to games.jsonl, and the figures to results.json.")
def main(games: int | None, only: tuple[str, ...], at_once: int, kept: bool) -> None:
    """Play sg-break over its fixes, its cheats and doing nothing; exit with 1 if a verdict is wrong."""
    ways = [case for case in cases(load(SCENARIO)[1]) if not only or case.play in only]
    if not ways:
        raise click.UsageError(f"There is no way to play {', '.join(only)}.")
    played = list(islice(cycle(ways), games or len(ways)))
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(at_once) as pool:
        for outcome in pool.map(play, played):
            outcomes.append(outcome)
            _tell(outcome, f"{len(outcomes)}/{len(played)}")
            if kept:
                with GAMES.open("a") as file:
                    file.write(json.dumps({**asdict(outcome), "wrong": outcome.wrong}) + "\n")
    figures = measured(outcomes)
    if kept:
        keep(RESULTS, figures)
    print(show(figures))
    sys.exit(any(outcome.wrong for outcome in outcomes))


def _tell(outcome: Outcome, which: str) -> None:
    word = "WRONG" if outcome.wrong else "right"
    guards = f" by {', '.join(outcome.guards)}" if outcome.guards else ""
    said = f"{which} {outcome.case.play}: {outcome.verdict}{guards}, {word} ({outcome.whole_s:.0f} s)"
    if outcome.wrong:
        said += f"\n  {outcome.reason} (exit status {outcome.status})"
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(prog_name="benchmarks.games")
