"""Start and stop the load of users on the application, as actions of a Chaos Toolkit experiment."""

from __future__ import annotations

from chaosgood_ext.game.current import current as current_game
from chaosgood_ext.load.process import Load, current, left_behind

__all__ = ["start_load", "stop_load"]


def start_load(
    url: str = "",
    users: int = 10,
    requests_per_s: float = 25,
    configuration: dict[str, object] | None = None,
) -> dict[str, object]:
    """Let `users` users make `requests_per_s` requests a second in all, until :func:`stop_load`.

    `url` is the application's; by default that of `configuration` (key `application_url`). Returns as soon as all
    users are at work; load that is offered already is left as it is. It ends with the game at the latest. Raises
    :class:`~chaosgood_ext.errors.BadInput` without a usable URL, and :class:`~chaosgood_ext.errors.GameError` when
    Locust cannot be started.
    """
    if (game := current_game()) is not None:
        game.ending.also_stop(stop_load)
    load = current()
    if load is None:
        load = Load.start(url or str((configuration or {}).get("application_url") or ""), users, requests_per_s)
    if game is not None:
        game.follow_load(load.lost)
    return {"pid": load.pid, "folder": str(load.folder)}


def stop_load() -> bool:
    """Stop the load within a second; also one that a dead game left behind. Returns whether there was any."""
    load = current() or left_behind()
    if load is None:
        return False
    load.stop()
    return True
