"""The JSON Schema of experiments: Chaos Toolkit's specification, our extension, and what installed extensions offer.

Generated from the same shapes that `chaos check` uses and from the source of the installed modules, which are
read and never imported. It is for editors: where only `chaos check` can tell (variables, references, what would
raise), the schema lets through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch
from importlib.metadata import packages_distributions
from typing import Any

from chaosgood_ext.scenario import model
from chaosgood_ext.scenario.check import shapes
from chaosgood_ext.scenario.check.modules import Function, Modules, Parameter
from chaosgood_ext.scenario.check.rules.controls import HOOKS, hooks
from chaosgood_ext.scenario.check.rules.controls import INJECTED as INTO_CONTROLS
from chaosgood_ext.scenario.check.rules.python import INJECTED
from chaosgood_ext.scenario.check.specification import EXPERIMENT

Schema = dict[str, Any]

OURS = "chaosgood_ext"
DEFAULT_PACKAGES = ("chaosaws", "chaosprometheus", OURS)
"""What comes with Chaotic Good; `schemas/experiment.schema.json` offers what these have."""

_FACES = ("actions", "probes", "tolerances")
_UNWRITABLE = ("client", "session")
_VARIABLE = {"$ref": "#/$defs/variable"}


def schema_of_experiments(modules: Modules, faces: Iterable[str]) -> Schema:
    """The schema, with the functions of the modules `faces` and their arguments."""
    defs: dict[str, Schema] = {}
    top = _convert(EXPERIMENT, defs)
    defs["variable"] = _convert(shapes.Variable(), defs)
    names = sorted(faces)
    _offer_functions(defs, modules, [each for each in names if not is_control(each, modules)])
    _offer_controls(defs, modules, [each for each in names if is_control(each, modules)])
    _offer_extension(top, defs)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:chaosgood:schema:experiment:1",
        "title": "Experiment of Chaos Toolkit",
    }
    return {**head, **top, "$defs": dict(sorted(defs.items()))}


def installed_faces(modules: Modules) -> list[str]:
    """The modules with actions, probes and controls of every installed extension of Chaos Toolkit, and ours."""
    owners = packages_distributions()
    extensions = {
        name
        for name, distributions in owners.items()
        if name.startswith("chaos")
        and any(each.lower().startswith("chaostoolkit-") and each != "chaostoolkit-lib" for each in distributions)
    }
    return faces_of({*extensions, OURS}, modules)


def faces_of(packages: Iterable[str], modules: Modules) -> list[str]:
    """The modules with actions, probes and controls inside `packages`."""
    return sorted(face for package in packages for face in _faces_in(package, modules))


def is_control(module: str, modules: Modules) -> bool:
    """Whether `module` has a control's functions."""
    source = modules.source(module)
    return source is not None and any(name in source.functions for name in HOOKS)


def _faces_in(package: str, modules: Modules) -> Iterator[str]:
    for name in modules.submodules(package):
        parts = name.split(".")
        if parts[-1] in _FACES:
            if _functions(name, modules):
                yield name
        elif (parts[-1].startswith("control") or "controls" in parts) and is_control(name, modules):
            yield name
        yield from _faces_in(name, modules)


def _functions(module: str, modules: Modules) -> list[tuple[str, Function]]:
    source = modules.source(module)
    if source is None:
        return []
    own = [name for name in source.functions if not name.startswith("_")]
    found = ((name, modules.function(module, name)) for name in sorted({*own, *(source.exported or ())}))
    return [(name, function) for name, function in found if isinstance(function, Function) and _is_callable(function)]


def _is_callable(function: Function) -> bool:
    """Whether an experiment can call `function` at all: extensions have helpers that take a client of an SDK."""
    return not any(each.required and each.name in _UNWRITABLE for each in function.parameters)


def _offer_functions(defs: dict[str, Schema], modules: Modules, faces: list[str]) -> None:
    python = _case(defs["provider"], "python")
    python["properties"]["module"] = _known(faces, "Dotted path of the module")
    python["allOf"] = [_if("module", face, {"$ref": f"#/$defs/{face}"}) for face in faces]
    for face in faces:
        functions = _functions(face, modules)
        func = {"enum": [name for name, _ in functions]}
        summaries = [function.summary[:200] for _, function in functions]
        cases = [_if("func", name, _arguments([function], INJECTED)) for name, function in functions]
        defs[face] = {"properties": {"func": {**func, "enumDescriptions": summaries}}, "allOf": cases}


def _offer_controls(defs: dict[str, Schema], modules: Modules, faces: list[str]) -> None:
    provider = defs["control"]["properties"]["provider"]
    provider["properties"]["module"] = _known(faces, "Dotted path of the module that has the control's functions")
    provider["allOf"] = [_if("module", face, _arguments(list(hooks(face, modules)), INTO_CONTROLS)) for face in faces]


def _arguments(functions: list[Function], injected: tuple[str, ...]) -> Schema:
    """The schema of a provider whose `arguments` all `functions` take."""
    parameters = {
        each.name: each for function in functions for each in function.parameters if each.name not in injected
    }
    required = sorted(name for name, each in parameters.items() if each.required)
    arguments: Schema = {"properties": {name: _parameter(each) for name, each in parameters.items()}}
    if not any(function.open for function in functions):
        arguments["additionalProperties"] = False
    if required:
        arguments["required"] = required
    return {"properties": {"arguments": arguments}, **({"required": ["arguments"]} if required else {})}


