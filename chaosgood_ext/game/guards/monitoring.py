"""Guard `monitoring`: Prometheus and Alertmanager answer, or at least nobody made them stop."""

from __future__ import annotations

from dataclasses import dataclass

from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene


@dataclass(frozen=True)
class Answers:
    """Who did not answer, and whether the responder did something to the monitoring host."""

    silent: tuple[str, ...] = ()
    meddled: bool = False


def look(scene: Scene, calm: Answers | None) -> Answers:
    """Ask both whether they are there; in the calm silence is an error, for there is nothing to compare with."""
    silent = []
    for server, path in ((scene.prometheus, "/api/v1/status/buildinfo"), (scene.alertmanager, "/api/v2/status")):
        try:
            server.get(path)
        except EnvironmentUnavailable:
            if calm is None:
                raise
            silent.append(server.name)
    return Answers(tuple(silent), scene.meddled())


def compare(calm: Answers, now: Answers) -> Finding:
    """Silence is wrong where the responder did something to the monitoring host; a machine may fail by itself."""
    silent = [one for one in now.silent if one not in calm.silent]
    if not silent or not now.meddled:
        return Finding()
    return Finding((f"{' and '.join(silent)} {'was' if len(silent) == 1 else 'were'} stopped",))


GUARD = Guard(
    "monitoring",
    "Prometheus and Alertmanager answer",
    look,
    compare,
    lambda _: "by asking both, and looking up what the responder did on their host",
    blinds=True,
)
