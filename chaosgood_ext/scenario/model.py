"""What Chaotic Good adds to a Chaos Toolkit experiment: the extension called `chaosgood`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from chaosgood_ext.errors import BadInput, ScenarioError

if TYPE_CHECKING:
    from jsonschema import ValidationError

NAME = "chaosgood"
MACHINE = "machine"


@dataclass(frozen=True)
class Play:
    """Something that the autopilot can do: the bash script `run`, by the name of it.

    It runs on the host `where`, or on the machine that plays the game where that is :data:`MACHINE`.
    """

    name: str
    description: str
    run: str
    where: str = "workstation"
    variants: tuple[str, ...] = ()
    """The names of the variants that it is for; empty: all."""


@dataclass(frozen=True)
class Variant:
    """One of several things that break in a scenario, all behind the same page.

    Of the method's activities that variants name in `activities`, only its own are played.
    """

    name: str
    description: str
    activities: tuple[str, ...] = ()
    contributing_factors: tuple[str, ...] = ()
    heals: bool = False
    """Whether the outage ends by itself, so that doing nothing is right."""


@dataclass(frozen=True)
class Scenario:
    """The extension of one scenario; times in seconds."""

    title: str
    story: str
    page: str
    difficulty: str
    time_limit_s: float
    hints: tuple[str, ...]
    fixes: tuple[Play, ...]
    cheats: tuple[Play, ...] = ()
    services: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    contributing_factors: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    hold_window_s: float | None = None
    objective: float = 0.99

    @property
    def plays(self) -> tuple[Play, ...]:
        """All that the autopilot can do."""
        return (*self.fixes, *self.cheats)

    def play(self, name: str) -> Play:
        """The fix or cheat called `name`, or the first fix when `name` is empty.

        Raises :class:`BadInput`, naming those that there are.
        """
        if not name:
            return self.fixes[0]
        for play in self.plays:
            if play.name == name:
                return play
        known = ", ".join(play.name for play in self.plays)
        raise BadInput(f"The scenario has no fix {name!r}.", f"Set CHAOSGOOD_FIX to one of: {known}.")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a scenario, and `where` in it."""

    where: str
    what: str


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the extension."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("extension.schema.json").read_text())
    return loaded


def problems(experiment: object) -> list[Problem]:
    """All that keeps `experiment` from being a scenario, as far as its extension goes."""
    if not isinstance(experiment, Mapping):
        return [Problem("", "this is no experiment: its top level is not a mapping")]
    extensions = experiment.get("extensions")
    own = [
        (index, extension)
        for index, extension in enumerate(extensions if isinstance(extensions, list) else [])
        if isinstance(extension, Mapping) and extension.get("name") == NAME
    ]
    if len(own) != 1:
        found = "no extension called" if not own else f"{len(own)} extensions called"
        return [Problem("extensions", f"there is {found} {NAME}, so this is not a scenario of Chaotic Good")]
    index, extension = own[0]
    return [*_extension_problems(extension, f"extensions[{index}]")]


def parse(experiment: object, path: str) -> Scenario:
    """The scenario in `experiment`, which was read from `path`.

    Raises :class:`ScenarioError` with the first problem and the number of the others.
    """
    if found := problems(experiment):
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ScenarioError(f"{found[0].what}{more}.", path=path, where=found[0].where)
    assert isinstance(experiment, Mapping)
    (extension,) = (each for each in experiment["extensions"] if each["name"] == NAME)
    fields = {key: value for key, value in extension.items() if key != "name"}
    plays = {key: tuple(Play(**_frozen(play)) for play in fields.get(key, ())) for key in ("fixes", "cheats")}
    variants = tuple(Variant(**_frozen(variant)) for variant in fields.get("variants", ()))
    return Scenario(**{**_frozen(fields), **plays, "variants": variants})


def _frozen(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}


def _extension_problems(extension: Mapping[str, Any], where: str) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(schema()).iter_errors(extension), key=lambda error: error.json_path)
    for error in errors:
        yield Problem(where + error.json_path.removeprefix("$"), _sentence(error))
    yield from _repeated(extension, ("fixes", "cheats"), where)
    yield from _repeated(extension, ("variants",), where)
    yield from _unknown_variants(extension, where)


def _repeated(extension: Mapping[str, Any], keys: tuple[str, ...], where: str) -> Iterator[Problem]:
    """Names that are there twice among what is listed under `keys`."""
    names: set[str] = set()
    for key in keys:
        for index, name in enumerate(_names(extension.get(key))):
            if name and name in names:
                yield Problem(f"{where}.{key}[{index}].name", f"{name} is there twice")
            names.add(name)


def _unknown_variants(extension: Mapping[str, Any], where: str) -> Iterator[Problem]:
    known = _names(extension.get("variants"))
    for key in ("fixes", "cheats"):
        plays = extension.get(key)
        for index, play in enumerate(plays if isinstance(plays, list) else []):
            own = play.get("variants") if isinstance(play, Mapping) else None
            for number, name in enumerate(own if isinstance(own, list) else []):
                if name not in known:
                    yield Problem(f"{where}.{key}[{index}].variants[{number}]", f"there is no variant {name!r}")


def _names(listed: object) -> list[str]:
    """The name of each mapping in a list; empty where it has none."""
    each = listed if isinstance(listed, list) else []
    return [str(one.get("name", "")) if isinstance(one, Mapping) else "" for one in each]


def _sentence(error: ValidationError) -> str:
    instance: Any = error.instance
    if error.validator == "additionalProperties":
        definition: Any = error.schema
        known = list(definition.get("properties", {}))
        unknown = [key for key in instance if key not in known]
        meant = get_close_matches(str(unknown[0]), known, n=1)
        return f"unknown key {unknown[0]!r}" + (f", probably meant: {meant[0]!r}" if meant else "")
    if error.validator == "required":
        required: Any = error.validator_value
        missing = [key for key in required if key not in instance]
        return "missing: " + ", ".join(missing)
    if error.validator == "pattern":
        return f"{error.instance!r} is empty or not of the form {error.validator_value}"
    return str(error.message)
