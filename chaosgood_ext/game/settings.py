"""The switches of a game, which every scenario declares in its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosgood_ext.environment.outputs import FROM_ENVIRONMENT, Outputs
from chaosgood_ext.errors import BadInput, ScenarioError
from chaosgood_ext.scenario.model import Scenario

RESPONDERS = ("human", "autopilot", "command")
ENVIRONMENTS = ("twin", "aws")


@dataclass(frozen=True)
class Settings:
    """Who responds, with which fix or command, what breaks, and where."""

    responder: str = "human"
    fix: str = ""
    command: str = ""
    variant: str = ""
    """What breaks, in a scenario that has variants; empty: one of them, at random."""
    environment: str = "twin"
    time_limit_s: float = 0.0
    """Another time limit than the scenario's; 0 for the scenario's, scaled by the environment."""

    @classmethod
    def of(cls, configuration: Mapping[str, Any], scenario: Scenario) -> Settings:
        """The switches in Chaos Toolkit's `configuration`; raises :class:`BadInput` for values there are not."""
        names = ("responder", "fix", "command", "variant", "environment")
        own = {name: str(configuration[name]) for name in names if configuration.get(name)}
        settings = cls(**own, time_limit_s=_seconds(configuration.get("time_limit_s")))
        if settings.responder not in RESPONDERS:
            raise BadInput(
                f"There is no responder {settings.responder!r}.", f"Set CHAOSGOOD_RESPONDER to {_or(RESPONDERS)}."
            )
        if settings.environment not in ENVIRONMENTS:
            raise BadInput(
                f"There is no environment {settings.environment!r}.",
                f"Set CHAOSGOOD_ENVIRONMENT to {_or(ENVIRONMENTS)}.",
            )
        if settings.responder == "autopilot":
            scenario.play(settings.fix)
        if settings.responder == "command" and not settings.command.strip():
            raise BadInput("The responder `command` needs a program.", "Name it in CHAOSGOOD_COMMAND.")
        return settings


def _seconds(value: Any) -> float:
    try:
        seconds = float(value or 0)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        what = f"A time limit of {value!r} seconds is none."
        raise BadInput(what, "Set CHAOSGOOD_TIME_LIMIT_S to a number, or leave it.")
    return seconds


def fill(configuration: dict[str, Any], outputs: Outputs, path: str) -> None:
    """Put what the environment knows where `configuration` says :data:`FROM_ENVIRONMENT`, in place.

    Raises :class:`ScenarioError` for a value that the environment's outputs lack.
    """
    known = outputs.configuration()
    wanted = [key for key, value in configuration.items() if value == FROM_ENVIRONMENT]
    if lacking := [key for key in wanted if key not in known]:
        raise ScenarioError(
            f"the environment has no {_or(lacking)}.", "See schemas/environment.schema.json.",
            path=path, where="configuration",
        )  # fmt: skip
    configuration.update({key: known[key] for key in wanted})


def _or(names: tuple[str, ...] | list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
