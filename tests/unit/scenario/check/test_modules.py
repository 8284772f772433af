import importlib
import inspect
import sys
from types import SimpleNamespace

import pytest

from chaosgood_ext.scenario.check.modules import Function, Modules, Unknown

SOURCE = """
import os
from functools import lru_cache, wraps
from json import dumps
from .inner import deep, far as near
from .inner import *
from os import remove as gone
import nothing_like_this

open("ran", "w").write("this module was run")

def plain(a: str, b: int = 3, *, c: "bool | None" = None, d: list[str] = (), configuration=None):
    'Do it.\\n\\n    More.'

def loose(**more): ...
def _hidden(): ...

@lru_cache
def kept(a): ...

def changing(function): ...

@changing
def changed(a): ...

if os.name == "nt":
    def windows(): ...
else:
    def posix(): ...

try:
    import maybe
except ImportError:
    maybe = None

class Thing: ...
short = lambda value: value
again = plain
made = changing(plain)
"""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    package = tmp_path / "sample"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE)
    (package / "inner.py").write_text("__all__ = ['deep']\ndef deep(x): ...\ndef far(y): ...\ndef starred(): ...\n")
    (package / "broken.py").write_text("def (:")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Modules()
    assert not (tmp_path / "ran").exists(), "the module was run"
    assert "sample" not in sys.modules


def test_a_signature_is_read_from_the_source(modules):
    function = modules.function("sample", "plain")
    assert isinstance(function, Function)
    found = [
        (each.name, each.required, each.types and sorted(each.types), each.default) for each in function.parameters
    ]
    assert found == [
        ("a", True, ["string"], None),
        ("b", False, ["integer"], 3),
        ("c", False, ["boolean", "null"], None),
        ("d", False, ["array"], ()),
        ("configuration", False, None, None),
    ]
    assert function.summary == "Do it."
    assert not function.open


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", Function), ("again", Function), ("short", Function), ("posix", Function), ("windows", Function),
        ("kept", Function), ("deep", Function), ("near", Function), ("starred", Function), ("dumps", Function),
        ("nothing", Unknown.FUNCTION), ("Thing", Unknown.CLASS), ("made", Unknown.SOURCE), ("maybe", Unknown.SOURCE),
    ],
)  # fmt: skip
def test_what_a_name_is(modules, name, expected):
    found = modules.function("sample", name)
    assert found is expected or (isinstance(expected, type) and isinstance(found, expected))


def test_a_function_whose_arguments_cannot_be_told_is_open(modules):
    assert modules.function("sample", "loose").open
    assert modules.function("sample", "changed").open
    assert not modules.function("sample", "kept").open


@pytest.mark.parametrize(
    "name", ["nowhere", "sample.nowhere", "sample.inner.nowhere", "", "..", "a-b", "sample..inner", "os.nope"]
)
def test_what_is_not_installed(modules, name):
    assert modules.function(name, "f") is Unknown.MODULE


@pytest.mark.parametrize(("module", "name"), [("sample.broken", "f"), ("time", "sleep"), ("os", "remove")])
def test_what_cannot_be_told_without_running_code(modules, module, name):
    assert modules.function(module, name) is Unknown.SOURCE


@pytest.mark.parametrize(
    "module", ["chaosaws.ec2.actions", "chaosaws.ecs.actions", "chaosaws.rds.actions", "chaosprometheus.probes",
               "chaosgood_ext.load.actions", "chaosgood_ext.game.probes", "chaosgood_ext.prometheus.probes", "json"],
)  # fmt: skip
def test_signatures_are_those_that_python_itself_reports(module, monkeypatch):
    # Chaos Toolkit itself puts something in this place before it loads an extension.
    monkeypatch.setitem(sys.modules, "logzero", SimpleNamespace(logger=None))
    modules = Modules()
    for name, function in inspect.getmembers(importlib.import_module(module), inspect.isfunction):
        found = modules.function(module, name)
        if isinstance(found, Function):
            signature = inspect.signature(function)
            kinds = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
            named = [each for each in signature.parameters.values() if each.kind not in kinds]
            assert [(each.name, each.required) for each in found.parameters] == [
                (each.name, each.default is inspect.Parameter.empty) for each in named
            ]


def test_annotations_of_every_kind(tmp_path, monkeypatch):
    annotations = {
        "str": "string", "float": "number", "Optional[int]": "integer null", "Union[str, List[str]]": "array string",
        "Dict[str, Any]": "object", "typing.Dict": "object", "'str'": "string", "int | None": "integer null",
        "Literal['a', 1]": "integer string", "Sequence[str]": None, "Any": None, "'not an annotation('": None,
        "Union[str, Whatever]": None, "Configuration": "object", "None": "null", "Annotated[int, 3]": None,
    }  # fmt: skip
    lines = [f"def f{number}(a: {annotation}): ..." for number, annotation in enumerate(annotations)]
    (tmp_path / "annotated_sample.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = Modules()
    for number, expected in enumerate(annotations.values()):
        types = modules.function("annotated_sample", f"f{number}").parameters[0].types
        assert (" ".join(sorted(types)) if types else None) == expected
