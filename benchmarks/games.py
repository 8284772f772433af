"""Whole games over a scenario's variants, fixes, cheats and doing nothing: `python -m benchmarks.games --games 100`.

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
from datetime import datetime
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import psutil

from benchmarks.figures import PAGE, RESULTS, Figure, keep, publish, show
from benchmarks.twin import proportional_kib
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.report.post_mortem import summary
from chaosgood_ext.scenario.load import load
from chaosgood_ext.scenario.model import Scenario, Variant
from chaosgood_ext.scenario.variants import only

SCENARIOS = Path(__file__).resolve().parents[1] / "experiments"
DEFAULT = "sg-break"
GAMES = Path(__file__).parent / "games.jsonl"
NOTHING = "nothing"
_NOTHING_LIMIT_S = 30
_GAME_LIMIT_S = 600
_MEMORY_EVERY_S = 2.0


@dataclass(frozen=True)
class Case:
    """What the responder does in a scenario (and variant), and the verdict that is right."""

    scenario: str
    play: str
    verdict: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.scenario} {self.variant + ' ' if self.variant else ''}{self.play}"


@dataclass(frozen=True)
class Outcome:
    """One game: its case, its verdict and why, its times in seconds, and the most memory that it took.

    `impact_s` is from the fault to the first bad second, `detect_s` from there to the page, `judge_s` from the end of
    the autopilot's script to the verdict.
    """

    case: Case
    verdict: str
    reason: str
    guards: Sequence[str]
    status: int
    whole_s: float
    impact_s: float | None
    detect_s: float | None
    judge_s: float | None
    resolve_s: float | None
    undone: bool
    peak_mib: float

    @property
    def wrong(self) -> bool:
        """Whether the verdict, the exit status, or what is left of the fault is not what it has to be."""
        won = self.case.verdict == "resolved"
        named = bool(self.guards) == (self.case.verdict == "rejected")
        return self.verdict != self.case.verdict or (self.status == 0) is not won or not named or not self.undone


def cases(name: str, scenario: Scenario) -> list[Case]:
    """Every fix, every cheat, and doing nothing, in each variant that it is for."""
    return [case for variant in scenario.variants or (None,) for case in _cases(name, scenario, variant)]


def _cases(name: str, scenario: Scenario, variant: Variant | None) -> list[Case]:
    played, called = only(scenario, variant), variant.name if variant else ""
    return [
        *(Case(name, fix.name, "resolved", called) for fix in played.fixes),
        *(Case(name, cheat.name, "rejected", called) for cheat in played.cheats),
        Case(name, NOTHING, "resolved" if variant and variant.heals else "timed-out", called),
    ]


def play(case: Case) -> Outcome:
    """Play one game in a folder of its own."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_"))}
    if "CHAOSGOOD_CACHE" in os.environ:
        own["CHAOSGOOD_CACHE"] = os.environ["CHAOSGOOD_CACHE"]
    scenario = SCENARIOS / f"{case.scenario}.yaml"
    does = {"CHAOSGOOD_RESPONDER": "autopilot", "CHAOSGOOD_FIX": case.play}
    if case.play == NOTHING:
        does = {
            "CHAOSGOOD_RESPONDER": "command", "CHAOSGOOD_COMMAND": "true",
            "CHAOSGOOD_TIME_LIMIT_S": str(_NOTHING_LIMIT_S),
        }  # fmt: skip
    does["CHAOSGOOD_VARIANT"] = case.variant
    with TemporaryDirectory(prefix="chaosgood-games-") as folder:
        start = time.perf_counter()
        with (Path(folder) / "output").open("w") as output:
            game = subprocess.Popen(
                [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(scenario)],
                cwd=folder, env={**own, **does, "CHAOSGOOD_TWIN": "private", "CHAOSGOOD_GAMES": f"{folder}/games"},
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
            peak_mib = _watch(game)
        whole_s = time.perf_counter() - start
        return _outcome(case, Path(folder), game.returncode, whole_s, peak_mib)


def _watch(game: subprocess.Popen[bytes]) -> float:
    """Wait for the game's end; return the most memory (MiB, sum of PSS) that it, its twin and its load ever took."""
    peak_kib, deadline = 0, time.monotonic() + _GAME_LIMIT_S
    while True:
        try:
            game.wait(_MEMORY_EVERY_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                game.terminate()
                raise
            peak_kib = max(peak_kib, sum(map(proportional_kib, _family(game.pid))))
        else:
            return peak_kib / 1024


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _outcome(case: Case, folder: Path, status: int, whole_s: float, peak_mib: float) -> Outcome:
    found = list((folder / "games").glob("*/events.jsonl"))
    if not found:
        raise SystemExit(f"the game left no record:\n{(folder / 'output').read_text()}")
    events = list(_events(found[0]))
    told = summary(GameFolder(found[0].parent))
    ends = {event["type"]: event["time"] for event in events}
    verdicts = [event["data"] for event in events if event["type"] == "chaosgood.verdict"]
    return Outcome(
        case, told["verdict"], told["reason"], verdicts[-1].get("guards", ()) if verdicts else (), status,
        round(whole_s, 2), _between(told["t_inject"], told["t_impact"]), told["time_to_detect_s"],
        _between(ends.get(Kind.RESPONDER_ENDED), ends.get(Kind.VERDICT)), told["time_to_resolve_s"],
        any(event["type"] == Kind.FAULT_UNDONE for event in events), round(peak_mib, 1),
    )  # fmt: skip


def _between(start: str | None, end: str | None) -> float | None:
    """Seconds between two times in ISO 8601, where there are both."""
    if not (start and end):
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def _events(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def measured(outcomes: Sequence[Outcome]) -> list[Figure]:
    """The figures: wrong verdicts, the spread of the times, and memory."""
    scenario = outcomes[0].case.scenario
    wrong = [outcome for outcome in outcomes if outcome.wrong]
    won = [outcome for outcome in outcomes if outcome.verdict == "resolved"]
    note = f"of {len(outcomes)} games over {len({one.case for one in outcomes})} ways to play"
    found = [Figure(f"{scenario}, wrong verdicts", "games", (float(len(wrong)),), reach=0, note=note)]
    for name, unit, reach, samples in (
        ("fault to impact", "s", None, [one.impact_s for one in outcomes]),
        ("impact to page", "s", None, [one.detect_s for one in outcomes]),
        ("repair to verdict", "s", None, [one.judge_s for one in won]),
        ("impact to verdict", "s", None, [one.resolve_s for one in won]),
        ("whole game that is won", "s", 90, [one.whole_s for one in won]),
        ("whole game, cheats and doing nothing", "s", None, [one.whole_s for one in outcomes if one not in won]),
        ("peak memory of game, twin and load (sum of PSS)", "MiB", 800, [one.peak_mib for one in outcomes]),
    ):
        known = tuple(sample for sample in samples if sample is not None)
        if known:
            found.append(Figure(f"{scenario}, {name}", unit, known, reach=reach))
    return found


@click.command()
@click.option("--games", type=int, help="How many, over all ways to play in turn; default: each once.")
@click.option(
    "--scenario", default=DEFAULT, show_default=True,
    type=click.Choice(sorted(path.stem for path in SCENARIOS.glob("*.yaml") if path.stem != "governance")),
    help="Which scenario is played.",
)  # fmt: skip
@click.option("--variant", multiple=True, help="Only this variant of it; can be repeated.")
@click.option("--only", "plays", multiple=True, help="Only this way to play; can be repeated.")
@click.option("--at-once", default=1, show_default=True, help="How many are played side by side.")
@click.option("--keep", "kept", is_flag=True, help="Add each game to games.jsonl, and the figures to results.json.")
def main(
    games: int | None, scenario: str, variant: tuple[str, ...], plays: tuple[str, ...], at_once: int, kept: bool
) -> None:
    """Play a scenario over its fixes, its cheats and doing nothing; exit with 1 if a verdict is wrong."""
    ways = [
        case
        for case in cases(scenario, load(SCENARIOS / f"{scenario}.yaml")[1])
        if case.play in (plays or (case.play,)) and case.variant in (variant or (case.variant,))
    ]
    if not ways:
        raise click.UsageError(f"There is no way to play {', '.join((*variant, *plays))}.")
    played = list(islice(cycle(ways), games or len(ways)))
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(at_once) as pool:
        for outcome in pool.map(play, played):
            outcomes.append(outcome)
            _tell(outcome, f"{len(outcomes)}/{len(played)}")
            if kept:
                with GAMES.open("a") as file:
                    file.write(json.dumps({**asdict(outcome), "wrong": outcome.wrong}) + "\n")
    found = measured(outcomes)
    if kept:
        keep(RESULTS, found)
        publish(PAGE, RESULTS)
    print(show(found))
    sys.exit(any(outcome.wrong for outcome in outcomes))


def _tell(outcome: Outcome, which: str) -> None:
    word = "WRONG" if outcome.wrong else "right"
    guards = f" by {', '.join(outcome.guards)}" if outcome.guards else ""
    said = f"{which} {outcome.case}: {outcome.verdict}{guards}, {word} ({outcome.whole_s:.0f} s)"
    if outcome.wrong:
        said += f"\n  {outcome.reason} (exit status {outcome.status})"
    print(said, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(prog_name="benchmarks.games")
