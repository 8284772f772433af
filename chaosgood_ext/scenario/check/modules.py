"""What Python modules define, read from their source: nothing that a scenario names is ever imported."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import Any

from chaosgood_ext.scenario.check.annotations import Types, json_types

_LARGEST_SOURCE = 2 * 1024 * 1024
_FOLLOW = 5
# These leave a function's signature as it is written.
_PLAIN_DECORATORS = {"wraps", "lru_cache", "cache", "contextmanager", "staticmethod", "deprecated", "retry"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a function; `types` are the JSON types that its annotation admits, None for any."""

    name: str
    required: bool
    types: Types | None = None
    default: Any = None


@dataclass(frozen=True)
class Function:
    """A function as its source declares it; `open` when it takes further arguments, or may do so."""

    module: str
    name: str
    parameters: tuple[Parameter, ...]
    open: bool = False
    returns: Types | None = None
    summary: str = ""

    def parameter(self, name: str) -> Parameter | None:
        """The parameter called `name`, or None."""
        return next((each for each in self.parameters if each.name == name), None)


class Unknown(Enum):
    """Why there is no :class:`Function`."""

    MODULE = auto()
    """The module is not installed."""
    FUNCTION = auto()
    """The module has no such function."""
    CLASS = auto()
    """It is a class, which Chaos Toolkit does not call."""
    SOURCE = auto()
    """It cannot be told without running code: compiled, or made at run time."""


