"""The checks: one function each, found by its id."""

from __future__ import annotations

from chaosgood_ext.scenario.check.rules import (
    activities,
    configuration,
    controls,
    hypothesis,
    python,
    scenario,
    shape,
    variables,
)
from chaosgood_ext.scenario.check.rules.registry import CHECKS, READING, Check, Strictness

__all__ = [
    "CHECKS",
    "READING",
    "Check",
    "Strictness",
    "activities",
    "configuration",
    "controls",
    "hypothesis",
    "python",
    "scenario",
    "shape",
    "variables",
]
