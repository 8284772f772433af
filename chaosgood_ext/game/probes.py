"""What a game asks in a scenario's method."""

from __future__ import annotations

from chaosgood_ext.game.current import required

__all__ = ["recovery"]


def recovery() -> dict[str, str]:
    """Wait until users are served again for the hold window, or the time limit has passed: verdict and reason."""
    ruling = required().await_recovery()
    return {"verdict": str(ruling.verdict), "reason": ruling.reason}
