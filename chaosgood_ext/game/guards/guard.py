"""What a guard is: a promise that a recovery must not have cost, judged by comparing now with the calm before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chaosgood_ext.environment.outputs import Outputs
from chaosgood_ext.game.aws import Clients
from chaosgood_ext.game.prometheus import Alertmanager, Http, Prometheus
from chaosgood_ext.twin.launcher import RunningTwin


@dataclass(frozen=True)
class Violation:
    """A guard that does not hold: its name, and in a clause what is wrong.

    It rejects a game when it stands for `patience` hold windows. One that `blinds` does so even while users are
    hurt: nobody could tell any more whether they are.
    """

    guard: str
    what: str
    patience: float = 1.0
    blinds: bool = False


@dataclass(frozen=True)
class Scene:
    """Where guards look: whoever makes AWS clients, the doors, and on the twin the twin itself.

    `load_lost` says in a clause how the load was ended, or nothing while it is offered. `meddled` says whether the
    responder did something on the monitoring host, or to it, since the fault.
    """

    aws: Clients
    outputs: Outputs
    application: Http
    prometheus: Prometheus
    alertmanager: Alertmanager
    twin: RunningTwin | None = None
    load_lost: Callable[[], str] = lambda: ""
    meddled: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Finding:
    """What a guard finds wrong, and what it finds wider than need be, each as clauses."""

    wrong: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()


@dataclass(frozen=True)
class Guard:
    """A guard by its name.

    `look` asks for the facts; it gets the scene and the facts of the calm, or None when it is asked in the calm, and
    raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` where there is no answer. `compare` is pure: the facts
    of the calm and those of now give a finding. `how` says in a clause what a look does at this scene.
    """

    name: str
    promise: str
    look: Callable[[Scene, Any], Any]
    compare: Callable[[Any, Any], Finding]
    how: Callable[[Scene], str]
    patience: float = 1.0
    blinds: bool = False
    only_when_served: bool = False
    """Whether its look needs an application that answers."""

    def violations(self, finding: Finding) -> tuple[Violation, ...]:
        """The violations that `finding` amounts to."""
        return tuple(Violation(self.name, what, self.patience, self.blinds) for what in finding.wrong)


@dataclass(frozen=True)
class Check:
    """What all guards found at one moment: violations, what is loose, and which guards got no answer, and why."""

    violations: tuple[Violation, ...] = ()
    loose: tuple[tuple[str, str], ...] = ()
    unanswered: tuple[tuple[str, str], ...] = field(default=())
