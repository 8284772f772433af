"""Checks of the steady-state hypothesis and its tolerances."""

from __future__ import annotations

import re
from collections.abc import Iterator
from numbers import Real
from typing import Any

from chaosgood_ext.scenario.check.modules import Function
from chaosgood_ext.scenario.check.problem import Finding, Path, shown
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Activity, Mapped, Subject, items, mapping, text
from chaosgood_ext.scenario.check.variables import VARIABLE

# What a provider's result offers as a target, by the JSON type it has (chaoslib/provider/http.py, process.py).
_TARGETS = {
    "http": {"status": "number", "headers": "object", "body": "text"},
    "process": {"status": "number", "stdout": "text", "stderr": "text"},
}


@check("action-in-hypothesis")
def action_in_hypothesis(subject: Subject) -> Iterator[Finding]:
    """An action in the hypothesis, which is there to ask: it would act before the method, and again after it."""
    actions = {each.name for each in subject.activities if each.value.get("type") == "action" and each.name}
    for activity in subject.section("hypothesis"):
        if activity.value.get("type") == "action":
            yield Finding((*activity.path, "type"), "an action must not be in the hypothesis", "probe")
        elif text(activity.value, "ref") in actions:
            yield Finding((*activity.path, "ref"), f"{shown(activity.value['ref'])} is an action, not a probe")


@check("hypothesis-empty", Strictness.IN_SCENARIOS)
def hypothesis_empty(subject: Subject) -> Iterator[Finding]:
    """A hypothesis without probes, which Chaos Toolkit skips, so that any outcome passes."""
    hypothesis = subject.experiment.get("steady-state-hypothesis")
    if isinstance(hypothesis, dict) and hypothesis.get("probes", []) == []:
        yield Finding(("steady-state-hypothesis",), "the hypothesis has no probes, so it is skipped", at_key=True)


@check("tolerance-type")
def tolerance_type(subject: Subject) -> Iterator[Finding]:
    """A fraction as a tolerance, which Chaos Toolkit refuses."""
    for activity, tolerance in _tolerances(subject):
        if isinstance(tolerance, float):
            what = f"{shown(tolerance)} is a fraction, and Chaos Toolkit takes whole numbers only"
            yield Finding(_at(activity), what, f"{{type: range, range: [{tolerance}, {tolerance}]}}")


@check("bad-pattern")
def bad_pattern(subject: Subject) -> Iterator[Finding]:
    """A regular expression that Python cannot compile."""
    for activity, tolerance in _tolerances(subject):
        pattern = text(tolerance, "pattern") if isinstance(tolerance, dict) else ""
        if not pattern or len(pattern) > 10_000:
            continue
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as cause:
            yield Finding((*_at(activity), "pattern"), f"this is no regular expression: {cause}")


@check("tolerance-would-raise")
def tolerance_would_raise(subject: Subject) -> Iterator[Finding]:
    """A tolerance that raises when it is compared with what the probe returns: the run dies, without rollbacks."""
    for activity, tolerance in _tolerances(subject):
        if isinstance(tolerance, list):
            yield from _pair(activity, tolerance)
        elif isinstance(tolerance, dict):
            yield from _target(activity, tolerance, subject)
            yield from _judge(activity, tolerance)


@check("tolerance-never-met")
def tolerance_never_met(subject: Subject) -> Iterator[Finding]:
    """A tolerance that no result can meet: the run stops before the method, and still counts as completed."""
    for activity, tolerance in _tolerances(subject):
        limits = tolerance if isinstance(tolerance, list) else None
        if isinstance(tolerance, dict) and tolerance.get("type") == "range":
            limits = items(tolerance, "range")
        if limits == [] and isinstance(tolerance, list):
            yield Finding(_at(activity), "nothing is in an empty list")
        elif limits is not None and len(limits) == 2 and all(_is_number(each) for each in limits):
            if limits[0] > limits[1] and not (activity.kind in _TARGETS and isinstance(tolerance, list)):
                yield Finding(_at(activity), f"nothing is between {shown(limits[0])} and {shown(limits[1])}")
        elif activity.kind in _TARGETS and _is_plain(tolerance):
            keys = ", ".join(_TARGETS[activity.kind])
            what = f"the result is a mapping ({keys}), which never equals {shown(tolerance)}"
            yield Finding(_at(activity), what, "0" if activity.kind == "process" else "200")


