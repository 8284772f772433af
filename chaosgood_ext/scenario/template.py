"""What a new scenario starts from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from chaosgood_ext.errors import BadInput

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SCHEMA = Path("schemas", "experiment.schema.json")


def write(name: str, folder: Path, switches: Mapping[str, object]) -> Path:
    """Write a scenario called `name` into `folder`, and return its path.

    `switches` are the game's, with their defaults. The file starts with the line by which editors find the schema,
    where the schema is found at `schemas/` in one of the folders above. Raises :class:`BadInput` for a name that is
    no name, and where the file is there already or cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > 60:
        raise BadInput(
            f"{name!r} cannot be a scenario's name.", "Use lower-case letters, digits and dashes: disk-full."
        )
    path = folder / f"{name}.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text(name, path, switches))
    except OSError as cause:
        if path.exists():
            raise BadInput(f"{path} is there already.", "Choose another name.") from cause
        raise BadInput(f"{path} cannot be written: {cause.strerror}.", "Choose another folder.") from cause
    return path


def text(name: str, path: Path, switches: Mapping[str, object]) -> str:
    """What a scenario called `name` says that is to be at `path`."""
    template = files(__package__).joinpath("template.yaml").read_text(encoding="utf-8")
    declared = "\n".join(f"  {switch}: {declaration(switch, default)}" for switch, default in switches.items())
    filled = {"  # @SWITCHES@": declared, "@NAME@": name, "@FILE@": str(path)}
    for mark, value in filled.items():
        template = template.replace(mark, value)
    return _modeline(path) + template


def variable_of(switch: str) -> str:
    """The environment variable that sets a switch of the game."""
    return f"CHAOSGOOD_{switch.upper()}"


def declaration(switch: str, default: object) -> str:
    """How a scenario's configuration declares a switch of the game, in YAML."""
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    shown = default if default != "" else '""'
    return f"{{type: env, key: {variable_of(switch)}, default: {shown}}}"


def _modeline(path: Path) -> str:
    for above in path.absolute().parents:
        if (above / _SCHEMA).is_file():
            schema = os.path.relpath(above / _SCHEMA, path.absolute().parent)
            return f"# yaml-language-server: $schema={schema}\n"
    return ""
