"""What checks look at: an experiment taken apart as far as its parts have the right type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from chaosgood_ext.scenario.check.knowledge import Knowledge
from chaosgood_ext.scenario.check.mismatches import Mismatch, mismatches
from chaosgood_ext.scenario.check.problem import Path
from chaosgood_ext.scenario.check.specification import EXPERIMENT
from chaosgood_ext.scenario.model import NAME

Mapped = Mapping[str, Any]

MOST_MISMATCHES = 1000
"""After so many, a file is not looked at for more."""


@dataclass(frozen=True)
class Activity:
    """An activity, or a probe that serves as one, in its `section`.

    Sections are `hypothesis`, `method`, `rollbacks`, `tolerance` and `configuration`.
    """

    path: Path
    section: str
    value: Mapped

    @property
    def name(self) -> str:
        """Its name, or an empty string."""
        return text(self.value, "name")

    @property
    def provider(self) -> Mapped:
        """Its provider, or an empty mapping."""
        return mapping(self.value, "provider")

    @property
    def kind(self) -> str:
        """The provider's type, or an empty string."""
        return text(self.provider, "type")

    @property
    def function(self) -> tuple[str, str]:
        """Module and function of a Python provider, as far as they are named."""
        return (text(self.provider, "module"), text(self.provider, "func")) if self.kind == "python" else ("", "")


@dataclass(frozen=True)
class Control:
    """A control, and where it is declared."""

    path: Path
    value: Mapped


@dataclass(frozen=True)
class Subject:
    """An experiment that is a mapping, and what is known outside of it."""

    experiment: Mapped
    knowledge: Knowledge

    @cached_property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """Every way in which the experiment differs from the specification's shape."""
        return tuple(islice(mismatches(self.experiment, EXPERIMENT, ()), MOST_MISMATCHES))

    @cached_property
    def extension(self) -> tuple[Path, Mapped] | None:
        """The extension that makes the experiment a scenario of ours, and where it is."""
        for index, each in enumerate(items(self.experiment, "extensions")):
            if isinstance(each, dict) and each.get("name") == NAME:
                return ("extensions", index), each
        return None

    @cached_property
    def activities(self) -> tuple[Activity, ...]:
        """All activities that are mappings, with the probes that serve as tolerance or configuration."""
        return tuple(self._activities())

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """All controls that are mappings."""
        hypothesis = mapping(self.experiment, "steady-state-hypothesis")
        holders: list[tuple[Path, Mapped]] = [((), self.experiment), (("steady-state-hypothesis",), hypothesis)]
        holders += [(each.path, each.value) for each in self.activities if each.section in _PLAYED]
        return tuple(
            Control((*path, "controls", index), control)
            for path, holder in holders
            for index, control in enumerate(items(holder, "controls"))
            if isinstance(control, dict)
        )

    @cached_property
    def configuration(self) -> Mapped:
        """The configuration, or an empty mapping."""
        return mapping(self.experiment, "configuration")

    @cached_property
    def secrets(self) -> Mapped:
        """The secrets' groups by name, or an empty mapping."""
        return mapping(self.experiment, "secrets")

    @cached_property
    def variables(self) -> frozenset[str]:
        """All names that Chaos Toolkit replaces in `${name}`: configuration, and what is inside the secrets' groups."""
        inner = (key for group in self.secrets.values() if isinstance(group, dict) for key in group)
        return frozenset(key for key in (*self.configuration, *inner) if isinstance(key, str))

    @cached_property
    def foreign_controls(self) -> bool:
        """Whether there are controls besides ours, which might define variables that the file does not."""
        modules = (text(mapping(control.value, "provider"), "module") for control in self.controls)
        return any(not module.startswith("chaosgood_ext.") for module in modules)

    def section(self, name: str) -> tuple[Activity, ...]:
        """The activities of one section."""
        return tuple(each for each in self.activities if each.section == name)

    def _activities(self) -> Iterator[Activity]:
        hypothesis = mapping(self.experiment, "steady-state-hypothesis")
        lists: Sequence[tuple[str, Path, list[Any]]] = (
            ("hypothesis", ("steady-state-hypothesis", "probes"), items(hypothesis, "probes")),
            ("method", ("method",), items(self.experiment, "method")),
            ("rollbacks", ("rollbacks",), items(self.experiment, "rollbacks")),
        )
        for section, path, values in lists:
            for index, value in enumerate(values):
                if isinstance(value, dict):
                    yield Activity((*path, index), section, value)
                    tolerance = mapping(value, "tolerance") if section == "hypothesis" else {}
                    if tolerance.get("type") == "probe":
                        yield Activity((*path, index, "tolerance"), "tolerance", tolerance)
        for key, value in self.configuration.items():
            if isinstance(value, dict) and value.get("type") == "probe":
                yield Activity(("configuration", str(key)), "configuration", value)


_PLAYED = ("hypothesis", "method", "rollbacks")


def text(holder: Mapped, key: str) -> str:
    """The text at `key`, or an empty string."""
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def mapping(holder: Mapped, key: str) -> Mapped:
    """The mapping at `key`, or an empty one."""
    value = holder.get(key)
    return value if isinstance(value, dict) else {}


def items(holder: Mapped, key: str) -> list[Any]:
    """The list at `key`, or an empty one."""
    value = holder.get(key)
    return value if isinstance(value, list) else []
