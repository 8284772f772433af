"""What a host of a tier finds on its disk, out of `stack/`: the files that AWS gets, less the stated overrides."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from chaosgood_ext.errors import BadInput
from chaosgood_ext.twin.hosts.model import Unit
from chaosgood_ext.twin.hosts.units import parse

logger = logging.getLogger(__name__)

STACK = Path(__file__).resolve().parents[2] / "stack"
_UNITS = "/etc/systemd/system/"


@dataclass(frozen=True)
class Disk:
    """The files (absolute path → text) and the units of a tier."""

    files: dict[str, str]
    units: tuple[Unit, ...]


def disk_of(tier: str, *, with_common: bool, stack: Path = STACK) -> Disk:
    """Read `stack/common` (for an EC2 instance) and `stack/<tier>`, with `twin-overrides.json` applied.

    Raises :class:`BadInput` when an override does not match its file exactly once.
    """
    overrides = json.loads((stack / "twin-overrides.json").read_text())
    files: dict[str, str] = {}
    for folder in (["common"] if with_common else []) + ([tier] if tier else []):
        root = stack / folder / "etc"
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(stack / folder)
            override = overrides.get(f"{folder}/{relative}", [])
            if path.is_file() and not _disabled(override):
                files[f"/{relative}"] = _replaced(f"{folder}/{relative}", path.read_text(), override)
    units = tuple(
        parse(Path(path).stem, text)
        for path, text in files.items()
        if path.startswith(_UNITS) and path.endswith(".service")
    )
    return Disk(files, units)


def units_in(root: Path) -> list[Unit]:
    """The units in `/etc/systemd/system` of the host whose `/` is `root`; one that cannot be read is logged, as systemd
    does, and left out.
    """
    units = []
    for path in sorted((root / _UNITS.strip("/")).glob("*.service")):
        try:
            units.append(parse(path.stem, path.read_text()))
        except (OSError, BadInput) as problem:
            logger.warning("unit %s is not started: %s", path.name, problem)
    return units


def _disabled(override: object) -> bool:
    return isinstance(override, dict) and bool(override.get("disable"))


def _replaced(name: str, text: str, override: object) -> str:
    for change in override if isinstance(override, list) else []:
        if text.count(change["find"]) != 1:
            raise BadInput(f"twin-overrides.json: {name}: {change['find']!r} does not stand there exactly once.")
        text = text.replace(change["find"], change["replace"])
    return text
