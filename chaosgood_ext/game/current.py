"""The game that is played in this process: Chaos Toolkit calls plain functions, which have to find it."""

from __future__ import annotations

from dataclasses import dataclass

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.game import Game


@dataclass
class _Now:
    game: Game | None = None


_now = _Now()


def set_current(game: Game | None) -> None:
    """Make `game` the one that is played."""
    _now.game = game


def current() -> Game | None:
    """The game that is played, if any."""
    return _now.game


def required() -> Game:
    """The game that is played; raises :class:`GameError` when the experiment does not name the control."""
    if _now.game is None:
        raise GameError("No game is being played.", "Name chaosgood_ext.game.control in the experiment's `controls`.")
    return _now.game
