"""Holds values against shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import singledispatch
from typing import Any

from chaosgood_ext.scenario.check.problem import Path, closest, shown
from chaosgood_ext.scenario.check.shapes import (
    Boolean,
    ByKey,
    Choice,
    Either,
    Key,
    Keys,
    ListOf,
    MapOf,
    Named,
    Number,
    Shape,
    Tagged,
    Text,
    Variable,
    WithKey,
    words,
)

_VARIABLE = re.compile(r"\$\{[^}]*\}")


class Kind(Enum):
    """In what way a value does not have its shape."""

    UNKNOWN_KEY = auto()
    MISPLACED_KEY = auto()
    MISSING_KEY = auto()
    WRONG_TYPE = auto()
    UNKNOWN_VALUE = auto()
    NULL = auto()
    NULL_IGNORED = auto()
    EMPTY = auto()
    OUT_OF_RANGE = auto()


@dataclass(frozen=True)
class Mismatch:
    """One way in which the value at `path` does not have its shape."""

    kind: Kind
    path: Path
    what: str
    meant: str = ""


def mismatches(value: object, shape: Shape, path: Path) -> Iterator[Mismatch]:
    """Every way in which `value` does not have `shape`."""
    if _accepts(shape, value):
        yield from _inside(shape, value, path)
    elif value is None:
        yield Mismatch(Kind.NULL, path, f"this is null and must be {words(shape)}")
    else:
        yield Mismatch(Kind.WRONG_TYPE, path, f"{shown(value)} is {_type(value)} and must be {words(shape)}")


@singledispatch
def _accepts(_shape: Shape, _value: object) -> bool:
    """Whether a value is of the right type, whatever is in it."""
    return True


@_accepts.register(Text | Choice)
def _(_shape: Shape, value: object) -> bool:
    return isinstance(value, str)


@_accepts.register
def _(shape: Number, value: object) -> bool:
    whole = shape.whole and not shape.lenient
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


@_accepts.register
def _(_shape: Boolean, value: object) -> bool:
    return isinstance(value, bool)


@_accepts.register
def _(_shape: Variable, value: object) -> bool:
    return isinstance(value, str) and _VARIABLE.fullmatch(value) is not None


@_accepts.register
def _(_shape: ListOf, value: object) -> bool:
    return isinstance(value, list)


@_accepts.register(MapOf | Keys | ByKey | WithKey)
def _(_shape: Shape, value: object) -> bool:
    return isinstance(value, dict)


@_accepts.register
def _(shape: Either, value: object) -> bool:
    return any(_accepts(each, value) for each in shape.shapes)


@_accepts.register
def _(shape: Named, value: object) -> bool:
    return _accepts(shape.look_up(), value)


@singledispatch
def _inside(_shape: Shape, _value: Any, _path: Path) -> Iterator[Mismatch]:
    """What is wrong inside a value of the right type."""
    yield from ()


@_inside.register
def _(shape: Text, value: str, path: Path) -> Iterator[Mismatch]:
    if not shape.may_be_empty and not value.strip():
        yield Mismatch(Kind.EMPTY, path, "this text is empty")


@_inside.register
def _(shape: Number, value: float, path: Path) -> Iterator[Mismatch]:
    if shape.minimum is None:
        return
    if not (value > shape.minimum if shape.above else value >= shape.minimum):
        limit = f"more than {shape.minimum:g}" if shape.above else f"{shape.minimum:g} or more"
        yield Mismatch(Kind.OUT_OF_RANGE, path, f"{shown(value)} is out of range: it must be {limit}")


@_inside.register
def _(shape: Choice, value: str, path: Path) -> Iterator[Mismatch]:
    if value not in shape.values and value not in shape.tolerated:
        yield _unknown_value(value, shape.values, path)


@_inside.register
def _(shape: ListOf, value: list[Any], path: Path) -> Iterator[Mismatch]:
    if shape.length is not None and len(value) != shape.length:
        yield Mismatch(Kind.OUT_OF_RANGE, path, f"this list has {len(value)} values and needs {shape.length}")
    for index, each in enumerate(value):
        yield from mismatches(each, shape.item, (*path, index))


@_inside.register
def _(shape: MapOf, value: dict[Any, Any], path: Path) -> Iterator[Mismatch]:
    for key, each in value.items():
        if not isinstance(key, str):
            yield Mismatch(Kind.WRONG_TYPE, (*path, str(key)), f"the key {shown(key)} is not text", f'"{key}"')
        yield from mismatches(each, shape.value, (*path, str(key)))


@_inside.register
def _(shape: Keys, value: dict[Any, Any], path: Path) -> Iterator[Mismatch]:
    known = {key.name: key for key in shape.keys}
    for name, each in value.items():
        if name in known:
            yield from _known(known[name], each, (*path, name))
        elif not shape.open and not (isinstance(name, str) and name.startswith("x-")):
            yield _unknown_key(shape, name, path, set(known) - set(value))
    for key in shape.keys:
        if key.required and key.name not in value:
            yield Mismatch(Kind.MISSING_KEY, path, f"{key.name} is missing: {_lowered(key.description)}")


@_inside.register
def _(shape: ByKey, value: dict[Any, Any], path: Path) -> Iterator[Mismatch]:
    tag = value.get(shape.on)
    if shape.on not in value:
        what = f"{shape.on} is missing: one of {', '.join(shape.cases)}"
        yield Mismatch(Kind.MISSING_KEY, path, what, _likely(shape, value))
    elif not isinstance(tag, str):
        what = f"{shape.on} is {shown(tag)} and must be one of {', '.join(shape.cases)}"
        yield Mismatch(Kind.WRONG_TYPE, (*path, shape.on), what)
    elif tag not in shape.cases:
        yield _unknown_value(tag, tuple(shape.cases), (*path, shape.on))
    else:
        yield from _inside(shape.cases[tag], value, path)


@_inside.register
def _(shape: Tagged, value: Any, path: Path) -> Iterator[Mismatch]:
    tag = value.get(shape.on) if isinstance(value, dict) else None
    if isinstance(tag, str) and tag in shape.cases:
        yield from _inside(shape.cases[tag], value, path)
    elif isinstance(value, dict):
        yield from _inside(shape.otherwise, value, path)


@_inside.register
def _(shape: Either, value: Any, path: Path) -> Iterator[Mismatch]:
    yield from _inside(next(each for each in shape.shapes if _accepts(each, value)), value, path)


@_inside.register
def _(shape: WithKey, value: dict[Any, Any], path: Path) -> Iterator[Mismatch]:
    yield from _inside(shape.then if shape.key in value else shape.otherwise, value, path)


@_inside.register
def _(shape: Named, value: Any, path: Path) -> Iterator[Mismatch]:
    yield from _inside(shape.look_up(), value, path)


def _known(key: Key, value: object, path: Path) -> Iterator[Mismatch]:
    if value is not None or _accepts(key.shape, None):
        yield from mismatches(value, key.shape, path)
    elif key.nullable:
        yield Mismatch(Kind.NULL_IGNORED, path, f"{key.name} is null, which counts as absent")
    else:
        yield Mismatch(Kind.NULL, path, f"{key.name} is null, which Chaos Toolkit refuses or crashes on")


def _unknown_key(shape: Keys, name: object, path: Path, free: set[str]) -> Mismatch:
    where = (*path, str(name))
    if isinstance(name, str) and name in shape.elsewhere:
        return Mismatch(Kind.MISPLACED_KEY, where, f"{name} has no effect here: it belongs {shape.elsewhere[name]}")
    what = f"Chaos Toolkit knows no key {shown(name)} here and ignores it"
    return Mismatch(Kind.UNKNOWN_KEY, where, what, closest(name, free))


def _unknown_value(value: str, known: tuple[str, ...], path: Path) -> Mismatch:
    what = f"{shown(value)} is not known here; there are: {', '.join(known)}"
    return Mismatch(Kind.UNKNOWN_VALUE, path, what, closest(value, known))


def _likely(shape: ByKey, value: Mapping[Any, Any]) -> str:
    """The case whose required keys are all there."""
    for name, case in shape.cases.items():
        required = {key.name for key in case.keys if key.required} - {shape.on}
        if required and required <= set(value):
            return f"{shape.on}: {name}"
    return ""


def _type(value: object) -> str:
    names: dict[type, str] = {bool: "a boolean", str: "text", list: "a list", dict: "a mapping"}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return names.get(type(value), f"a {type(value).__name__}")


def _lowered(text: str) -> str:
    text = text.rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
