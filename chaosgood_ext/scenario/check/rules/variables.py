"""Checks of variables: `${name}`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chaosgood_ext.scenario.check.problem import Finding, closest, shown
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Subject
from chaosgood_ext.scenario.check.variables import unreplaced, uses

_NAME = re.compile(r"(?ai:[_a-z][_a-z0-9]*)")


@check("undefined-variable")
def undefined_variable(subject: Subject) -> Iterator[Finding]:
    """A variable that neither the configuration nor a secret defines; the activity gets the text `${name}` itself."""
    if subject.foreign_controls:
        return
    for use in uses(subject):
        if not use.shell and _NAME.fullmatch(use.name) and use.name not in subject.variables:
            meant = closest(use.name, subject.variables)
            what = f"neither configuration nor secrets define {shown(use.name)}"
            yield Finding(use.path, what, meant and f"${{{meant}}}")


@check("maybe-undefined-variable", Strictness.WARNING)
def maybe_undefined_variable(subject: Subject) -> Iterator[Finding]:
    """A variable that the file does not define, but that a shell or another tool's control might."""
    for use in uses(subject):
        if (use.shell or subject.foreign_controls) and _NAME.fullmatch(use.name) and use.name not in subject.variables:
            by = "a shell" if use.shell else "a control"
            what = f"neither configuration nor secrets define {shown(use.name)}; perhaps {by} does"
            yield Finding(use.path, what)


@check("variable-name")
def variable_name(subject: Subject) -> Iterator[Finding]:
    """A variable whose name is defined but has characters, such as `-`, that keep it from ever being replaced."""
    for use in uses(subject):
        if not _NAME.fullmatch(use.name) and use.name in subject.variables:
            what = f"the name {shown(use.name)} is never replaced: only letters, digits and _ are"
            yield Finding(use.path, what, f"${{{re.sub('[^A-Za-z0-9_]', '_', use.name)}}}")


@check("variable-not-replaced")
def variable_not_replaced(subject: Subject) -> Iterator[Finding]:
    """A variable where Chaos Toolkit replaces none: module, function, HTTP method, a program's path or timeout."""
    for use in unreplaced(subject):
        yield Finding(use.path, f"Chaos Toolkit does not replace {shown('${' + use.name + '}')} here")
