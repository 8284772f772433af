"""A parsed file: its value, and where each part of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chaosgood_ext.scenario.check.problem import Path

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 50_000
"""What a file may hold at most, aliases written out; a large scenario has 20 KB, a depth of 12 and 500 nodes."""


class Refused(Exception):
    """A file that is not read to its end: the check `id`, what is wrong, and where (from 1)."""

    def __init__(self, id: str, what: str, line: int = 1, column: int = 1) -> None:  # noqa: A002 - the word for it
        self.id = id
        self.what = what
        self.line = line
        self.column = column
        super().__init__(what)


@dataclass(slots=True)
class Node:
    """Something written at `line` and `column`, from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Scalar(Node):
    """Text, a number, a boolean, null or a date."""

    value: Any


@dataclass(slots=True)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping(Node):
    """Keys with values, in the order they were written; of `repeated` keys, the last one counts."""

    entries: dict[Any, tuple[Scalar, Node]] = field(default_factory=dict)
    repeated: list[tuple[Scalar, Scalar]] = field(default_factory=list)

    def put(self, key: Scalar, value: Node) -> None:
        """Write an entry as a parser meets it; note a repeated key with where it was written first."""
        first = self.entries.get(key.value)
        if first is not None:
            self.repeated.append((key, first[0]))
        self.entries[key.value] = (key, value)


@dataclass(frozen=True)
class Document:
    """What a file says."""

    root: Node

    @cached_property
    def value(self) -> Any:
        """The whole as plain Python objects; what is aliased is one object."""
        return plain(self.root, {})

    def position(self, path: Path, *, at_key: bool = False) -> tuple[int, int]:
        """Line and column of what is at `path`, or of the nearest part around it that was written."""
        node, key = self.root, None
        for part in path:
            found = _step(node, part)
            if found is None:
                at_key = False
                break
            key, node = found
        place = key if at_key and key is not None else node
        return place.line, place.column

    def repeated_keys(self) -> Iterator[tuple[Path, Scalar, Scalar]]:
        """Each repeated key: its path, its last writing, its first writing."""
        open_nodes: list[tuple[Path, Node]] = [((), self.root)]
        while open_nodes:
            path, node = open_nodes.pop()
            if isinstance(node, Mapping):
                for again, first in node.repeated:
                    yield (*path, str(again.value)), again, first
                open_nodes.extend(((*path, str(key)), value) for key, (_, value) in node.entries.items())
            elif isinstance(node, Sequence):
                open_nodes.extend(((*path, index), item) for index, item in enumerate(node.items))


def plain(node: Node, done: dict[int, Any]) -> Any:
    """The value of `node`; what is in `done` (by identity) is taken from there."""
    if isinstance(node, Scalar):
        return node.value
    if id(node) not in done:
        if isinstance(node, Mapping):
            done[id(node)] = {key: plain(value, done) for key, (_, value) in node.entries.items()}
        else:
            assert isinstance(node, Sequence)
            done[id(node)] = [plain(item, done) for item in node.items]
    return done[id(node)]


def _step(node: Node, part: str | int) -> tuple[Scalar | None, Node] | None:
    if isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
        return None, node.items[part]
    if isinstance(node, Mapping):
        entry = node.entries.get(part)
        if entry is None:
            entry = next((each for key, each in node.entries.items() if str(key) == part), None)
        return entry
    return None
