"""Checks of controls, whose mistakes Chaos Toolkit logs at DEBUG only."""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.scenario.check.modules import Function, Modules
from chaosgood_ext.scenario.check.problem import Finding, closest, shown
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Control, Mapped, Subject, mapping, text

HOOKS = (
    "configure_control", "cleanup_control", "validate_control",
    *(f"{scope}_{level}_control" for level in (
        "experiment", "hypothesis", "method", "rollback", "activity", "loading_experiment",
    ) for scope in ("before", "after")),
)  # fmt: skip
"""The functions that chaoslib looks for in a control's module (chaoslib/control/python.py)."""

_WITHOUT_ARGUMENTS = ("cleanup_control", "validate_control")
INJECTED = ("context", "configuration", "secrets", "state", "experiment", "extensions", "settings", "event_registry")
"""What chaoslib itself hands to a control's function that has a parameter of that name."""


@check("control-without-functions")
def control_without_functions(subject: Subject) -> Iterator[Finding]:
    """A control whose module has none of the functions that Chaos Toolkit calls, so that it does nothing."""
    for control, module in _modules(subject):
        source = subject.knowledge.modules.source(module)
        if source and source.complete and not source.stars:
            names = {*source.functions, *source.imports, *source.others}
            if not names & set(HOOKS):
                what = f"{module} has none of a control's functions, such as before_activity_control"
                yield Finding((*control.path, "provider", "module"), what)


@check("control-argument")
def control_argument(subject: Subject) -> Iterator[Finding]:
    """A control's argument that one of its functions does not take, or lacks; the function then is never run."""
    for control, module in _modules(subject):
        arguments = mapping(mapping(control.value, "provider"), "arguments")
        for function in hooks(module, subject.knowledge.modules):
            yield from _arguments(control, function, arguments)


@check("undefined-control")
def undefined_control(subject: Subject) -> Iterator[Finding]:
    """A control's `ref` to a control that is not declared."""
    names = {text(each.value, "name") for each in subject.controls if "ref" not in each.value} - {""}
    for control in subject.controls:
        ref = text(control.value, "ref")
        if ref and ref not in names:
            yield Finding((*control.path, "ref"), f"no control is called {shown(ref)}", closest(ref, names))


@check("control-secrets", Strictness.WARNING)
def control_secrets(subject: Subject) -> Iterator[Finding]:
    """A control's provider names `secrets`, which has no effect: a function with that parameter gets all of them."""
    for control in subject.controls:
        if "secrets" in mapping(control.value, "provider"):
            what = "secrets have no effect here: a control is handed all of them"
            yield Finding((*control.path, "provider", "secrets"), what, at_key=True)


def _modules(subject: Subject) -> Iterator[tuple[Control, str]]:
    for control in subject.controls:
        module = text(mapping(control.value, "provider"), "module")
        if module and subject.knowledge.modules.installed(module):
            yield control, module


def hooks(module: str, modules: Modules) -> Iterator[Function]:
    """The functions of the control `module` that are called with its arguments."""
    for name in HOOKS:
        if name not in _WITHOUT_ARGUMENTS:
            found = modules.function(module, name)
            if isinstance(found, Function):
                yield found


def _arguments(control: Control, function: Function, arguments: Mapped) -> Iterator[Finding]:
    path = (*control.path, "provider", *(("arguments",) if arguments else ()))
    known = {each.name for each in function.parameters}
    for name in arguments:
        if name not in known and not function.open:
            what = f"{function.name} has no argument {shown(name)}, so it is never run"
            yield Finding((*path, str(name)), what, closest(name, known - set(INJECTED)), at_key=True)
    given = {*arguments, *INJECTED}
    missing = [each.name for each in function.parameters if each.required and each.name not in given]
    if missing:
        what = f"{function.name} needs {', '.join(missing)}, so it is never run"
        yield Finding(path, what, at_key=True)
