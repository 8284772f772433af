"""Where Chaos Toolkit replaces `${name}`, and by what."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import Template
from typing import Any

from chaosgood_ext.scenario.check.problem import Path
from chaosgood_ext.scenario.check.subject import Activity, Subject, mapping

VARIABLE = re.compile(r"\$\{[^}]{0,200}\}")

# What each provider hands to chaoslib.substitute, and what it uses as it is written.
_REPLACED = {
    "python": ("arguments",),
    "http": ("url", "headers", "timeout", "arguments"),
    "process": ("arguments",),
}
_AS_WRITTEN = {
    "python": ("module", "func"),
    "http": ("method",),
    "process": ("path", "timeout"),
}
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")


@dataclass(frozen=True)
class Use:
    """A variable `${name}` in the text at `path`; `shell` where a shell may be meant to replace it."""

    path: Path
    name: str
    shell: bool = False


def uses(subject: Subject) -> Iterator[Use]:
    """Every variable in braces that Chaos Toolkit replaces."""
    yield from _in(("title",), subject.experiment.get("title"))
    for activity in subject.activities:
        shell = _is_shell(activity)
        for key in _REPLACED.get(activity.kind, ()):
            yield from _in((*activity.path, "provider", key), activity.provider.get(key), shell)
        yield from _in((*activity.path, "pauses"), activity.value.get("pauses"))
        if activity.section == "hypothesis":
            yield from _in_tolerance((*activity.path, "tolerance"), activity.value.get("tolerance"))
    for control in subject.controls:
        arguments = mapping(control.value, "provider").get("arguments")
        yield from _in((*control.path, "provider", "arguments"), arguments)


def unreplaced(subject: Subject) -> Iterator[Use]:
    """Every variable in braces where Chaos Toolkit replaces none."""
    for activity in subject.activities:
        for key in _AS_WRITTEN.get(activity.kind, ()):
            yield from _in((*activity.path, "provider", key), activity.provider.get(key))


def value_of(written: object, subject: Subject) -> tuple[bool, Any]:
    """Whether what `written` stands for is known before the run, and what it is.

    A text that is one variable stands for the configuration's value, in that value's type.
    """
    if not isinstance(written, str) or "$" not in written:
        return not isinstance(written, dict | list) or not list(_in((), written)), written
    match = Template.pattern.fullmatch(written)
    name = (match.group("braced") or match.group("named")) if match else None
    if name is None or name not in subject.configuration:
        return False, None
    value = subject.configuration[name]
    if isinstance(value, dict):
        return False, None
    return True, value


def _in_tolerance(path: Path, tolerance: object) -> Iterator[Use]:
    if isinstance(tolerance, str):
        yield from _in(path, tolerance)
    elif isinstance(tolerance, dict):
        for key in ("path", "expect"):
            yield from _in((*path, key), tolerance.get(key))


def _in(path: Path, value: object, shell: bool = False) -> Iterator[Use]:
    if isinstance(value, str):
        for match in Template.pattern.finditer(value) if "${" in value else ():
            if match.group("braced") is not None:
                yield Use(path, match.group("braced"), shell)
            elif match.group("invalid") is not None and value.startswith("${", match.start()):
                yield Use(path, value[match.start() + 2 : match.start() + 202].partition("}")[0], shell)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _in((*path, str(key)), each, shell)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _in((*path, index), each, shell)


def _is_shell(activity: Activity) -> bool:
    if activity.kind != "process":
        return False
    program = str(activity.provider.get("path")).rpartition("/")[2]
    return program in _SHELLS or isinstance(activity.provider.get("arguments"), str)
