"""Checks of the experiment's shape: keys, types and values that the specification knows."""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.scenario.check.mismatches import Kind
from chaosgood_ext.scenario.check.problem import Finding
from chaosgood_ext.scenario.check.rules.registry import Strictness, check
from chaosgood_ext.scenario.check.subject import Subject


@check("misspelt-key")
def misspelt_key(subject: Subject) -> Iterator[Finding]:
    """A key that is not known where it stands, but looks like one that is; Chaos Toolkit ignores it in silence."""
    for finding in _of(subject, Kind.UNKNOWN_KEY, at_key=True):
        if finding.meant:
            yield finding


@check("unknown-key", Strictness.IN_SCENARIOS)
def unknown_key(subject: Subject) -> Iterator[Finding]:
    """A key that is not known where it stands, so that it has no effect. Keys that start with `x-` are let through."""
    for finding in _of(subject, Kind.UNKNOWN_KEY, at_key=True):
        if not finding.meant:
            yield finding


@check("misplaced-key")
def misplaced_key(subject: Subject) -> Iterator[Finding]:
    """A key that belongs elsewhere, such as `arguments` beside `provider`; Chaos Toolkit ignores it in silence."""
    yield from _of(subject, Kind.MISPLACED_KEY, at_key=True)


@check("missing-key")
def missing_key(subject: Subject) -> Iterator[Finding]:
    """A key that Chaos Toolkit requires is missing."""
    yield from _of(subject, Kind.MISSING_KEY)


@check("wrong-type")
def wrong_type(subject: Subject) -> Iterator[Finding]:
    """A value of a type that Chaos Toolkit refuses, crashes on or misreads."""
    yield from _of(subject, Kind.WRONG_TYPE)


@check("unknown-value")
def unknown_value(subject: Subject) -> Iterator[Finding]:
    """A word that is not among those known there; with an unknown rollback strategy no rollback is ever played."""
    yield from _of(subject, Kind.UNKNOWN_VALUE)


@check("null-section")
def null_section(subject: Subject) -> Iterator[Finding]:
    """A section without content, which YAML reads as null and Chaos Toolkit crashes on."""
    yield from _of(subject, Kind.NULL)


@check("null-ignored", Strictness.WARNING)
def null_ignored(subject: Subject) -> Iterator[Finding]:
    """A section without content where Chaos Toolkit takes null for an absent section."""
    yield from _of(subject, Kind.NULL_IGNORED)


@check("empty-text")
def empty_text(subject: Subject) -> Iterator[Finding]:
    """A text that must say something and is empty."""
    yield from _of(subject, Kind.EMPTY)


@check("out-of-range")
def out_of_range(subject: Subject) -> Iterator[Finding]:
    """A number or a list's length outside of what works, such as a pause of -1 seconds."""
    yield from _of(subject, Kind.OUT_OF_RANGE)


def _of(subject: Subject, kind: Kind, *, at_key: bool = False) -> Iterator[Finding]:
    for each in subject.mismatches:
        if each.kind is kind:
            yield Finding(each.path, each.what, each.meant, at_key=at_key)
