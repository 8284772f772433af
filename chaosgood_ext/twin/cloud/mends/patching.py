"""How a patch is put on a class or a module of moto's."""

from __future__ import annotations

from typing import Any


def replace(owner: Any, name: str, patch: Any) -> Any:
    """Set `owner.name` to `patch` and return what was there; fails when moto no longer has that name.

    A patch of a name that is gone would do nothing, and nobody would notice.
    """
    original = getattr(owner, name)
    setattr(owner, name, patch)
    return original


def derive(owner: type, name: str, patch: Any) -> None:
    """Make the instance attribute `name` a property that is worked out by `patch`; what moto assigns is dropped."""
    setattr(owner, name, property(patch, lambda _self, _value: None))
