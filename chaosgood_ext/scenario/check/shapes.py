"""Shapes: what a part of an experiment may look like, as data.

One description serves twice: `mismatches` holds a value against it, and `schema` turns it into JSON Schema, so that
what an editor underlines and what `chaos check` says are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """What a value may look like, by itself anything; `word` names it in a sentence."""

    word: str = field(default="anything", kw_only=True)


@dataclass(frozen=True)
class Text(Shape):
    """A string; an empty one only when it `may_be_empty`."""

    may_be_empty: bool = False
    word: str = field(default="text", kw_only=True)


@dataclass(frozen=True)
class Number(Shape):
    """A number from `minimum` on (after it, when `above`), a whole one when `whole`.

    With `lenient`, another check tells about fractions, better than this one could.
    """

    minimum: float | None = None
    above: bool = False
    whole: bool = False
    lenient: bool = False
    word: str = field(default="a number", kw_only=True)


@dataclass(frozen=True)
class Boolean(Shape):
    """True or false."""

    word: str = field(default="true or false", kw_only=True)


@dataclass(frozen=True)
class Variable(Shape):
    """A string that is one variable, which Chaos Toolkit replaces by a value of any type."""

    word: str = field(default="a variable like ${name}", kw_only=True)


@dataclass(frozen=True)
class Choice(Shape):
    """One of `values`; what is `tolerated` besides has a check of its own."""

    values: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()
    word: str = field(default="text", kw_only=True)


@dataclass(frozen=True)
class ListOf(Shape):
    """A list of `item`s, as many as `length` where that is given."""

    item: Shape = field(default_factory=Shape)
    length: int | None = None
    word: str = field(default="a list", kw_only=True)


@dataclass(frozen=True)
class MapOf(Shape):
    """A mapping from any text to `value`s."""

    value: Shape = field(default_factory=Shape)
    word: str = field(default="a mapping", kw_only=True)


@dataclass(frozen=True)
class Key:
    """A key of a mapping; `nullable` where Chaos Toolkit takes null for an absent key."""

    name: str
    shape: Shape
    description: str
    required: bool = False
    nullable: bool = False


@dataclass(frozen=True)
class Keys(Shape):
    """A mapping with these `keys`, and others when it is `open`.

    `elsewhere` says where keys belong that people put here by mistake. Keys that start with `x-` are let through
    everywhere: that is where YAML files keep their anchors.
    """

    keys: tuple[Key, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    open: bool = False
    word: str = field(default="a mapping", kw_only=True)


@dataclass(frozen=True)
class ByKey(Shape):
    """A mapping whose shape depends on the value of its key `on`."""

    cases: Mapping[str, Keys] = field(default_factory=dict)
    on: str = "type"
    word: str = field(default="a mapping", kw_only=True)


@dataclass(frozen=True)
class Tagged(Shape):
    """A mapping of a special shape when its key `on` says so, `otherwise` any other mapping, or no mapping at all."""

    cases: Mapping[str, Keys] = field(default_factory=dict)
    on: str = "type"
    otherwise: Shape = field(default_factory=Shape)


@dataclass(frozen=True)
class Either(Shape):
    """A value of the first of the `shapes` whose type it has."""

    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True)
class WithKey(Shape):
    """A mapping of the shape `then` when it has the key `key`, else of the shape `otherwise`."""

    key: str = ""
    then: Shape = field(default_factory=Shape)
    otherwise: Shape = field(default_factory=Shape)
    word: str = field(default="a mapping", kw_only=True)


@dataclass(frozen=True)
class Named(Shape):
    """A shape with a `name` of its own in the schema, looked up late, so that it may contain itself."""

    name: str = ""
    look_up: Callable[[], Shape] = Shape


def words(shape: Shape) -> str:
    """What `shape` is, in a sentence."""
    if isinstance(shape, Either):
        return " or ".join(dict.fromkeys(words(each) for each in shape.shapes))
    return words(shape.look_up()) if isinstance(shape, Named) else shape.word
