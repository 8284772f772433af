"""Probes that misbehave."""

from __future__ import annotations

import os
from pathlib import Path


def number_at_first_then_none() -> int | None:
    """A number until the fault is in, then None: against a range, Chaos Toolkit raises."""
    games = Path(os.environ["CHAOSGOOD_GAME"])
    return None if "chaosgood.fault.injected" in (games / "events.jsonl").read_text() else 1
