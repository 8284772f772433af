"""The schema of terraform's AWS provider, read from the provider's published TypeScript bindings.

The bindings are generated from the provider's own schema. What they lack is which values are allowed, so a check
against this schema finds wrong names, types and references and missing arguments, not wrong values.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_SCALARS = {"string": "string", "number": "number", "boolean": "bool", "any": "string"}
_GETTERS = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
    "AnyMap": ["map", "string"],
}
_INTERFACE = re.compile(r"^export interface (\w+)[^{]*\{(.*?)^\}", re.M | re.S)
_FIELD = re.compile(r"readonly (\w+)(\??):")
_TO_HCL = re.compile(r"^function (\w+)ToHclTerraform\(struct\) \{(.*?)^\}", re.M | re.S)
_ATTRIBUTE = re.compile(
    r'^\s+"?([\w-]+)"?: \{\s+value: .*?,\s+isBlock: (?:true|false),\s+type: "(\w+)",\s+storageClassType: "(\w+)",',
    re.M | re.S,
)
_MAIN = re.compile(r"^class (\w+) extends cdktf\.Terraform(?:Resource|DataSource|Provider) \{", re.M)
_OWN = re.compile(r"synthesizeHclAttributes\(\) \{(.*?)^    \}", re.M | re.S)
_CLASS = re.compile(
    r"^class (\w+) extends cdktf\.(?:ComplexObject|TerraformResource|TerraformDataSource|TerraformProvider) "
    r"\{(.*?)^\}",
    re.M | re.S,
)
_GETTER = re.compile(rf"(tolist\()?this\.get({'|'.join(_GETTERS)})Attribute\('([\w-]+)'\)")
_MAP = re.compile(r'new cdktf\.(String|Number|Boolean|Any)Map\(this, "(\w+)"\)')
_NESTED = re.compile(r'new (\w+?)(List|Map|OutputReference)\(this, "([\w-]+)"(?:, (true|false))?\)')
_FOLDER = re.compile(r"package/lib/([\w-]+)/index\.(js|d\.ts)")


def read(bindings: Path, resources: set[str], data: set[str]) -> Json:
    """Return `{"provider": block, "resources": {type: block}, "data": {type: block}}` of the types named.

    `bindings` is the tarball as npm packs it. A block is `{"attributes": {name: {"type", "flag"}}, "blocks": {name:
    {"kind", "required", "block"}}}`, types in terraform's own JSON, `flag` one of required, optional and computed.
    A type that the bindings do not know is left out.
    """
    folders = {"provider": ("provider", "")}
    folders |= {_folder(kind): ("resources", kind) for kind in resources}
    folders |= {f"data-aws-{_folder(kind)}": ("data", kind) for kind in data}
    schema: Json = {"provider": {}, "resources": {}, "data": {}}
    for folder, script, declarations in _sources(bindings, set(folders)):
        section, kind = folders[folder]
        block = _Bindings(script, declarations).block()
        if section == "provider":
            schema["provider"] = block
        else:
            schema[section][kind] = block
    return schema


def _folder(kind: str) -> str:
    return kind.removeprefix("aws_").replace("_", "-")


def _sources(bindings: Path, folders: set[str]) -> Iterator[tuple[str, str, str]]:
    texts: dict[str, dict[str, str]] = {}
    with tarfile.open(bindings) as archive:
        for member in archive:
            found = _FOLDER.fullmatch(member.name)
            file = archive.extractfile(member) if found and found[1] in folders else None
            if found and file:
                texts.setdefault(found[1], {})[found[2]] = file.read().decode()
    for folder, text in texts.items():
        yield folder, text["js"], text["d.ts"]


class _Bindings:
    """The bindings of one resource: JavaScript says types and nesting, the declarations what is required."""

    def __init__(self, script: str, declarations: str) -> None:
        main = _MAIN.search(script)
        assert main is not None
        own = _OWN.search(script, main.start())
        self._name = main[1]
        self._arguments = _ATTRIBUTE.findall(own[1]) if own else []
        self._structs = {
            found[1][0].upper() + found[1][1:]: _ATTRIBUTE.findall(found[2]) for found in _TO_HCL.finditer(script)
        }
        self._required = {
            found[1]: {name.lower() for name, optional in _FIELD.findall(found[2]) if not optional}
            for found in _INTERFACE.finditer(declarations)
        }
        self._results = {found[1]: self._read_results(found[2]) for found in _CLASS.finditer(script)}

    def block(self) -> Json:
        return self._block(self._arguments, f"{self._name}Config", self._name)

    def _block(self, arguments: list[tuple[str, str, str]], interface: str, results: str) -> Json:
        required = self._required.get(interface, set())
        block: Json = {"attributes": {}, "blocks": {}}
        known = self._results.get(results, {})
        for name, nesting, storage in arguments:
            # The bindings spell a name in camel case, from which the underscores cannot be told.
            needed = name.replace("_", "") in required
            kind = _attribute_type(storage, nesting)
            if kind is None:
                struct = next(s for s in (storage, re.sub("(List|Map)$", "", storage)) if s in self._structs)
                nested = self._block(self._structs[struct], struct, f"{struct}OutputReference")
                block["blocks"][name] = {"kind": nesting, "required": needed, "block": nested}
            else:
                flag = "required" if needed else "both" if name in known else "optional"
                block["attributes"][name] = {"type": kind, "flag": flag}
        for name, kind in known.items():
            if name not in block["attributes"] and name not in block["blocks"]:
                block["attributes"][name] = {"type": self._type(kind), "flag": "computed"}
        return block

    @staticmethod
    def _read_results(body: str) -> Json:
        results: Json = {}
        for as_set, getter, name in _GETTER.findall(body):
            results[name] = ["set", "string"] if as_set else _GETTERS[getter]
        for kind, name in _MAP.findall(body):
            results[name] = ["map", _SCALARS[kind.lower()]]
        for struct, nesting, name, as_set in _NESTED.findall(body):
            results[name] = (struct, nesting, as_set == "true")
        return results

    def _type(self, kind: Any) -> Any:
        """Return terraform's type of a result, which may be a struct's."""
        if not isinstance(kind, tuple):
            return kind
        struct, nesting, as_set = kind
        fields = self._results.get(f"{struct}OutputReference", {})
        whole = ["object", {name: self._type(field) for name, field in fields.items()}]
        return {"List": ["set" if as_set else "list", whole], "Map": ["map", whole]}.get(nesting, whole)


def _attribute_type(storage: str, nesting: str) -> Any:
    """Return terraform's type of an argument, or None where it is a block."""
    found = re.fullmatch(r"(string|number|boolean|any)(List|Map|ListList|MapList)?", storage)
    if not found:
        return None
    scalar = _SCALARS[found[1]]
    return {
        None: scalar,
        "List": ["set" if nesting == "set" else "list", scalar],
        "Map": ["map", scalar],
        "ListList": ["list", ["list", scalar]],
        "MapList": ["list", ["map", scalar]],
    }[found[2]]
