"""The folder of a game: what is in it, how it is made, and how it is found again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import BadInput, GameError
from chaosgood_ext.record.log import Record, sync_folder


@dataclass(frozen=True)
class Description:
    """What is known of a game from its start (`game.json`)."""

    game: str
    scenario: str
    title: str
    started: str
    """When it began, ISO 8601 in UTC."""
    responder: str
    environment: str
    """Kind and name of the environment, as in `twin swift-heron`."""
    fix: str = ""
    variant: str = ""
    """What broke, in a scenario that has variants."""
    cause: str = ""
    """What broke, in the scenario's words."""
    source: str = ""
    """The scenario's file, as the facilitator named it."""
    difficulty: str = ""
    story: str = ""
    page: str = ""
    time_limit_s: float = 0
    hold_window_s: float = 0
    objective: float = 0.99
    hints: Sequence[str] = ()
    services: Sequence[str] = ()
    skills: Sequence[str] = ()
    contributing_factors: Sequence[str] = ()
    urls: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class GameFolder:
    """The folder at `path`; its name is the game's."""

    path: Path

    @property
    def name(self) -> str:
        """The game's name: when it started, and its scenario."""
        return self.path.name

    @property
    def events(self) -> Path:
        """The record."""
        return self.path / "events.jsonl"

    @property
    def undo(self) -> Path:
        """The undo log."""
        return self.path / "undo.jsonl"

    @property
    def samples(self) -> Path:
        """What the prober and the traffic met, interval by interval."""
        return self.path / "samples.jsonl"

    @property
    def journal(self) -> Path:
        """Chaos Toolkit's journal."""
        return self.path / "journal.json"

    @property
    def post_mortem(self) -> Path:
        """The post-mortem."""
        return self.path / "post-mortem.md"

    @property
    def log(self) -> Path:
        """Tracebacks and what the responder's program printed."""
        return self.path / "game.log"

    @property
    def record(self) -> Record:
        """The record, to write to."""
        return Record(self.events, self.name)

    @property
    def running(self) -> bool:
        """Whether the process that plays the game is alive."""
        try:
            with (self.path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    @property
    def left_something(self) -> bool:
        """Whether its undo log has more faults opened than closed."""
        try:
            said = self.undo.read_bytes()
        except OSError:
            return False
        return said.count(b'"state": "open"') > said.count(b'"state": "closed"')

    def hold(self) -> int:
        """Mark the game as running until this process ends or closes the descriptor that is returned.

        Raises BlockingIOError while another process holds it.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        return descriptor

    def log_line(self, text: str) -> None:
        """Add `text` to the log; where the disk does not take it, what happened is told elsewhere, too."""
        with contextlib.suppress(OSError), self.log.open("a") as file:
            file.write(text.rstrip("\n") + "\n")

    def add_samples(self, lines: Iterable[str]) -> None:
        """Add to what users met; raises :class:`GameError` when the disk does not take it."""
        try:
            with self.samples.open("a") as file:
                file.writelines(f"{line}\n" for line in lines)
        except OSError as cause:
            raise GameError(f"{self.samples} cannot be written: {cause.strerror}.", "Free some disk space.") from cause

    def describe(self, description: Description) -> None:
        """Write `game.json`."""
        _write_atomically(self.path / "game.json", asdict(description))

    def description(self) -> Description:
        """Read `game.json`; raises :class:`GameError` when the folder holds no game."""
        try:
            document = json.loads((self.path / "game.json").read_text())
            return Description(**document)
        except (OSError, ValueError, TypeError) as cause:
            raise GameError(f"{self.path} holds no game: {cause}.", "Name a folder under games/.") from cause

    def write_journal(self, journal: Mapping[str, Any]) -> None:
        """Keep Chaos Toolkit's journal; what JSON does not know is kept as text."""
        _write_atomically(self.journal, journal)

    def read_journal(self) -> dict[str, Any] | None:
        """The journal, or None where there is none or only a part (the game was killed)."""
        try:
            document = json.loads(self.journal.read_text())
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None


def _write_atomically(path: Path, document: Mapping[str, Any]) -> None:
    draft = path.with_suffix(".tmp")
    try:
        with draft.open("w") as file:
            file.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as cause:
        raise GameError(f"{path} cannot be written: {cause.strerror}.", "Free some disk space.") from cause


def games_folder() -> Path:
    """Where games are kept: `$CHAOSGOOD_GAMES`, else `games` in the current folder."""
    return Path(os.environ.get("CHAOSGOOD_GAMES") or "games").absolute()


def create(scenario: str, *, at: datetime | None = None) -> GameFolder:
    """Make the folder of a new game of `scenario`, named by its start in UTC.

    Two games may start in the same second: the later one gets a number. Raises :class:`GameError` when
    the folder cannot be made.
    """
    start = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{start}-{re.sub(r'[^A-Za-z0-9._-]+', '-', scenario).strip('-.') or 'game'}"
    parent = games_folder()
    for number in range(1, 1000):
        path = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir(parents=True)
            sync_folder(parent)
            sync_folder(parent.parent)
        except FileExistsError:
            continue
        except OSError as cause:
            raise GameError(
                f"The game folder {path} cannot be made: {cause.strerror}.",
                "Start from a folder that you may write to, or name one in CHAOSGOOD_GAMES.",
            ) from cause
        return GameFolder(path)
    raise GameError(f"There are 999 games named {stem} already.")


def all_games(parent: Path | None = None) -> list[GameFolder]:
    """The games under `parent` (default: :func:`games_folder`), oldest first."""
    return [GameFolder(found.parent) for found in sorted((parent or games_folder()).glob("*/game.json"))]


def find(name: str | None) -> GameFolder:
    """The game called `name`, or the newest one; `name` may be the path of its folder too.

    Raises :class:`BadInput` when there is no such game.
    """
    if name:
        for path in (Path(name), games_folder() / name):
            if (path / "game.json").is_file():
                return GameFolder(path.absolute())
        known = ", ".join(game.name for game in all_games()[-3:]) or "none"
        raise BadInput(f"There is no game {name} (the newest are: {known}).", "Name a folder under games/.")
    if games := all_games():
        return games[-1]
    raise BadInput(
        f"There is no game in {games_folder()} yet.",
        "Play one with `chaos run experiments/sg-break.yaml`, or name its folder.",
    )


def find_running(name: str | None) -> GameFolder:
    """The game that is being played now, or the one called `name` (default: `$CHAOSGOOD_GAME`).

    Raises :class:`BadInput` when none runs, or several do and none is named.
    """
    if name := name or os.environ.get("CHAOSGOOD_GAME"):
        game = find(name)
        if not game.running:
            raise BadInput(f"The game {game.name} is over.")
        return game
    running = [game for game in announced() if game.running]
    if not running:
        raise BadInput("No game is being played.", "Start one with `chaos run experiments/sg-break.yaml`.")
    if len(running) > 1:
        names = ", ".join(game.name for game in running)
        raise BadInput(f"{len(running)} games are being played: {names}.", "Say which one with --game.")
    return running[0]


def announce(game: GameFolder) -> Path:
    """Let other terminals find the game, whatever folder they are in; return the file to remove at its end."""
    folder = _announcements()
    folder.mkdir(parents=True, exist_ok=True)
    for other in folder.iterdir():
        ended = GameFolder(Path(other.read_text()))
        if not ended.running and not ended.left_something:
            other.unlink(missing_ok=True)
    link = folder / game.name
    link.write_text(str(game.path))
    return link


def _announcements() -> Path:
    from chaosgood_ext.twin import cache

    return cache.folder() / "games"


def announced() -> list[GameFolder]:
    """The games of this user that are or were being played, wherever their folders are."""
    links = sorted(_announcements().glob("*")) if _announcements().is_dir() else []
    games = {Path(link.read_text()) for link in links} | {game.path for game in all_games()}
    return [GameFolder(path) for path in sorted(games)]
