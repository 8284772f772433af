"""CloudWatch: statistics by period, alarms as in the tables of the user guide, and what a line of a log counts as."""

from __future__ import annotations

import pytest

from chaosgood_ext.twin.services.cloudwatch_alarms import Rule, evaluate
from chaosgood_ext.twin.services.cloudwatch_sources import requests
from chaosgood_ext.twin.services.cloudwatch_store import Metric, Point, Store

METRIC = Metric.of("Shop", "Latency", {"tier": "web"})
GROUP = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1"


def test_a_period_has_the_statistics_of_all_its_samples_and_begins_where_periods_begin() -> None:
    store = Store()
    store.put(METRIC, Point.of(119, [1.0]))
    store.put(METRIC, Point.of(121, [2.0, 4.0]))
    store.put(METRIC, Point.of(150, [6.0]))
    first, second = store.periods(METRIC, 100, 200, 60)
    assert (first.time, second.time) == (60, 120)
    told = {name: second.statistic(name) for name in ("Sum", "SampleCount", "Average", "Minimum", "Maximum", "p50")}
    assert told == {"Sum": 12, "SampleCount": 3, "Average": 4, "Minimum": 2, "Maximum": 6, "p50": 4}
    assert second.statistic("TM(10%:90%)") is None


def test_a_metric_is_all_its_dimensions() -> None:
    store = Store()
    store.put(METRIC, Point.of(1, [1.0]))
    assert store.periods(Metric("Shop", "Latency"), 0, 10, 5) == []
    assert store.matching("Shop", "", [("tier", None)]) == [METRIC]
    assert store.matching("Shop", "", [("tier", "app")]) == []


def test_points_that_are_too_old_are_forgotten() -> None:
    store = Store()
    store.put(METRIC, Point.of(0, [1.0]))
    store.put(METRIC, Point.of(4 * 3600, [2.0]))
    assert [point.total for point in store.series[METRIC]] == [2.0]


STAYS = "stays"

# "Configuring how CloudWatch alarms treat missing data": X is breaching, 0 is not, - is missing;
# then the states with missing data treated as missing, ignore, breaching and notBreaching.
THREE_OF_THREE = [
    ("0-X-X", "OK", "OK", "OK", "OK"),
    ("0----", "OK", "OK", "OK", "OK"),
    ("-----", "INSUFFICIENT_DATA", STAYS, "ALARM", "OK"),
    ("0XX-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("--X--", "ALARM", STAYS, "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0-X-X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("00X0X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0-X--", "OK", "OK", "ALARM", "OK"),
    ("----0", "OK", "OK", "ALARM", "OK"),
    ("---X-", "ALARM", STAYS, "ALARM", "OK"),
]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


def state(picture: str, to_alarm: int, treatment: str) -> str:
    values = {"X": (0.0, 2.0), "0": (0.0, 0.0), "-": None}
    rule = Rule("GreaterThanThreshold", 1.0, 3, to_alarm, treatment)
    found = evaluate(rule, [values[mark] for mark in picture])
    return found.state if found else STAYS


@pytest.mark.parametrize("row", THREE_OF_THREE)
def test_three_of_three(row: tuple[str, ...]) -> None:
    assert tuple(state(row[0], 3, treatment) for treatment in TREATMENTS) == row[1:]


@pytest.mark.parametrize("row", TWO_OF_THREE)
def test_two_of_three(row: tuple[str, ...]) -> None:
    assert tuple(state(row[0], 2, treatment) for treatment in TREATMENTS) == row[1:]


def test_the_reason_names_the_values_and_the_threshold() -> None:
    found = evaluate(Rule("GreaterThanThreshold", 1.0, 1, 1), [None, None, (0.0, 3.0)])
    assert found
    assert found.reason == (
        "Threshold Crossed: 1 out of the last 1 datapoints [3.0 (01/01/70 00:00:00)] was greater than the threshold "
        "(1.0) (minimum 1 datapoint for OK -> ALARM transition)."
    )


def entry(
    status: int, target: str = "10.0.10.5:80", answered: str = "0.010", connected: str = "0.001"
) -> dict[str, object]:
    return {
        "elb_status_code": status,
        "target_status_code": str(status),
        "target": target,
        "target_group_arn": GROUP,
        "target_header_time": answered,
        "target_connect_time": connected,
    }


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        (entry(200), {"RequestCount", "HTTPCode_Target_2XX_Count"}),
        (entry(503), {"RequestCount", "HTTPCode_Target_5XX_Count"}),
        (
            entry(502, answered="-", connected="-"),
            {"RequestCount", "TargetConnectionErrorCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_502_Count"},
        ),
        (entry(504, answered="-"), {"RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_504_Count"}),
        (entry(503, target="", answered="", connected=""), {"HTTPCode_ELB_5XX_Count", "HTTPCode_ELB_503_Count"}),
    ],
)
def test_an_answer_counts_as_the_target_s_or_the_load_balancer_s(line: dict[str, object], counted: set[str]) -> None:
    samples = requests("app/edge/1", [line])
    whole = {metric.name: values for metric, values, _ in samples if len(metric.dimensions) == 1}
    assert whole.pop("TargetResponseTime", [0.010]) == [0.010]
    assert set(whole) == counted
    assert all(values == [1] for values in whole.values())
    groups = {metric.name for metric, _, _ in samples if len(metric.dimensions) == 2}
    assert not any(name.startswith("HTTPCode_ELB") for name in groups)
