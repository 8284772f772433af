"""Checks of activities and of their HTTP and process providers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from chaosgood_ext.scenario.check.problem import Finding, closest, shown
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Activity, Subject, text
from chaosgood_ext.scenario.check.variables import VARIABLE

_URL = re.compile(r"(?i)^\s*https?://")
_IGNORED = {
    "timeout": "an activity's timeout has no effect: only the provider's has",
    "configuration": "an activity's configuration has no effect",
    "secrets": "an activity's secrets have no effect: the provider's have",
    "dry": "dry has no effect but to switch off --dry for this activity",
}
_IGNORED_OF_PROVIDERS = {
    "http": {"expected_status": "expected_status has no effect: only a tolerance judges a status"},
    "python": {"timeout": "a Python provider's timeout has no effect: a function is never interrupted"},
}


@check("undefined-ref")
def undefined_ref(subject: Subject) -> Iterator[Finding]:
    """A `ref` to an activity that neither the method nor the hypothesis declares; the run ends with a traceback."""
    names = set(_declared(subject))
    for activity in subject.activities:
        ref = text(activity.value, "ref")
        if ref and ref not in names:
            what = f"no activity of the method or the hypothesis is called {shown(ref)}"
            yield Finding((*activity.path, "ref"), what, closest(ref, names))


@check("ambiguous-ref", Strictness.WARNING)
def ambiguous_ref(subject: Subject) -> Iterator[Finding]:
    """A `ref` to a name that several activities have; Chaos Toolkit takes the last, the hypothesis coming last."""
    names = Counter(_declared(subject))
    for activity in subject.activities:
        ref = text(activity.value, "ref")
        if names[ref] > 1:
            yield Finding((*activity.path, "ref"), f"{names[ref]} activities are called {shown(ref)}")


@check("ignored-key", Strictness.WARNING)
def ignored_key(subject: Subject) -> Iterator[Finding]:
    """A key that Chaos Toolkit's specification mentions or its validation reads, but that has no effect."""
    for activity in subject.activities:
        if "ref" not in activity.value:
            for key in _IGNORED.keys() & activity.value.keys():
                yield Finding((*activity.path, key), _IGNORED[key], at_key=True)
        for key in _IGNORED_OF_PROVIDERS.get(activity.kind, {}).keys() & activity.provider.keys():
            what = _IGNORED_OF_PROVIDERS[activity.kind][key]
            yield Finding((*activity.path, "provider", key), what, at_key=True)
        if activity.section == "hypothesis" and activity.value.get("background") is True:
            what = "background has no effect in the hypothesis"
            yield Finding((*activity.path, "background"), what, at_key=True)
        if activity.section in ("method", "rollbacks") and "tolerance" in activity.value:
            what = "a tolerance has no effect outside the hypothesis"
            yield Finding((*activity.path, "tolerance"), what, at_key=True)


@check("url-scheme")
def url_scheme(subject: Subject) -> Iterator[Finding]:
    """An HTTP provider's URL that does not start with http:// or https://; the run ends with a traceback."""
    for activity in subject.activities:
        url = text(activity.provider, "url")
        if activity.kind == "http" and url.strip() and not _URL.match(url) and "$" not in url:
            what = f"{shown(url)} does not start with http:// or https://"
            yield Finding((*activity.path, "provider", "url"), what, shown(f"http://{url}"))


@check("program-not-found", Strictness.WARNING)
def program_not_found(subject: Subject) -> Iterator[Finding]:
    """A process provider's program that is not on this machine, where `chaos validate` and a game would fail."""
    for activity in subject.activities:
        path = text(activity.provider, "path")
        if activity.kind == "process" and path.strip() and not subject.knowledge.is_program(path):
            what = f"there is no program {shown(path)} on this machine"
            if VARIABLE.search(path):
                what = "Chaos Toolkit replaces no variable in a program's path"
            yield Finding((*activity.path, "provider", "path"), what)


@check("deprecated-arguments", Strictness.WARNING)
def deprecated_arguments(subject: Subject) -> Iterator[Finding]:
    """A process provider's arguments as a mapping, which Chaos Toolkit deprecates: their order matters."""
    for activity in subject.activities:
        if activity.kind == "process" and isinstance(activity.provider.get("arguments"), dict):
            what = "a process' arguments as a mapping are deprecated: write a list"
            yield Finding((*activity.path, "provider", "arguments"), what, at_key=True)


@check("background-without-end", Strictness.IN_SCENARIOS)
def background_without_end(subject: Subject) -> Iterator[Finding]:
    """A program or a request in the background without a timeout: rollbacks wait until it ends, which may be never."""
    for activity in subject.activities:
        if activity.value.get("background") is not True or activity.section not in ("method", "rollbacks"):
            continue
        if activity.kind in ("process", "http") and activity.provider.get("timeout") is None:
            what = f"{shown(activity.name)} runs in the background without a timeout, and rollbacks wait for it"
            yield Finding((*activity.path, "background"), what, at_key=True)


def _declared(subject: Subject) -> Iterator[str]:
    for activity in _referable(subject):
        if activity.name:
            yield activity.name


def _referable(subject: Subject) -> Iterator[Activity]:
    yield from subject.section("method")
    yield from subject.section("hypothesis")
