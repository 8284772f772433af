"""Guard `prober`: the same journeys are probed in the same way, and Prometheus hears of it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from chaosgood_ext.errors import BadInput
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene

_FRESH_S = 10
_AGES = 'time() - timestamp(probe_success{job="journeys"})'
_SETTINGS = "/etc/prometheus/blackbox.yml"
_READ_S = 5.0


@dataclass(frozen=True)
class Prober:
    """What is probed: journeys with fresh results, and digests of what says how.

    `scraping` is of Prometheus' configuration, `settings` of the prober's own, or empty where nobody can read it.
    """

    journeys: frozenset[str]
    scraping: str
    settings: str = ""
    meddled: bool = False


def look(scene: Scene, calm: Prober | None) -> Prober:
    """Ask Prometheus what it hears of the prober, and how it is to ask it."""
    del calm
    ages = scene.prometheus.vector(_AGES)
    configuration = scene.prometheus.get("/api/v1/status/config")["data"]["yaml"]
    return Prober(
        frozenset(_journey(labels) for labels, age_s in ages if age_s <= _FRESH_S),
        sha256(configuration.encode()).hexdigest(),
        _settings(scene),
        scene.meddled(),
    )


def compare(calm: Prober, now: Prober) -> Finding:
    """Other settings are wrong; silence is where the responder did something to the monitoring host."""
    wrong = []
    if now.scraping != calm.scraping:
        wrong.append("Prometheus scrapes by another configuration")
    if calm.settings and now.settings and now.settings != calm.settings:
        wrong.append("the prober probes by other settings")
    # A prober that fell silent by itself is waited for: nobody cheated.
    if now.meddled and (silent := sorted(calm.journeys - now.journeys)):
        wrong.append(f"the prober says nothing of {', '.join(silent)}")
    return Finding(tuple(wrong))


def _how(scene: Scene) -> str:
    heard = "by what Prometheus hears of it and the configuration that it scrapes by"
    own = "the prober's own settings on its host"
    return f"{heard}; {own} cannot be read here" if scene.twin is None else f"{heard}, and {own}"


GUARD = Guard("prober", "the same journeys are probed in the same way", look, compare, _how, blinds=True)


def _journey(labels: Mapping[str, str]) -> str:
    return labels.get("journey") or labels.get("instance", "")


def _settings(scene: Scene) -> str:
    if scene.twin is None:
        return ""
    with suppress(BadInput, OSError, subprocess.TimeoutExpired):
        argv = scene.twin.argv_in("monitoring", ["cat", _SETTINGS], logged=False)
        read = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_READ_S, check=False)
        return sha256(read.stdout).hexdigest()
    return ""
