"""What games that died left behind, and how it is put back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import BadInput, ChaosGoodError, GameError
from chaosgood_ext.game.aws import Clients
from chaosgood_ext.game.inverses import by_hand, play
from chaosgood_ext.game.place import Place, reach
from chaosgood_ext.game.referee import Verdict
from chaosgood_ext.game.undo import Entry, Reading, UndoLog, read
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder, announced, games_folder

GONE_WITH_TWIN = "gone with the twin"

Reach = Callable[[Place], Clients | None]
_OR = ", or another `chaos recover` has it in hand"
"""Whoever plays a game and whoever recovers it hold the same lock."""


@dataclass(frozen=True)
class Fault:
    """A fault that was open: what became of it, or in `failure` why it could not be undone (or not be noted).

    `by_hand` are the commands with which a person undoes it; empty when it is undone.
    """

    fault: str
    environment: str
    outcome: str = ""
    failure: str = ""
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recovered:
    """What was done for one game; `notes` are what a person should know besides."""

    game: str
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing of the game is left."""
        return not any(fault.failure for fault in self.faults)


@dataclass(frozen=True)
class Dead:
    """A game that does not run and is not closed: faults may be open, or its record has no end."""

    folder: GameFolder
    undo: Reading
    ended: bool
    lock: int = field(compare=False, default=-1)


def recover(name: str | None = None, *, to: Reach | None = None) -> list[Recovered]:
    """Undo what dead games left behind, of the game `name` or of all; what is back already is no error.

    Empty when there was nothing to do. Raises :class:`BadInput` for a game that there is not, and while a game is
    being played there; :class:`GameError` when an undo log cannot be read.
    """
    with _held(name) as dead:
        _refuse_while_playing(dead, name)
        return [_recover(game, to or reach) for game in dead]


def close_those_in(gone: Callable[[Place], bool], outcome: str) -> None:
    """Close what is open for an environment that is ended on purpose: its faults go with it."""
    with _held(None) as dead:
        for game in dead:
            for entry in game.undo.open:
                if gone(entry.place):
                    UndoLog(game.folder.undo, entry.place).close(entry, outcome)


def playing() -> Iterator[tuple[GameFolder, str]]:
    """The games and experiments that run now, each with the label of its environment (empty when not known yet)."""
    for folder in _folders():
        if folder.running:
            yield folder, _environment(folder)


@contextmanager
def _held(name: str | None) -> Iterator[list[Dead]]:
    """The dead games, none of which another `chaos recover` has in hand meanwhile."""
    dead: list[Dead] = []
    try:
        for folder in _folders() if name is None else [_named(name)]:
            lock = _lock(folder)
            if lock is None:
                if name is not None:
                    raise BadInput(
                        f"The game {folder.name} is still being played{_OR}.", "End it first: Ctrl-C undoes all."
                    )
                continue
            game = Dead(folder, read(folder.undo), _ended(folder), lock)
            if game.undo.open or not game.ended:
                dead.append(game)
            else:
                os.close(lock)
        yield dead
    finally:
        for game in dead:
            os.close(game.lock)


def _folders() -> list[GameFolder]:
    here = {found.parent for found in games_folder().glob("*/undo.jsonl")}
    here |= {found.parent for found in games_folder().glob("*/game.json")}
    here |= {game.path for game in announced() if game.path.is_dir()}
    return [GameFolder(path) for path in sorted(here)]


def _named(name: str) -> GameFolder:
    for path in (Path(name), games_folder() / name):
        if (path / "undo.jsonl").is_file() or (path / "game.json").is_file():
            return GameFolder(path.absolute())
    raise BadInput(f"There is no game {name}.", f"Name a folder under {games_folder()}.")


def _lock(folder: GameFolder) -> int | None:
    """The lock of a game that does not run, or None for one that does."""
    try:
        return folder.hold()
    except BlockingIOError:
        return None
    except OSError as cause:
        raise GameError(f"{folder.path} cannot be locked: {cause.strerror}.", "Mend its permissions.") from cause


def _ended(folder: GameFolder) -> bool:
    """Whether the record says that the game is over; what has no record is no game."""
    try:
        return f'"{Kind.GAME_ENDED}"'.encode() in folder.events.read_bytes()
    except OSError:
        return True


def _environment(folder: GameFolder) -> str:
    if opened := read(folder.undo).open:
        return opened[0].place.environment
    try:
        return folder.description().environment
    except GameError:
        return ""


def _refuse_while_playing(dead: list[Dead], name: str | None) -> None:
    concerned = {entry.place.environment for game in dead for entry in game.undo.open}
    nothing_else = name is None and not concerned
    for folder, environment in playing():
        if folder.path in {game.folder.path for game in dead}:
            continue  # Held by ourselves.
        if environment in concerned or (nothing_else and folder.path.parent == games_folder()):
            where = f" in {environment}" if environment else ""
            raise BadInput(
                f"The game {folder.name} is still being played{where}{_OR}, so nothing is undone.",
                "End it first (Ctrl-C in its terminal undoes its faults), then recover.",
            )


def _recover(game: Dead, to: Reach) -> Recovered:
    clients: dict[Place, Clients | None] = {}
    notes = []
    if game.undo.damaged:
        notes.append(
            f"{game.undo.damaged} damaged line(s) in {game.folder.undo}: cut off while they were written, so that no "
            "fault acted by them."
        )
    faults = [_undo(game.folder, entry, clients, to) for entry in game.undo.open]
    notes += _tell(game, faults)
    return Recovered(game.folder.name, tuple(faults), tuple(notes))


def _undo(folder: GameFolder, entry: Entry, clients: dict[Place, Clients | None], to: Reach) -> Fault:
    place = entry.place
    try:
        if place not in clients:
            clients[place] = to(place)
        reached = clients[place]
        outcome = GONE_WITH_TWIN if reached is None else str(play(entry.inverse, reached))
    except ChaosGoodError as failure:
        return Fault(entry.fault, place.environment, failure=str(failure), by_hand=_by_hand(entry))
    try:
        UndoLog(folder.undo, place).close(entry, outcome)
    except GameError as full:
        return Fault(entry.fault, place.environment, outcome, f"It is undone, but that cannot be noted: {full}")
    return Fault(entry.fault, place.environment, outcome)


def _by_hand(entry: Entry) -> tuple[str, ...]:
    try:
        return (entry.place.typed(), *by_hand(entry.inverse))
    except (ChaosGoodError, KeyError):
        return ()


def _tell(game: Dead, faults: list[Fault]) -> list[str]:
    """Put on the record what became of the game; a record that takes no more is a note, not a failure."""
    folder = game.folder
    if not folder.events.exists():
        return []

    def tell(kind: Kind, data: Mapping[str, Any]) -> None:
        folder.record.append(kind, data, teller="recover")

    try:
        for fault in faults:
            if fault.outcome:
                tell(Kind.FAULT_UNDONE, {"fault": fault.fault, "outcome": fault.outcome})
            else:
                tell(Kind.UNDO_FAILED, {"fault": fault.fault, "why": fault.failure})
        if game.ended or any(not fault.outcome for fault in faults):
            return []
        if f'"{Kind.VERDICT}"'.encode() not in folder.events.read_bytes():
            reason = "The game died; `chaos recover` looked after what it left."
            tell(Kind.VERDICT, {"verdict": str(Verdict.ABORTED), "reason": reason, "impact": None, "last_bad": None})
        tell(Kind.GAME_ENDED, {"verdict": str(Verdict.ABORTED)})
    except (GameError, OSError) as full:
        return [f"The record could not be completed: {full}"]
    return ["It had died in the middle; its record is closed now."]