@check("tolerance-not-a-range", Strictness.WARNING)
def tolerance_not_a_range(subject: Subject) -> Iterator[Finding]:
    """What looks like a range of statuses, such as `[200, 299]`, but means one or the other.

    With an HTTP or process provider, the status must be in the list, also when the list has two values.
    """
    for activity, tolerance in _tolerances(subject):
        if activity.kind not in _TARGETS or not isinstance(tolerance, list) or len(tolerance) != 2:
            continue
        if all(_is_number(each) for each in tolerance) and _looks_like_a_range(activity.kind, *tolerance):
            low, high = tolerance
            what = f"the status must be {low} or {high}: with an {activity.kind} provider this is not a range"
            yield Finding(_at(activity), what, f"{{type: range, target: status, range: [{low}, {high}]}}")


@check("jsonpath-not-installed", Strictness.WARNING)
def jsonpath_not_installed(subject: Subject) -> Iterator[Finding]:
    """A `jsonpath` tolerance without the package jsonpath2, which Chaos Toolkit needs for it and does not bring."""
    for activity, tolerance in _tolerances(subject):
        needed = isinstance(tolerance, dict) and tolerance.get("type") == "jsonpath"
        if needed and not subject.knowledge.modules.installed("jsonpath2"):
            yield Finding((*_at(activity), "type"), "jsonpath needs the package jsonpath2, which is not installed")


def _tolerances(subject: Subject) -> Iterator[tuple[Activity, Any]]:
    named = {each.name: each for each in subject.activities if each.name}
    for activity in subject.section("hypothesis"):
        if "tolerance" in activity.value:
            declared = named.get(text(activity.value, "ref"), activity)
            whole = Activity(activity.path, activity.section, {**activity.value, "provider": declared.provider})
            yield whole, activity.value["tolerance"]


def _at(activity: Activity) -> Path:
    return (*activity.path, "tolerance")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_plain(tolerance: object) -> bool:
    return isinstance(tolerance, bool) or (isinstance(tolerance, str) and not VARIABLE.search(tolerance))


def _looks_like_a_range(kind: str, low: float, high: float) -> bool:
    return high - low > 1 and (kind == "process" or low // 100 == high // 100)


def _pair(activity: Activity, tolerance: list[Any]) -> Iterator[Finding]:
    if len(tolerance) != 2 or activity.kind in _TARGETS:
        return
    low, high = tolerance
    alike = (_is_number(low) and _is_number(high)) or (isinstance(low, str) and isinstance(high, str))
    if not alike:
        what = f"{shown(low)} and {shown(high)} cannot be the limits of a range, which is what two values mean"
        yield Finding(_at(activity), what)


def _target(activity: Activity, tolerance: Mapped, subject: Subject) -> Iterator[Finding]:
    kind, target = tolerance.get("type"), tolerance.get("target")
    if kind not in ("regex", "range"):
        return
    if activity.kind in _TARGETS:
        offered = _TARGETS[activity.kind]
        fitting = [name for name, each in offered.items() if each == "text" or (kind == "range" and each == "number")]
        if not target:
            what = f"the result is a mapping, and {kind} needs a target in it: {' or '.join(fitting)}"
            yield Finding(_at(activity), what, f"target: {fitting[-1] if kind == 'regex' else fitting[0]}")
        elif target not in fitting:
            what = f"the result has no {shown(target)} that {kind} could compare; it has: {', '.join(fitting)}"
            yield Finding((*_at(activity), "target"), what)
    elif activity.kind == "python":
        yield from _returned(activity, str(kind), target, subject)


def _returned(activity: Activity, kind: str, target: object, subject: Subject) -> Iterator[Finding]:
    function = subject.knowledge.modules.function(*activity.function)
    if not isinstance(function, Function) or function.returns is None:
        return
    returns = " or ".join(sorted(function.returns))
    if target and "object" not in function.returns:
        yield Finding((*_at(activity), "target"), f"{function.name} returns {returns}, and only a mapping has a target")
    elif not target and kind == "regex" and "string" not in function.returns:
        yield Finding(_at(activity), f"{function.name} returns {returns}, and a regular expression needs text")
    elif not target and kind == "range" and function.returns <= {"object", "array", "null"}:
        yield Finding(_at(activity), f"{function.name} returns {returns}, and a range needs a number")


def _judge(activity: Activity, tolerance: Mapped) -> Iterator[Finding]:
    provider = mapping(tolerance, "provider")
    if tolerance.get("type") == "probe" and provider and not isinstance(provider.get("arguments"), dict):
        path = (*_at(activity), "provider")
        yield Finding(path, "a probe as tolerance needs a mapping of arguments, be it empty", "arguments: {}")