def _parameter(parameter: Parameter) -> Schema:
    default = {} if parameter.required or not _is_json(parameter.default) else {"default": parameter.default}
    if parameter.types is None:
        return default
    types = sorted(parameter.types)
    typed: Schema = {"type": types[0] if len(types) == 1 else types}
    return {**default, **(typed if "string" in types else {"anyOf": [typed, _VARIABLE]})}


def _is_json(value: object) -> bool:
    return isinstance(value, str | int | float | bool | list | dict) and _finite(value)


def _finite(value: object) -> bool:
    import json

    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _offer_extension(top: Schema, defs: dict[str, Schema]) -> None:
    own = {key: value for key, value in model.schema().items() if key not in ("$schema", "$id")}
    inner = own.pop("$defs", {})
    for name, schema in {model.NAME: own, **{f"{model.NAME}-{name}": each for name, each in inner.items()}}.items():
        defs[name] = _renamed(schema)
    extensions = top["properties"]["extensions"]["anyOf"][0]["items"]
    extensions["allOf"] = [_if("name", model.NAME, {"$ref": f"#/$defs/{model.NAME}"})]


def _renamed(value: Any) -> Any:
    """`value` with its references to definitions under our extension's prefix."""
    if isinstance(value, dict):
        return {key: each.replace("#/$defs/", f"#/$defs/{model.NAME}-") if key == "$ref" else _renamed(each)
                for key, each in value.items()}  # fmt: skip
    return [_renamed(each) for each in value] if isinstance(value, list) else value


def _known(values: list[str], description: str) -> Schema:
    return {"anyOf": [{"enum": values}, {"type": "string", "pattern": r"\S"}], "description": description}


def _case(schema: Schema, value: str) -> Schema:
    """The schema that `schema` takes on when its deciding key has `value`."""
    found: Schema = next(
        each["then"]
        for each in schema["allOf"]
        if value in [part["const"] for part in each["if"]["properties"].values()]
    )
    return found


def _if(key: str, value: str, then: Schema) -> Schema:
    return {"if": {"type": "object", "properties": {key: {"const": value}}, "required": [key]}, "then": then}


@singledispatch
def _convert(_shape: shapes.Shape, _defs: Schema) -> Schema:
    """The schema of a shape; of what has a name, a reference to `_defs`, where it is put."""
    return {}


@_convert.register
def _(shape: shapes.Text, _defs: Schema) -> Schema:
    return {"type": "string"} if shape.may_be_empty else {"type": "string", "pattern": r"\S"}


@_convert.register
def _(shape: shapes.Number, _defs: Schema) -> Schema:
    limit = {} if shape.minimum is None else {"exclusiveMinimum" if shape.above else "minimum": shape.minimum}
    return {"type": "integer" if shape.whole else "number", **limit}


@_convert.register
def _(_shape: shapes.Boolean, _defs: Schema) -> Schema:
    return {"type": "boolean"}


@_convert.register
def _(_shape: shapes.Variable, _defs: Schema) -> Schema:
    return {"type": "string", "pattern": r"^\$\{[^}]*\}$"}


@_convert.register
def _(shape: shapes.Choice, _defs: Schema) -> Schema:
    return {"enum": list(shape.values)}


@_convert.register
def _(shape: shapes.ListOf, defs: Schema) -> Schema:
    length = {} if shape.length is None else {"minItems": shape.length, "maxItems": shape.length}
    return {"type": "array", "items": _convert(shape.item, defs), **length}


@_convert.register
def _(shape: shapes.MapOf, defs: Schema) -> Schema:
    return {"type": "object", "additionalProperties": _convert(shape.value, defs)}


@_convert.register
def _(shape: shapes.Keys, defs: Schema) -> Schema:
    schema: Schema = {"type": "object"}
    if shape.description:
        schema["description"] = shape.description
    schema["properties"] = {key.name: _key(key, defs) for key in shape.keys}
    if required := [key.name for key in shape.keys if key.required]:
        schema["required"] = required
    if not shape.open:
        schema |= {"patternProperties": {"^x-": {}}, "additionalProperties": False}
    return schema


@_convert.register
def _(shape: shapes.ByKey, defs: Schema) -> Schema:
    return {
        "type": "object",
        "required": [shape.on],
        "properties": {shape.on: {"enum": list(shape.cases)}},
        "allOf": [_if(shape.on, value, _convert(case, defs)) for value, case in shape.cases.items()],
    }


@_convert.register
def _(shape: shapes.Tagged, defs: Schema) -> Schema:
    cases = [_if(shape.on, value, _convert(case, defs)) for value, case in shape.cases.items()]
    if otherwise := _convert(shape.otherwise, defs):
        known = {"properties": {shape.on: {"enum": list(shape.cases)}}, "required": [shape.on]}
        cases.append({"if": {"type": "object", "not": known}, "then": otherwise})
    return {"allOf": cases}


@_convert.register
def _(shape: shapes.Either, defs: Schema) -> Schema:
    return {"anyOf": [_convert(each, defs) for each in shape.shapes]}


@_convert.register
def _(shape: shapes.WithKey, defs: Schema) -> Schema:
    then, otherwise = _convert(shape.then, defs), _convert(shape.otherwise, defs)
    return {"type": "object", "if": {"required": [shape.key]}, "then": then, "else": otherwise}


@_convert.register
def _(shape: shapes.Named, defs: Schema) -> Schema:
    if shape.name not in defs:
        defs[shape.name] = {}  # It may contain itself.
        defs[shape.name] = _convert(shape.look_up(), defs)
    return {"$ref": f"#/$defs/{shape.name}"}


def _key(key: shapes.Key, defs: Schema) -> Schema:
    schema = _convert(key.shape, defs)
    if key.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return {**schema, "description": key.description}
