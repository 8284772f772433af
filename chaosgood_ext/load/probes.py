"""What can be asked about the load of users."""

from __future__ import annotations

from chaosgood_ext.load.process import current, left_behind

__all__ = ["load_is_offered"]


def load_is_offered() -> bool:
    """Return whether Locust is running and has made requests."""
    load = current() or left_behind()
    return load is not None and load.requests() > 0
