"""Guard `load`: customers still come."""

from __future__ import annotations

from chaosgood_ext.game.guards.guard import Finding, Guard, Scene


def look(scene: Scene, calm: str | None) -> str:
    """How the load was ended, in a clause; nothing while it is offered."""
    del calm
    return scene.load_lost()


def compare(calm: str, now: str) -> Finding:
    """Load that was offered and that somebody ended is wrong."""
    return Finding((now,)) if now and not calm else Finding()


GUARD = Guard(
    "load",
    "the load of users is still offered",
    look,
    compare,
    lambda _: "by the process that offers it; what of it arrives, the referee counts at the web tier",
    blinds=True,
)