@dataclass(frozen=True)
class Source:
    """The top level of one module; `complete` when its source shows all names."""

    name: str
    functions: Mapping[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()
    imports: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    exported: tuple[str, ...] | None = None
    complete: bool = True

    @cached_property
    def public(self) -> tuple[str, ...]:
        """The names of the functions that the module offers: those of `__all__`, else those without underscore."""
        names = self.functions if self.exported is None else self.exported
        return tuple(name for name in names if name in self.functions and not name.startswith("_"))


class Modules:
    """The modules that Python would find here, each read at most once."""

    def __init__(self) -> None:
        self._sources: dict[str, Source | None] = {}
        self._specs: dict[str, ModuleSpec | None] = {}
        self._functions: dict[tuple[str, str], Function | Unknown] = {}

    def source(self, name: str) -> Source | None:
        """What the module `name` defines; None when it is not installed."""
        if name not in self._sources:
            spec = self.spec(name)
            self._sources[name] = None if spec is None else _read(name, spec)
        return self._sources[name]

    def function(self, module: str, name: str) -> Function | Unknown:
        """The function `name` of `module`, also where the module imports it from another."""
        key = module, name
        if key not in self._functions:
            self._functions[key] = self._follow(module, name, _FOLLOW)
        return self._functions[key]

    def _follow(self, module: str, name: str, follow: int) -> Function | Unknown:
        source = self.source(module)
        if source is None:
            return Unknown.MODULE
        if name in source.functions:
            return _function(module, name, source.functions[name])
        if name in source.classes:
            return Unknown.CLASS
        if name in source.others or follow == 0:
            return Unknown.SOURCE
        if name in source.imports:
            found = self._follow(*source.imports[name], follow - 1)
            return found if isinstance(found, Function) or found is Unknown.CLASS else Unknown.SOURCE
        return self._starred(source, name, follow)

    def installed(self, name: str) -> bool:
        """Whether the module `name` is installed."""
        return self.spec(name) is not None

    def spec(self, name: str) -> ModuleSpec | None:
        """Where the module `name` is, found without importing anything."""
        if name not in self._specs:
            self._specs[name] = self._find(name)
        return self._specs[name]

    def submodules(self, name: str) -> tuple[str, ...]:
        """The modules directly inside the package `name`, with their dotted names."""
        spec = self.spec(name)
        from pkgutil import iter_modules

        locations = list(spec.submodule_search_locations or ()) if spec else []
        return tuple(f"{name}.{found.name}" for found in iter_modules(locations))

    def _starred(self, source: Source, name: str, follow: int) -> Function | Unknown:
        for module in source.stars:
            found = self._follow(module, name, follow - 1)
            if found is not Unknown.FUNCTION:
                return found if found is not Unknown.MODULE else Unknown.SOURCE
        return Unknown.FUNCTION if source.complete else Unknown.SOURCE

    def _find(self, name: str) -> ModuleSpec | None:
        if not all(part.isidentifier() for part in name.split(".")):
            return None
        parent, _, _ = name.rpartition(".")
        try:
            if not parent:
                return find_spec(name)  # Only a dotted name makes this import the parent.
            above = self.spec(parent)
            if above is None:
                return None
            if above.submodule_search_locations is None:
                return self._alias(name)
            return PathFinder.find_spec(name, list(above.submodule_search_locations))
        except (ImportError, ValueError, OSError, AttributeError):
            return None

    def _alias(self, name: str) -> ModuleSpec | None:
        """A module that the interpreter itself put under another name, such as `os.path`."""
        if name.partition(".")[0] in sys.stdlib_module_names and name in sys.modules:
            return sys.modules[name].__spec__
        return None


def _read(name: str, spec: ModuleSpec) -> Source:
    unknown = Source(name, complete=False)
    try:
        text = _text(spec)
        if text is None or len(text) > _LARGEST_SOURCE:
            return unknown
        tree = ast.parse(text)
    except (SyntaxError, ValueError, OSError, ImportError, RecursionError, MemoryError):
        return unknown
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    reader = _Reader(name, package)
    reader.read(tree.body)
    return reader.source()


def _text(spec: ModuleSpec) -> str | None:
    """The source of a module, or None; what is frozen into the interpreter is read where the library has it."""
    found: ModuleSpec | None = spec
    if spec.origin == "frozen":
        found = PathFinder.find_spec(spec.name, [sysconfig.get_path("stdlib")])
    if found is None or not isinstance(found.loader, InspectLoader):
        return None
    return found.loader.get_source(found.name)


class _Reader:
    """Collects the names of a module's top level, also of those inside `if`, `try` and `with`."""

    def __init__(self, name: str, package: str) -> None:
        self.name = name
        self.package = package
        self.functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda] = {}
        self.classes: set[str] = set()
        self.imports: dict[str, tuple[str, str]] = {}
        self.stars: list[str] = []
        self.others: set[str] = set()
        self.exported: tuple[str, ...] | None = None

    def source(self) -> Source:
        return Source(
            self.name, self.functions, frozenset(self.classes), self.imports, tuple(self.stars),
            frozenset(self.others), self.exported, complete="__getattr__" not in self.functions,
        )  # fmt: skip

    def read(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.functions[statement.name] = statement
            elif isinstance(statement, ast.ClassDef):
                self.classes.add(statement.name)
            elif isinstance(statement, ast.ImportFrom):
                self.import_from(statement)
            elif isinstance(statement, ast.Import):
                self.others.update((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
            elif isinstance(statement, ast.Assign | ast.AnnAssign):
                self.assign(statement)
            else:
                self.read_inside(statement)

    def read_inside(self, statement: ast.stmt) -> None:
        for part in ("body", "orelse", "finalbody"):
            self.read(getattr(statement, part, ()))
        for handler in getattr(statement, "handlers", ()):
            self.read(handler.body)

    def import_from(self, statement: ast.ImportFrom) -> None:
        module = statement.module or ""
        if statement.level:
            parts = self.package.split(".")
            above = parts[: len(parts) - statement.level + 1]
            module = ".".join([*above, module] if module else above)
        for alias in statement.names:
            if alias.name == "*":
                self.stars.append(module)
            else:
                self.imports[alias.asname or alias.name] = (module, alias.name)

    def assign(self, statement: ast.Assign | ast.AnnAssign) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            for name in (node.id for node in ast.walk(target) if isinstance(node, ast.Name)):
                if name == "__all__" and statement.value is not None:
                    self.exported = _texts(statement.value)
                elif isinstance(statement.value, ast.Lambda):
                    self.functions[name] = statement.value
                elif isinstance(statement.value, ast.Name) and statement.value.id in self.functions:
                    self.functions[name] = self.functions[statement.value.id]
                else:
                    self.others.add(name)


def _texts(node: ast.expr) -> tuple[str, ...] | None:
    if not isinstance(node, ast.List | ast.Tuple | ast.Set):
        return None
    return tuple(each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _function(module: str, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Function:
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args]
    without = len(named) - len(arguments.defaults)
    pairs: list[tuple[ast.arg, ast.expr | None]] = [
        (each, arguments.defaults[index - without] if index >= without else None) for index, each in enumerate(named)
    ]
    pairs += zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    parameters = tuple(_parameter(each, default) for each, default in pairs)
    if isinstance(node, ast.Lambda):
        return Function(module, name, parameters, open=arguments.kwarg is not None)
    changed = any(_decorator(each) not in _PLAIN_DECORATORS for each in node.decorator_list)
    summary = " ".join((ast.get_docstring(node) or "").strip().partition("\n\n")[0].split())
    return Function(
        module, name, parameters, open=arguments.kwarg is not None or changed,
        returns=json_types(node.returns), summary=summary,
    )  # fmt: skip


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    types = json_types(argument.annotation)
    value: Any = None
    if default is not None:
        try:
            value = ast.literal_eval(default)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = None
        if types is not None and isinstance(default, ast.Constant) and default.value is None:
            types = types | {"null"}
    return Parameter(argument.arg, default is None, types, value)


def _decorator(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
