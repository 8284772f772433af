"""What users get, as raw counts: turns samples of Prometheus into intervals with bad and total requests.

Ratios over a window say late that an outage ended; counts say it with the next scrape.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Source(StrEnum):
    """Who met the application: the constant-rate prober, or everybody who came through the web tier."""

    PROBER = "prober"
    TRAFFIC = "traffic"


@dataclass(frozen=True)
class Interval:
    """`bad` of `total` requests failed between `start` and `end` (seconds since the epoch)."""

    source: Source
    start: float
    end: float
    bad: float
    total: float


@dataclass(frozen=True)
class Series:
    """Samples of one series: its labels, and (seconds since the epoch, value) in order of time."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


def series_of(matrix: Iterable[Mapping[str, Any]]) -> list[Series]:
    """The series in the `result` of a Prometheus query whose type is `matrix`.

    https://prometheus.io/docs/prometheus/latest/querying/api/#range-vectors
    """
    return [Series(one["metric"], [(float(time), float(value)) for time, value in one["values"]]) for one in matrix]


@dataclass
class Reader:
    """Turns what was newly scraped into intervals; each sample counts once, however often it is read."""

    _last: dict[tuple[tuple[str, str], ...], tuple[float, float]] = field(default_factory=dict)

    def prober(self, series: Iterable[Series]) -> list[Interval]:
        """One interval a probe: `probe_success` is 1 or 0."""
        return [
            Interval(Source.PROBER, start, end, bad=0.0 if value else 1.0, total=1.0)
            for _, start, _, end, value in self._fresh(series)
        ]

    def traffic(self, series: Iterable[Series]) -> list[Interval]:
        """One interval a scrape of a counter of requests; those with the label `status` 5xx are bad.

        A counter that went down was reset by a restart and counts from zero.
        """
        intervals = []
        for labels, start, before, end, value in self._fresh(series):
            total = value - before if value >= before else value
            bad = total if labels.get("status") == "5xx" else 0.0
            intervals.append(Interval(Source.TRAFFIC, start, end, bad, total))
        return intervals

    def _fresh(self, series: Iterable[Series]) -> Iterable[tuple[Mapping[str, str], float, float, float, float]]:
        for one in series:
            key = tuple(sorted(one.labels.items()))
            for time, value in one.samples:
                last = self._last.get(key)
                if last is not None and time > last[0]:
                    yield one.labels, last[0], last[1], time, value
                if last is None or time > last[0]:
                    self._last[key] = (time, value)
