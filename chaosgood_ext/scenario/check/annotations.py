"""Which JSON types a Python annotation admits, read from its source."""

from __future__ import annotations

import ast

Types = frozenset[str]

_NAMES: dict[str, tuple[str, ...]] = {
    "str": ("string",),
    "int": ("integer",),
    "float": ("number",),
    "bool": ("boolean",),
    "None": ("null",),
    "list": ("array",), "List": ("array",), "tuple": ("array",), "Tuple": ("array",), "set": ("array",),
    "dict": ("object",), "Dict": ("object",), "Mapping": ("object",), "MutableMapping": ("object",),
    # chaoslib.types
    "Configuration": ("object",), "Secrets": ("object",),
}  # fmt: skip


def json_types(node: ast.expr | None, depth: int = 10) -> Types | None:
    """The types that the annotation `node` admits; None where it admits or says anything else."""
    if node is None or depth == 0:
        return None
    if isinstance(node, ast.Constant):
        return _constant(node, depth)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right], depth)
    if isinstance(node, ast.Subscript):
        return _generic(node, depth)
    return _named(node)


def _constant(node: ast.Constant, depth: int) -> Types | None:
    if node.value is None:
        return frozenset({"null"})
    if not isinstance(node.value, str):
        return None
    try:
        return json_types(ast.parse(node.value, mode="eval").body, depth - 1)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _generic(node: ast.Subscript, depth: int) -> Types | None:
    name = _name(node.value)
    inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name == "Optional":
        return _union([*inner, ast.Constant(None)], depth)
    if name == "Union":
        return _union(inner, depth)
    if name == "Literal":
        kinds = {type(each.value) for each in inner if isinstance(each, ast.Constant)}
        return frozenset().union(*(_NAMES.get(kind.__name__, ()) for kind in kinds)) or None
    return _named(node.value)


def _union(nodes: list[ast.expr], depth: int) -> Types | None:
    types = [json_types(node, depth - 1) for node in nodes]
    known = [each for each in types if each is not None]
    return frozenset().union(*known) if len(known) == len(types) else None


def _named(node: ast.expr) -> Types | None:
    types = _NAMES.get(_name(node))
    return frozenset(types) if types else None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def json_type(value: object) -> str:
    """The JSON type of a value that was read from a file."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    kinds: tuple[tuple[type, str], ...] = (
        (str, "string"), (int, "integer"), (float, "number"), (list, "array"), (dict, "object"),
    )  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), "other")


def admits(types: Types, value: object) -> bool:
    """Whether a value of one of the JSON `types` may be `value`; a whole number is a number, too."""
    found = json_type(value)
    return found in types or (found == "integer" and "number" in types)
