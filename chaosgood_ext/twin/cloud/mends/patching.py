"""How a patch is put on a class or a module of moto's, and taken off again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_undo: list[Callable[[], None]] = []


def replace(owner: Any, name: str, patch: Any) -> Any:
    """Set `owner.name` to `patch` and return what was there; fails when moto no longer has that name.

    A patch of a name that is gone would do nothing, and nobody would notice.
    """
    original = getattr(owner, name)
    _set(owner, name, patch)
    return original


def derive(owner: type, name: str, patch: Any, write: Any = lambda _self, _value: None) -> None:
    """Make the instance attribute `name` a property that is worked out by `patch`; what moto assigns goes to `write`.

    By default it is dropped.
    """
    _set(owner, name, property(patch, write))


def undo() -> None:
    """Take off every patch, the last one first."""
    while _undo:
        _undo.pop()()


def _set(owner: Any, name: str, value: Any) -> None:
    if name in vars(owner):
        before = vars(owner)[name]
        _undo.append(lambda: setattr(owner, name, before))
    else:  # inherited, or an attribute of instances only
        _undo.append(lambda: delattr(owner, name))
    setattr(owner, name, value)
