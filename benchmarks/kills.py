"""Games that are killed at random moments, and the faults that are left after `chaos recover`: there must be none.

`python -m benchmarks.kills --kills 200` plays sg-break on one twin that outlives the games, kills each game with
SIGKILL at a random moment of a random phase, recovers, and compares the environment with what was built.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from benchmarks.figures import PAGE, RESULTS, Figure, Progress, keep, publish
from chaosgood_ext.game.phases import Phase
from chaosgood_ext.game.resetting import look
from chaosgood_ext.game.undo import read
from chaosgood_ext.record import log
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.report.table import table
from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin

_SCENARIO = Path(__file__).resolve().parents[1] / "experiments" / "sg-break.yaml"
_CHAOS = (sys.executable, "-m", "chaostoolkit", "--no-version-check")
_GAME_S = 150.0
_WITHOUT_S = 30.0
_GONE_S = 20.0
_POLL_S = 0.01

PHASES: dict[Phase, float] = {
    Phase.BOOT: 0.5, Phase.STEADY_STATE: 2.0, Phase.CALM: 8.0, Phase.FAULT: 0.15, Phase.OUTAGE: 9.0,
    Phase.RECOVERY: 11.0, Phase.VERDICT: 0.3, Phase.ROLLBACK: 1.0, Phase.REPORT: 0.5,
}  # fmt: skip
"""The phases of a game, and the seconds after the beginning of each within which the kill falls."""


@dataclass(frozen=True)
class Kill:
    """A game that was killed `after_s` into `phase`, what was open then, and what was left after recovering.

    `phase` is None for a game that came to its end before.
    """

    aimed_at: Phase
    after_s: float
    phase: str | None
    open_faults: int
    left: tuple[str, ...]
    recover_s: float


def _named(word: str) -> Victim:
    """The first process of a program inside the twin, which its supervisor started."""
    return lambda _, twin: [
        one.pid for one in psutil.Process(twin.pid).children(recursive=True) if word in _command(one, 3)
    ][:1]


def _locust(game: int, _: RunningTwin) -> list[int]:
    return [one.pid for one in psutil.Process(game).children(recursive=True) if "locust" in _command(one)]


def _command(process: psutil.Process, words: int | None = None) -> str:
    """How it was started, or nothing when it has ended meanwhile."""
    try:
        return " ".join(process.cmdline()[:words])
    except psutil.NoSuchProcess:
        return ""


Victim = Callable[[int, RunningTwin], list[int]]
VICTIMS: dict[str, Victim] = {
    "game": lambda game, _: [game],
    "locust": _locust,
    "prometheus": _named("/usr/bin/prometheus "),
    "postgresql": _named("/bin/postgres -D "),
    "daemon": lambda _, twin: [twin.init_pid],
}
"""Who can be killed: from the process id of the game and the twin to those of the victim."""


@contextmanager
def shared_twin(folder: Path) -> Iterator[dict[str, str]]:
    """A twin that outlives the games, and the environment of commands that play on it, their games in `folder`."""
    twin = launcher.boot(f"kills-{os.getpid()}")
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_"))}
    if cache := os.environ.get("CHAOSGOOD_CACHE"):
        own["CHAOSGOOD_CACHE"] = cache
    try:
        yield {
            **own, "CHAOSGOOD_TWIN": twin.name, "CHAOSGOOD_GAMES": str(folder), "CHAOSGOOD_RESPONDER": "autopilot",
        }  # fmt: skip
    finally:
        for now in launcher.running():  # `chaos reset` builds another one under the same name
            if now.name == twin.name:
                launcher.shut_down(now)


def kill_one(
    environment: dict[str, str], phase: Phase, after_s: float, number: int = signal.SIGKILL, victim: str = "game"
) -> Kill:
    """Play a game, send `number` to `victim` (of :data:`VICTIMS`) `after_s` into `phase`, recover, see what is left.

    A game whose `victim` is another may end by itself; one that goes on without is ended as by Ctrl-C.

    What it left are faults that differ from what was built, processes of the game, and whatever a second
    `chaos recover` finds still to do.
    """
    games = Path(environment["CHAOSGOOD_GAMES"])
    before = set(games.glob("*"))
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [*_CHAOS, "run", str(_SCENARIO)], env=environment, cwd=games.parent, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        reached = _await_moment(process, lambda: _phase_began(games, before, phase), after_s)
        family = _family(process.pid) if reached else []
        if reached:
            for pid in VICTIMS[victim](process.pid, launcher.find(environment["CHAOSGOOD_TWIN"])):
                os.kill(pid, number)
        _await_end(process, _GAME_S if victim == "game" else _WITHOUT_S)
        found = set(games.glob("*")) - before
        if not found:
            output.seek(0)
            raise SystemExit(f"the game left no folder:\n{output.read().decode(errors='replace')}")
    (folder,) = map(GameFolder, found)
    was_in = _last_phase(folder) if reached else None
    opened = len(read(folder.undo).open)
    _, alive = psutil.wait_procs(family, _GONE_S)
    start = time.perf_counter()
    first = _recover(environment)
    taken = time.perf_counter() - start
    left = [f"process {one.pid}" for one in alive]
    left += [] if first.returncode == 0 else [first.stderr or first.stdout]
    left += [f"{entry.fault} is still open" for entry in read(folder.undo).open]
    left += [f"{one['game']} once more" for one in json.loads(_recover(environment).stdout or "{}").get("games", [])]
    if any(twin.name == environment["CHAOSGOOD_TWIN"] for twin in launcher.running()):
        left += [
            f"{one.thing} lacks {fact}"
            for one in look(environment["CHAOSGOOD_TWIN"]).differences
            for fact in one.missing
            if one.thing.startswith("security group")
        ]
    return Kill(phase, after_s, was_in, opened, tuple(left), taken)


def campaign(kills: int, *, seed: int, progress: Progress, victim: str = "game") -> list[Kill]:
    """Kill `victim` in that many games, each at a random moment of a random phase; all phases come equally often."""
    dice = random.Random(seed)
    phases: list[Phase] = []
    while len(phases) < kills:
        phases += dice.sample(list(PHASES), len(PHASES))
    done = []
    with tempfile.TemporaryDirectory(prefix="chaosgood-kills-") as folder:
        games = Path(folder, "games")
        games.mkdir()
        # A daemon takes its twin with it, so that each of its games has one of its own.
        for some in [[one] for one in phases[:kills]] if victim == "daemon" else [phases[:kills]]:
            with shared_twin(games) as environment:
                for phase in some:
                    done.append(kill_one(environment, phase, dice.uniform(0, PHASES[phase]), victim=victim))
                    progress(f"{len(done)} of {kills}: {_said(done[-1])}")
    return done


def _await_moment(process: subprocess.Popen[bytes], began: Callable[[], bool], after_s: float) -> bool:
    """Wait until `began`, and `after_s` more; whether the game is alive still."""
    deadline = time.monotonic() + _GAME_S
    while not began():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        return True
    return False


def _await_end(process: subprocess.Popen[bytes], patience_s: float) -> None:
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait(_GONE_S)


def _phase_began(games: Path, before: set[Path], phase: Phase) -> bool:
    new = set(games.glob("*")) - before
    return any(
        event.type == Kind.PHASE_STARTED and event.data["phase"] == str(phase)
        for path in new
        for event in log.read(path / "events.jsonl").events
    )


def _last_phase(folder: GameFolder) -> str:
    started = [event for event in log.read(folder.events).events if event.type == Kind.PHASE_STARTED]
    return str(started[-1].data["phase"]) if started else "before boot"


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _recover(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    argv = [*_CHAOS, "recover", "--json"]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=120)


def _said(kill: Kill) -> str:
    where = f"killed in {kill.phase}" if kill.phase else "over before it was killed"
    left = "; ".join(kill.left) or "nothing left"
    return f"{kill.aimed_at} + {kill.after_s:.2f} s: {where}, {kill.open_faults} open, {left}"


def figure(campaigns: Sequence[Sequence[Kill]], seeds: Sequence[int]) -> Figure:
    """What was left after each campaign, and how much was open when its games were killed."""
    games, opened = sum(map(len, campaigns)), sum(kill.open_faults for kills in campaigns for kill in kills)
    left = tuple(float(sum(len(kill.left) for kill in kills)) for kills in campaigns)
    note = f"of {games} games, with {opened} faults open when they died; seeds {', '.join(map(str, seeds))}"
    return Figure("left after chaos recover, games killed at random moments", "", left, reach=0, note=note)


@click.command()
@click.option("--kills", default=200, show_default=True, help="How many games are killed.")
@click.option("--seed", type=int, help="Repeats a campaign; default: drawn, and printed.")
@click.option("--keep", "kept", is_flag=True, help="Add the figure to results.json.")
@click.option("--victim", default="game", type=click.Choice(sorted(VICTIMS)), help="Who is killed.")
def main(kills: int, seed: int | None, kept: bool, victim: str) -> None:
    """Kill games, recover, and print what was left: by phase, and in all."""
    seed = seed if seed is not None else random.SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    done = campaign(kills, seed=seed, progress=lambda text: print(text, flush=True), victim=victim)
    rows = []
    for phase in PHASES:
        those = [kill for kill in done if kill.aimed_at is phase]
        hit = [kill for kill in those if kill.phase]
        opened, left = sum(kill.open_faults for kill in those), sum(len(kill.left) for kill in those)
        rows.append((str(phase), *map(str, (len(those), len(hit), opened, left))))
    print(table(("phase", "games", "killed alive", "faults open then", "left after recover"), rows))
    left = sum(len(kill.left) for kill in done)
    print(f"seed {seed}: {left} left after {len(done)} games")
    if kept:
        found = figure([done], [seed])
        keep(RESULTS, [found])
        publish(PAGE, RESULTS)
    sys.exit(1 if left else 0)


if __name__ == "__main__":
    main(prog_name="benchmarks.kills")
