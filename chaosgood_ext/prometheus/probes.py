"""Typed tolerances for chaosprometheus, whose answers are raw JSON with numbers as text."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["values_within"]


def values_within(value: Any = None, minimum: float | None = None, maximum: float | None = None) -> bool:
    """Whether `value`, an answer of Prometheus, holds values and all are within the bounds, which are included.

    For use as a tolerance: Chaos Toolkit hands the answer in as `value`. No value, one that is no number, or no
    answer at all is out of tolerance, never an error: one that raises ends the run before its rollbacks.
    """
    try:
        numbers = [float(one["value"][1]) for one in value["data"]["result"]]
    except (TypeError, KeyError, IndexError, ValueError):
        return False
    low = -math.inf if minimum is None else minimum
    high = math.inf if maximum is None else maximum
    return bool(numbers) and all(low <= number <= high for number in numbers)
