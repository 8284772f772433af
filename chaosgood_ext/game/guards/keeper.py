"""Keeps the facts of the calm and compares the present with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.guards import (
    alert_rules,
    capacity,
    data,
    database_public,
    database_reach,
    health_checks,
    load,
    monitoring,
    prober,
    routes,
    tiers,
)
from chaosgood_ext.game.guards.guard import Check, Guard, Scene, Violation

GUARDS: Sequence[Guard] = (
    database_reach.GUARD,
    database_public.GUARD,
    capacity.GUARD,
    tiers.GUARD,
    routes.GUARD,
    health_checks.GUARD,
    data.GUARD,
    alert_rules.GUARD,
    prober.GUARD,
    monitoring.GUARD,
    load.GUARD,
)


class Keeper:
    """Holds `guards` to what they saw in the calm; make one when all is well.

    Raises :class:`EnvironmentUnavailable` when one gets no answer even then.
    """

    def __init__(self, scene: Scene, guards: Iterable[Guard] = GUARDS) -> None:
        self.scene = scene
        self.guards = tuple(guards)
        self._calm: dict[str, Any] = {guard.name: guard.look(scene, None) for guard in self.guards}

    def check(self, *, served: bool) -> Check:
        """Compare the present with the calm; guards that need users served are asked only where they are."""
        violations: list[Violation] = []
        loose: list[tuple[str, str]] = []
        unanswered: list[tuple[str, str]] = []
        for guard in self.guards:
            if guard.only_when_served and not served:
                continue
            try:
                finding = guard.compare(self._calm[guard.name], guard.look(self.scene, self._calm[guard.name]))
            except EnvironmentUnavailable as silence:
                unanswered.append((guard.name, str(silence)))
                continue
            violations += guard.violations(finding)
            loose += [(guard.name, what) for what in finding.loose]
        return Check(tuple(violations), tuple(loose), tuple(unanswered))
