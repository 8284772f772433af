"""CloudWatch's data points: kept by metric, told by period and statistic.

Source: "CloudWatch concepts" in the Amazon CloudWatch User Guide,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html: a metric is a name in a
namespace with all its dimensions; periods are aligned; a statistic is that of all samples in a period.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

KEPT_S = 3 * 3600.0
"""How long data points are kept here; AWS keeps them for 3 hours to 15 months, by their resolution."""

_SAMPLES = 10_000


@dataclass(frozen=True)
class Metric:
    """A metric; `dimensions` are (name, value) pairs in order of their names."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """Make a metric of dimensions in any order."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))


@dataclass(frozen=True)
class Point:
    """The samples of a metric that belong to `time` (seconds since the epoch); `samples` as far as they are known."""

    time: float
    total: float
    count: float
    low: float
    high: float
    samples: tuple[float, ...] = ()
    unit: str = "None"

    @classmethod
    def of(cls, time: float, samples: Sequence[float], unit: str = "None") -> Point:
        """Make one of samples, of which there is at least one."""
        kept = tuple(samples[:_SAMPLES])
        return cls(time, math.fsum(samples), len(samples), min(samples), max(samples), kept, unit)

    def merged(self, other: Point) -> Point:
        """Return the point of both samples, at the time of this one."""
        return replace(
            self,
            total=self.total + other.total,
            count=self.count + other.count,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            samples=(self.samples + other.samples)[:_SAMPLES],
        )

    def statistic(self, name: str) -> float | None:
        """Return SampleCount, Average, Sum, Minimum, Maximum or a percentile ("p99"); None for any other."""
        plain = {"SampleCount": self.count, "Sum": self.total, "Minimum": self.low, "Maximum": self.high}
        if name == "Average":
            return self.total / self.count if self.count else 0.0
        return plain[name] if name in plain else self._percentile(name)

    def _percentile(self, name: str) -> float | None:
        try:
            share = float(name.removeprefix("p")) / 100
        except ValueError:
            return None
        if not name.startswith("p") or not 0 <= share <= 1 or not self.samples:
            return None
        ordered = sorted(self.samples)
        place = share * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclass
class Store:
    """All metrics; hold the tap's lock."""

    series: dict[Metric, deque[Point]] = field(default_factory=dict)

    def put(self, metric: Metric, point: Point) -> None:
        """Keep a data point, and forget what is too old."""
        points = self.series.setdefault(metric, deque())
        points.append(point)
        while points and points[0].time < point.time - KEPT_S:
            points.popleft()

    def periods(self, metric: Metric, begin: float, end: float, period_s: float, unit: str = "") -> list[Point]:
        """Return one point a period from `begin` to before `end`, at the period's beginning; none where nothing was."""
        found: dict[float, Point] = {}
        for point in self._between(metric, math.floor(begin / period_s) * period_s, end):
            if unit and point.unit != unit:
                continue
            at = math.floor(point.time / period_s) * period_s
            found[at] = found[at].merged(point) if at in found else replace(point, time=at)
        return [found[at] for at in sorted(found)]

    def matching(self, namespace: str, name: str, dimensions: Iterable[tuple[str, str | None]]) -> list[Metric]:
        """Return the metrics with that namespace and name, where given, and at least these dimensions."""
        wanted = list(dimensions)
        return [
            metric
            for metric in self.series
            if namespace in ("", metric.namespace)
            and name in ("", metric.name)
            and all(any(k == key and v in (None, value) for key, value in metric.dimensions) for k, v in wanted)
        ]

    def _between(self, metric: Metric, begin: float, end: float) -> Iterator[Point]:
        return (point for point in self.series.get(metric, ()) if begin <= point.time < end)
