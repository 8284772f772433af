"""Parses YAML as PyYAML's safe loader does, but iteratively, within limits, and keeping what it throws away.

The composer of PyYAML recurses and lets aliases multiply; it also forgets positions and repeated keys. So the
parser's events (libyaml's where PyYAML has it) are put together here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from chaosgood_ext.scenario.check.document import MAX_DEPTH, MAX_NODES, Mapping, Node, Refused, Scalar, Sequence

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"
_STR, _SEQ, _MAP, _MERGE = (_PREFIX + name for name in ("str", "seq", "map", "merge"))
_TAGS = {Sequence: {_SEQ, _PREFIX + "omap", _PREFIX + "pairs"}, Mapping: {_MAP, _PREFIX + "set"}}
_LONGEST_NUMBER = 200


def parse(text: str) -> Node:
    """The one document in `text`; raises :class:`Refused`."""
    loader = _LOADER(text)
    try:
        return _Composer(loader).compose()
    except yaml.MarkedYAMLError as cause:
        mark = cause.problem_mark or cause.context_mark
        what = " ".join(part for part in (cause.context, cause.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise Refused("syntax", f"this is not YAML: {what}", line, column) from cause
    except yaml.YAMLError as cause:
        raise Refused("syntax", f"this is not YAML: {str(cause).splitlines()[0]}") from cause
    finally:
        loader.dispose()


@dataclass(slots=True)
class _Whole:
    """A node with all that is in it: its size in nodes, aliases written out, and its height in levels."""

    node: Node
    size: int = 1
    height: int = 0


@dataclass(slots=True)
class _Open:
    """A collection whose end was not met yet, and the nodes that were met in it."""

    node: Sequence | Mapping
    anchor: str | None
    before: int
    waiting: list[Node] = field(default_factory=list)
    height: int = 0


class _Composer:
    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.anchors: dict[str, _Whole] = {}
        self.count = 0
        self.open: list[_Open] = []
        self.root: Node | None = None

    def compose(self) -> Node:
        documents = 0
        while self.loader.check_event():
            event = self.loader.get_event()
            mark = event.start_mark
            line, column = mark.line + 1, mark.column + 1
            if isinstance(event, yaml.ScalarEvent):
                self._add(_Whole(_scalar(event, line, column)), event.anchor)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event, line, column)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event.anchor, line, column)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Refused("syntax", "a second document starts here, and an experiment is one", line, column)
        return self.root or Scalar(1, 1, None)

    def _start(self, event: Any, line: int, column: int) -> None:
        kind = Mapping if isinstance(event, yaml.MappingStartEvent) else Sequence
        if event.tag not in (None, "!") and event.tag not in _TAGS[kind]:
            raise _unknown_tag(event.tag, line, column)
        self._check_depth(0, line, column)
        self.open.append(_Open(kind(line, column), event.anchor, self.count))
        if event.anchor:
            self.anchors.pop(event.anchor, None)

    def _end(self) -> None:
        ended = self.open.pop()
        if isinstance(ended.node, Mapping):
            self._fill(ended.node, ended.waiting)
        else:
            ended.node.items = ended.waiting
        self._add(_Whole(ended.node, 1 + self.count - ended.before, ended.height + 1), ended.anchor, cost=1)

    def _alias(self, anchor: str | None, line: int, column: int) -> None:
        if anchor is None or anchor not in self.anchors:
            ring = any(anchor == each.anchor for each in self.open)
            what = f"*{anchor} is inside itself" if ring else f"there is no anchor &{anchor} above"
            raise Refused("alias-bomb" if ring else "syntax", what, line, column)
        whole = self.anchors[anchor]
        self._check_depth(whole.height, line, column)
        if self.count + whole.size > MAX_NODES:
            raise Refused("alias-bomb", f"aliases multiply to more than {MAX_NODES} values here", line, column)
        self._add(whole, None, cost=whole.size)

    def _check_depth(self, height: int, line: int, column: int) -> None:
        if len(self.open) + height >= MAX_DEPTH:
            raise Refused("too-deep", f"this is nested more than {MAX_DEPTH} levels deep", line, column)

    def _add(self, whole: _Whole, anchor: str | None, cost: int = 1) -> None:
        node = whole.node
        self.count += cost
        if self.count > MAX_NODES:
            what = f"this is more than {MAX_NODES} values, so it is not read"
            raise Refused("too-large", what, node.line, node.column)
        if anchor:
            self.anchors[anchor] = whole
        parent = self.open[-1] if self.open else None
        is_key = parent is not None and isinstance(parent.node, Mapping) and len(parent.waiting) % 2 == 0
        if isinstance(node, Scalar) and isinstance(node.value, _Merge) and not is_key:
            raise Refused("syntax", "<< can only be a key", node.line, node.column)
        if parent is None:
            self.root = node
        else:
            parent.height = max(parent.height, whole.height)
            parent.waiting.append(node)

    def _fill(self, mapping: Mapping, flat: list[Node]) -> None:
        merged = []
        for key, value in zip(flat[::2], flat[1::2], strict=True):
            if not isinstance(key, Scalar):
                raise Refused("syntax", "a list or a mapping cannot be a key", key.line, key.column)
            if isinstance(key.value, _Merge):
                merged.append(value)
            else:
                mapping.put(key, value)
        # The first of several merged mappings wins, and what is written beside `<<` wins over all of them.
        for value in reversed(merged):
            self._merge(mapping, value)

    def _merge(self, mapping: Mapping, value: Node) -> None:
        sources = value.items if isinstance(value, Sequence) else [value]
        for source in sources:
            if not isinstance(source, Mapping):
                raise Refused("syntax", "only a mapping can be merged by <<", value.line, value.column)
            self.count += len(source.entries)
            if self.count > MAX_NODES:
                raise Refused("alias-bomb", "merged mappings multiply here", value.line, value.column)
            for key, entry in source.entries.items():
                mapping.entries.setdefault(key, entry)


class _Merge:
    """The value of a `<<` that is not quoted."""


def _unknown_tag(tag: str, line: int, column: int) -> Refused:
    name = tag.replace(_PREFIX, "!!")[:60]
    return Refused("unknown-tag", f"the tag {name} makes Chaos Toolkit refuse the file", line, column)


def _scalar(event: Any, line: int, column: int) -> Scalar:
    text: str = event.value
    if event.tag is None or event.tag == "!":
        tag = _resolve(text) if event.implicit[0] and len(text) <= _LONGEST_NUMBER else _STR
    else:
        tag = event.tag
    if tag == _STR:
        return Scalar(line, column, text)
    if tag == _MERGE:
        return Scalar(line, column, _Merge())
    if tag not in SafeConstructor.yaml_constructors:
        raise _unknown_tag(tag, line, column)
    try:
        return Scalar(line, column, _construct(tag, text))
    except (yaml.YAMLError, ValueError, KeyError, IndexError, OverflowError, AttributeError) as cause:
        what = f"{text[:40]!r} is not a {tag.removeprefix(_PREFIX)}, and Chaos Toolkit crashes on it"
        raise Refused("syntax", what, line, column) from cause


@lru_cache(maxsize=4096)
def _resolve(text: str) -> str:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    candidates = [*resolvers.get(text[:1], ()), *resolvers.get(None, ())]
    return next((tag for tag, pattern in candidates if pattern.match(text)), _STR)


def _construct(tag: str, text: str) -> Any:
    if len(text) > _LONGEST_NUMBER and tag != _PREFIX + "binary":
        raise ValueError("too long")
    return SafeConstructor().construct_object(yaml.ScalarNode(tag, text))
