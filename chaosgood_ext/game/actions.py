"""What a game does in a scenario's method."""

from __future__ import annotations

from chaosgood_ext.game.current import required

__all__ = ["keep_calm"]


def keep_calm(duration_s: float, human_duration_s: float | None = None, requests_per_s: float = 0) -> None:
    """Wait until users were served without an error for `duration_s`, at `requests_per_s` in all at least.

    A human responder is given `human_duration_s` where that is set, to poke around. Fails when there is no such
    calm within half a minute more: then nothing must be broken.
    """
    game = required()
    human = game.settings.responder == "human" and human_duration_s is not None
    game.keep_calm(human_duration_s if human and human_duration_s is not None else duration_s, requests_per_s)
