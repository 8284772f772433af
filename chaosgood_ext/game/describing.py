"""What is known of a game before anything happens."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from chaosgood_ext.game.settings import Settings
from chaosgood_ext.record.folder import Description
from chaosgood_ext.scenario.model import Scenario, Variant

_PACKAGES = ("chaotic-good", "chaostoolkit", "chaostoolkit-lib", "chaostoolkit-aws", "chaostoolkit-prometheus", "moto")


def describe(
    game: str,
    scenario: Scenario,
    settings: Settings,
    *,
    name: str,
    source: str,
    variant: Variant | None = None,
    cause: str = "",
) -> Description:
    """The description of the game `game` of the scenario called `name` (and the variant chosen), read from `source`.

    `cause` says what breaks where the scenario has no variants.
    """
    fix = scenario.play(settings.fix).name if settings.responder == "autopilot" else ""
    return Description(
        game=game,
        scenario=name,
        title=scenario.title,
        started=datetime.now(UTC).isoformat(),
        responder=settings.responder,
        environment=settings.environment,
        fix=fix,
        variant=variant.name if variant is not None else "",
        cause=variant.description if variant is not None else cause,
        source=source,
        difficulty=scenario.difficulty,
        story=scenario.story,
        page=scenario.page,
        time_limit_s=scenario.time_limit_s,
        objective=scenario.objective,
        hints=list(scenario.hints),
        services=list(scenario.services),
        skills=list(scenario.skills),
        contributing_factors=list(scenario.contributing_factors),
        versions={"python": platform.python_version(), **_versions()},
    )


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
