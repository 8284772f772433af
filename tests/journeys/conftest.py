import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaosgood_ext.record.event import Event
from chaosgood_ext.record.folder import GameFolder, all_games
from chaosgood_ext.record.log import read
from tests.fakes.waiting import eventually
from tests.fakes.world import World, world

SMALL = Path(__file__).with_name("small.yaml")


@dataclass
class Played:
    """A game that is being played, or was."""

    process: subprocess.Popen
    folder: Path
    output: Path

    @property
    def game(self) -> GameFolder:
        (game,) = all_games(self.folder / "games")
        return game

    @property
    def events(self) -> list[Event]:
        games = all_games(self.folder / "games")
        return list(read(games[0].events).events) if games else []

    def told(self, kind: str) -> list[dict]:
        return [event.data for event in self.events if event.type == kind]

    def reach(self, phase: str, deadline_s: float = 40) -> None:
        eventually(
            lambda: any(one["phase"] == phase for one in self.told("chaosgood.phase.started")) or self.ended(),
            deadline_s, f"phase {phase}: {self.text()[-2000:]}",
        )  # fmt: skip
        assert not self.ended(), self.text()

    def be_hurt(self) -> None:
        """Until users are: a fault that is repaired before anybody felt it is no outage."""
        self.reach("outage")
        eventually(lambda: self.told("chaosgood.sli.crossed") or self.ended(), 60, "users are hurt")
        assert not self.ended(), self.text()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, deadline_s: float = 60) -> int:
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the game does not end: {self.text()[-3000:]}")

    def interrupt(self, number: signal.Signals) -> float:
        """Send a signal; how many seconds the process then took to end."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.wait(20)
        return time.monotonic() - began

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    @property
    def verdict(self) -> tuple[str, str]:
        data = self.told("chaosgood.verdict")[-1]
        return data["verdict"], data["reason"]


def _heed_signals() -> None:
    """Whoever runs the tests in the background, or by nohup, has these ignored, and that is inherited."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("AWS_", "CHAOSGOOD_")):
            monkeypatch.delenv(name)
    with world() as built:
        yield built


@pytest.fixture
def play(environment: World, tmp_path):
    """Play a scenario, `small.yaml` unless another is named, as a process of its own."""
    started: list[subprocess.Popen] = []

    def start(
        command: str = "true", scenario: Path = SMALL, *arguments: str, wrapper: Sequence[str] = (), **variables: str
    ) -> Played:
        outputs = tmp_path / "outputs.json"
        outputs.write_text(json.dumps(environment.outputs))
        output = tmp_path / "output"
        with output.open("w") as out:
            process = subprocess.Popen(
                [
                    *wrapper, sys.executable, "-m", "chaostoolkit", "--no-version-check",
                    "--log-file", str(tmp_path / "log"), "run",
                    "--journal-path", str(tmp_path / "journal.json"), *arguments, str(scenario),
                ],
                cwd=tmp_path, stdout=out, stderr=out, start_new_session=True,
                env={
                    **os.environ, "CHAOSGOOD_CACHE": str(tmp_path / "cache"), "CHAOSGOOD_OUTPUTS": str(outputs),
                    "CHAOSGOOD_COMMAND": command, "CHAOSGOOD_GAMES": str(tmp_path / "games"),
                    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **variables,
                },
                preexec_fn=_heed_signals,  # noqa: PLW1509 - signals' dispositions are all it sets
            )  # fmt: skip
        started.append(process)
        return Played(process, tmp_path, output)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
