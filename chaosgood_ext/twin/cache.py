"""The one folder outside a clone that Chaotic Good writes to: what can be fetched again, which twins run."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """The cache folder, which may not exist yet.

    `$CHAOSGOOD_CACHE` when it is set, else `chaosgood` in the user's cache folder (XDG Base Directory
    Specification).
    """
    if own := os.environ.get("CHAOSGOOD_CACHE"):
        return Path(own).absolute()
    home = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a relative path in it is invalid and to be ignored.
    base = Path(home) if home.startswith("/") else Path.home() / ".cache"
    return base / "chaosgood"
