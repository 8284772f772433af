"""Parses JSON as Python's json module does, but iteratively, within limits, and keeping positions."""

from __future__ import annotations

import json
import json.decoder
import re
from bisect import bisect_right
from typing import Any, NoReturn

from chaosgood_ext.scenario.check.document import MAX_DEPTH, MAX_NODES, Mapping, Node, Refused, Scalar, Sequence

_scan: Any = json.decoder.scanstring  # type: ignore[attr-defined]  # It is there, and in no stub.
_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_LONGEST_NUMBER = 200
_WORDS = {
    "true": True, "false": False, "null": None,
    "NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf"),
}  # fmt: skip


def parse(text: str) -> Node:
    """The one value in `text`; raises :class:`Refused`."""
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.count = 0
        self.lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self.open: list[Sequence | Mapping] = []
        self.keys: list[Scalar] = []

    def parse(self) -> Node:
        if self.text.startswith("\ufeff"):
            self.fail("it starts with a byte order mark")
        value = self.value()
        while self.open:
            value = self.inside(value)
        self.skip()
        if self.at < len(self.text):
            self.fail("something follows its end")
        return value

    def inside(self, value: Node) -> Node:
        """Read one step inside the innermost open collection, `value` being what was read last."""
        collection = self.open[-1]
        closing = "}" if isinstance(collection, Mapping) else "]"
        if value is not collection:
            self.put(collection, value)
            if self.take(closing):
                return self.open.pop()
            self.expect(",")
        elif self.take(closing):
            return self.open.pop()
        if isinstance(collection, Mapping):
            self.key()
        return self.value()

    def put(self, collection: Sequence | Mapping, value: Node) -> None:
        if isinstance(collection, Mapping):
            collection.put(self.keys.pop(), value)
        else:
            collection.items.append(value)

    def key(self) -> None:
        self.skip()
        line, column = self.place()
        if self.text[self.at : self.at + 1] != '"':
            self.fail("a key in double quotes is missing")
        self.keys.append(Scalar(line, column, self.string()))
        self.expect(":")

    def value(self) -> Node:
        """The next scalar, or a collection that was just opened (and is the last of `open`)."""
        self.skip()
        line, column = self.place()
        self.count += 1
        if self.count > MAX_NODES:
            raise Refused("too-large", f"this is more than {MAX_NODES} values, so it is not read", line, column)
        first = self.text[self.at : self.at + 1]
        if first in ("{", "["):
            if len(self.open) >= MAX_DEPTH:
                raise Refused("too-deep", f"this is nested more than {MAX_DEPTH} levels deep", line, column)
            self.at += 1
            collection = Mapping(line, column) if first == "{" else Sequence(line, column)
            self.open.append(collection)
            return collection
        return Scalar(line, column, self.string() if first == '"' else self.word())

    def string(self) -> str:
        try:
            value, self.at = _scan(self.text, self.at + 1, True)
        except json.JSONDecodeError as cause:
            self.at = cause.pos
            self.fail(cause.msg)
        return str(value).encode("utf-8", "replace").decode()  # A lone surrogate cannot be printed.

    def word(self) -> float | bool | None:
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        found = _NUMBER.match(self.text, self.at)
        if not found:
            self.fail("a value is missing")
        number = found.group()
        if len(number) > _LONGEST_NUMBER:
            self.fail(f"this number is longer than {_LONGEST_NUMBER} characters")
        self.at = found.end()
        return float(number) if any(letter in number for letter in ".eE") else int(number)

    def take(self, letter: str) -> bool:
        self.skip()
        if not self.text.startswith(letter, self.at):
            return False
        self.at += 1
        return True

    def expect(self, letter: str) -> None:
        if not self.take(letter):
            self.fail(f"{letter} is missing")

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found
        self.at = found.end()

    def place(self) -> tuple[int, int]:
        line = bisect_right(self.lines, self.at)
        return line, self.at - self.lines[line - 1] + 1

    def fail(self, what: str) -> NoReturn:
        raise Refused("syntax", f"this is not JSON: {what}", *self.place())
