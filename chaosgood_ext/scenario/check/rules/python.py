"""Checks of Python providers against the functions that are installed."""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.scenario.check.annotations import admits
from chaosgood_ext.scenario.check.modules import Function, Modules, Unknown
from chaosgood_ext.scenario.check.problem import Finding, closest, shown, similar
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Activity, Mapped, Subject, mapping, text
from chaosgood_ext.scenario.check.variables import value_of

EXTENSIONS = ("chaosaws", "chaosprometheus", "chaosgood_ext")
"""Packages that a misspelt module may have meant."""

INJECTED = ("configuration", "secrets")
"""What chaoslib itself hands to a function that has a parameter of that name."""

_WORDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "null",
}  # fmt: skip


@check("module-not-found")
def module_not_found(subject: Subject) -> Iterator[Finding]:
    """A Python module that is not installed here; without a control's module the run goes on without the control."""
    named = [(each.path, *each.function) for each in subject.activities]
    named += [(each.path, text(mapping(each.value, "provider"), "module"), "") for each in subject.controls]
    modules = subject.knowledge.modules
    for path, module, func in named:
        if module and not modules.installed(module):
            yield Finding((*path, "provider", "module"), *_missing(module, func, modules))


@check("function-not-found")
def function_not_found(subject: Subject) -> Iterator[Finding]:
    """A function that the module does not have."""
    modules = subject.knowledge.modules
    for activity in subject.activities:
        module, name = activity.function
        found = modules.function(module, name) if module and name else None
        path = (*activity.path, "provider", "func")
        if found is Unknown.FUNCTION:
            source = modules.source(module)
            known = (*source.public, *source.imports) if source else ()
            yield Finding(path, f"{module} has no function {shown(name)}", closest(name, known))
        elif found is Unknown.CLASS:
            yield Finding(path, f"{module}.{name} is a class, and Chaos Toolkit calls functions only")


@check("unknown-argument")
def unknown_argument(subject: Subject) -> Iterator[Finding]:
    """An argument that the function does not have."""
    for activity, function, arguments in _calls(subject):
        known = [each.name for each in function.parameters]
        for name in arguments:
            if name not in known and not function.open:
                free = set(known) - set(arguments) - set(INJECTED)
                meant = closest(name, free)
                what = f"{function.name} has no argument {shown(name)}"
                if not meant:
                    what += f"; it has: {', '.join(each for each in known if each not in INJECTED) or 'none'}"
                yield Finding((*activity.path, "provider", "arguments", str(name)), what, meant, at_key=True)


@check("missing-argument")
def missing_argument(subject: Subject) -> Iterator[Finding]:
    """An argument that the function requires is missing."""
    for activity, function, arguments in _calls(subject):
        given = {*arguments, *INJECTED, *(("value",) if activity.section == "tolerance" else ())}
        missing = [each.name for each in function.parameters if each.required and each.name not in given]
        if missing:
            path = (*activity.path, "provider", *(("arguments",) if "arguments" in activity.provider else ()))
            yield Finding(path, f"{function.name} needs {', '.join(missing)}", at_key=True)


@check("argument-type", Strictness.IN_SCENARIOS)
def argument_type(subject: Subject) -> Iterator[Finding]:
    """An argument of another type than the function's annotation says."""
    for activity, function, arguments in _calls(subject):
        for name, written in arguments.items():
            parameter = function.parameter(name) if isinstance(name, str) else None
            known, value = value_of(written, subject)
            if known and parameter and parameter.types is not None and not admits(parameter.types, value):
                wanted = " or ".join(_WORDS[each] for each in sorted(parameter.types))
                path = (*activity.path, "provider", "arguments", name)
                yield Finding(
                    path, f"{name} is {shown(value)} and must be {wanted}", _converted(value, parameter.types)
                )


@check("judge-without-value")
def judge_without_value(subject: Subject) -> Iterator[Finding]:
    """A probe that serves as a tolerance, whose function has no argument `value` for what it is to judge."""
    for activity, function, _ in _calls(subject):
        if activity.section == "tolerance" and not function.open and function.parameter("value") is None:
            path = (*activity.path, "provider", "func")
            yield Finding(path, f"{function.name} has no argument value, so it cannot judge a result")


@check("undefined-secret", Strictness.IN_SCENARIOS)
def undefined_secret(subject: Subject) -> Iterator[Finding]:
    """A provider's `secrets` names a group that the experiment does not declare; it gets nothing, in silence."""
    for activity in subject.activities:
        names = activity.provider.get("secrets")
        for index, name in enumerate(names if isinstance(names, list) else []):
            if isinstance(name, str) and name not in subject.secrets:
                path = (*activity.path, "provider", "secrets", index)
                yield Finding(
                    path, f"there are no secrets called {shown(name)}", closest(name, map(str, subject.secrets))
                )


def _calls(subject: Subject) -> Iterator[tuple[Activity, Function, Mapped]]:
    for activity in subject.activities:
        module, name = activity.function
        found = subject.knowledge.modules.function(module, name) if module and name else None
        if isinstance(found, Function):
            yield activity, found, mapping(activity.provider, "arguments")


def _missing(module: str, func: str, modules: Modules) -> tuple[str, str]:
    """What to say about a module that is not installed, and which one was probably meant for its function `func`."""
    parts = module.split(".")
    depth = 0
    while depth < len(parts) and modules.installed(".".join(parts[: depth + 1])):
        depth += 1
    above = ".".join(parts[:depth])
    siblings = modules.submodules(above) if above else EXTENSIONS
    candidates = [".".join([near, *parts[depth + 1 :]]) for near in similar(".".join(parts[: depth + 1]), siblings)]
    there = [each for each in candidates if modules.installed(each)]
    fitting = [each for each in there if isinstance(modules.function(each, func), Function)]
    meant = next(iter([*fitting, *there]), "")
    if above:
        return f"{above} is installed and has no module {shown(parts[depth])}", meant
    return f"the module {shown(module)} is not installed", meant


def _converted(value: object, types: frozenset[str]) -> str:
    if types & {"integer", "number"} and isinstance(value, str):
        try:
            return f"{float(value):g}" if "number" in types else str(int(value))
        except ValueError:
            return ""
    if "boolean" in types and isinstance(value, str) and value.lower() in ("true", "false", "yes", "no", "on", "off"):
        return "true" if value.lower() in ("true", "yes", "on") else "false"
    if "string" in types and isinstance(value, int | float):
        return f'"{str(value).lower() if isinstance(value, bool) else value}"'
    if "array" in types and isinstance(value, str | int):
        return f"[{shown(value)}]"
    return ""
