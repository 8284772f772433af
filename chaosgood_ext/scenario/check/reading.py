"""Reads a file in bounded time and memory, whatever is in it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from chaosgood_ext.errors import BadInput
from chaosgood_ext.scenario.check.document import MAX_BYTES, Document, Refused

SUFFIXES = (".yaml", ".yml", ".json")
"""What chaoslib reads experiments from (chaoslib/loader.py)."""

# What YAML 1.1 calls printable (section 5.1); a byte order mark in front is let through, as chaoslib does.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(path: Path) -> Document:
    """The document in the file at `path`.

    Raises :class:`BadInput` for a file that cannot be opened, and :class:`Refused` for one that is no YAML or
    JSON, or that is made to exhaust who reads it.
    """
    text = _text(_bytes(path))
    if path.suffix == ".json":
        from chaosgood_ext.scenario.check.json_nodes import parse
    else:
        from chaosgood_ext.scenario.check.yaml_nodes import parse
    return Document(parse(text))


def _bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInput(f"{path} is no file.", "Name a file or a folder.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as cause:
        raise BadInput(f"There is no {path}.", "Name a file or a folder that is there.") from cause
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else cause
        raise BadInput(f"{path} cannot be read: {reason}.", "Name a file that you may read.") from cause
    if len(content) > MAX_BYTES:
        raise Refused("too-large", f"the file is larger than {MAX_BYTES // 1024} KiB, so it is not read")
    return content


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as cause:
        line, column = _place(content[: cause.start].decode("utf-8", "replace"), -1)
        raise Refused("not-text", "this is not text in UTF-8", line, column) from cause
    if found := _UNPRINTABLE.search(text):
        line, column = _place(text, found.start())
        raise Refused("not-text", f"the character U+{ord(found.group()):04X} cannot be in a text", line, column)
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    index = len(text) if index < 0 else index
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
