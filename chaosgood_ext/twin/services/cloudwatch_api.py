"""The CloudWatch API: data points by period and statistic, metric alarms and their history.

Source: the Amazon CloudWatch API Reference,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html. moto keeps alarms and dashboards;
data points and history are ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.cloud.refusals import confined, lacking
from chaosgood_ext.twin.cloud.wire import AwsError
from chaosgood_ext.twin.services.cloudwatch_alarms import OPERATORS, TREATMENTS
from chaosgood_ext.twin.services.cloudwatch_store import Metric, Point, Store

if TYPE_CHECKING:
    from moto.cloudwatch.models import Alarm

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.cloud.wire import Call

Answer = Mapping[str, Any]

KNOWN: dict[str, frozenset[str]] = {
    action: frozenset(parameters)
    for action, parameters in {
        "DeleteAlarms": ("AlarmNames",),
        "DeleteDashboards": ("DashboardNames",),
        "DisableAlarmActions": ("AlarmNames",),
        "EnableAlarmActions": ("AlarmNames",),
        "PutDashboard": ("DashboardName", "DashboardBody"),
        "PutMetricAlarm": (
            "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
            "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period", "Unit",
            "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Tags",
        ),
        "PutMetricData": ("Namespace", "MetricData"),
        "SetAlarmState": ("AlarmName", "StateValue", "StateReason", "StateReasonData"),
        "TagResource": ("ResourceARN", "Tags"),
        "UntagResource": ("ResourceARN", "TagKeys"),
    }.items()
}  # fmt: skip

_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
_KEPT_EVENTS = 1000


@dataclass
class History:
    """What happened to alarms, the newest last; hold the tap's lock."""

    items: list[dict[str, Any]] = field(default_factory=list)

    def add(self, alarm: str, kind: str, summary: str, data: Mapping[str, Any]) -> None:
        """Add an item of kind ConfigurationUpdate, StateUpdate or Action."""
        self.items = self.items[-_KEPT_EVENTS:]
        self.items.append(
            {
                "AlarmName": alarm,
                "AlarmType": "MetricAlarm",
                "Timestamp": datetime.now(UTC),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": json.dumps({"version": "1.0", **data}),
            }
        )


class CloudWatchApi:
    """Answers for data points and alarms; `move` sets an alarm's state: its name, the state, the reason, its data."""

    def __init__(self, tap: Tap, state: State, store: Store, history: History) -> None:
        self._state = state
        self._store = store
        self._history = history
        self.move: Callable[[Alarm, str, str, str], None] = lambda *_: None
        tap.guard("cloudwatch", confined(KNOWN))
        for handler in (
            self.put_metric_data, self.get_metric_statistics, self.get_metric_data, self.list_metrics,
            self.put_metric_alarm, self.set_alarm_state, self.describe_alarm_history, self.delete_alarms,
        ):  # fmt: skip
            action = "".join(part.capitalize() for part in handler.__name__.split("_"))
            tap.handle("cloudwatch", action, handler)

    # -- data points

    def put_metric_data(self, call: Call) -> Answer:
        """Keep data points of somebody's own metrics."""
        namespace = str(call.parameters["Namespace"])
        if namespace.startswith("AWS/"):
            raise _invalid("The value AWS/ for parameter Namespace is invalid.")
        for datum in call.parameters.get("MetricData", ()):
            metric = Metric.of(namespace, str(datum["MetricName"]), _dimensions(datum))
            self._store.put(metric, _point(datum))
        return {}

    def get_metric_statistics(self, call: Call) -> Answer:
        """The statistics of a metric, one data point a period, in no order that could be relied on, as on AWS."""
        asked = call.parameters
        names = [*asked.get("Statistics", ()), *asked.get("ExtendedStatistics", ())]
        if not names:
            raise AwsError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
        begin, end = _span(asked)
        metric = Metric.of(str(asked["Namespace"]), str(asked["MetricName"]), _dimensions(asked))
        period = _period(int(asked["Period"]))
        points = self._store.periods(metric, begin, end, period, str(asked.get("Unit", "")))
        return {"Label": metric.name, "Datapoints": [_datapoint(call, point, names) for point in points]}

    def get_metric_data(self, call: Call) -> Answer:
        """The values of several metrics."""
        begin, end = _span(call.parameters)
        backwards = call.parameters.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in call.parameters.get("MetricDataQueries", ()):
            if "MetricStat" not in query:
                raise lacking(call, "metric math and Metrics Insights")
            if query.get("ReturnData", True):
                results.append(self._result(call, query, begin, end, backwards=backwards))
        return {"MetricDataResults": results, "Messages": []}

    def _result(self, call: Call, query: Mapping[str, Any], begin: float, end: float, *, backwards: bool) -> Answer:
        wanted = query["MetricStat"]
        metric = Metric.of(
            str(wanted["Metric"]["Namespace"]), str(wanted["Metric"]["MetricName"]), _dimensions(wanted["Metric"])
        )
        period, statistic = _period(int(wanted["Period"])), str(wanted["Stat"])
        points = self._store.periods(metric, begin, end, period, str(wanted.get("Unit", "")))
        if backwards:
            points.reverse()
        return {
            "Id": query["Id"],
            "Label": query.get("Label") or metric.name,
            "Timestamps": [datetime.fromtimestamp(point.time, UTC) for point in points],
            "Values": [_value(call, point, statistic) for point in points],
            "StatusCode": "Complete",
        }

    def list_metrics(self, call: Call) -> Answer:
        """The metrics that have data."""
        asked = call.parameters
        wanted = [(str(one["Name"]), one.get("Value")) for one in asked.get("Dimensions", ())]
        found = self._store.matching(str(asked.get("Namespace", "")), str(asked.get("MetricName", "")), wanted)
        begin = int(asked.get("NextToken") or 0)
        answer: dict[str, Any] = {"Metrics": [_told(metric) for metric in found[begin : begin + 500]]}
        if begin + 500 < len(found):
            answer["NextToken"] = str(begin + 500)
        return answer

    # -- alarms

    def put_metric_alarm(self, call: Call) -> Answer:
        """Create an alarm in INSUFFICIENT_DATA, or change one, whose state stays until it is evaluated."""
        asked, backend = call.parameters, self._state.cloudwatch
        _check_alarm(call, asked)
        name = str(asked["AlarmName"])
        before = backend.alarms.get(name)
        alarm = backend.put_metric_alarm(
            name=name,
            namespace=asked["Namespace"],
            metric_name=asked["MetricName"],
            comparison_operator=asked["ComparisonOperator"],
            evaluation_periods=int(asked["EvaluationPeriods"]),
            datapoints_to_alarm=asked.get("DatapointsToAlarm"),
            period=int(asked["Period"]),
            threshold=float(asked["Threshold"]),
            statistic=asked.get("Statistic", ""),
            extended_statistic=asked.get("ExtendedStatistic"),
            description=asked.get("AlarmDescription", ""),
            dimensions=list(asked.get("Dimensions", ())),
            alarm_actions=list(asked.get("AlarmActions", ())),
            ok_actions=list(asked.get("OKActions", ())),
            insufficient_data_actions=list(asked.get("InsufficientDataActions", ())),
            unit=asked.get("Unit"),
            actions_enabled=asked.get("ActionsEnabled", True),
            treat_missing_data=asked.get("TreatMissingData"),
            tags=list(asked.get("Tags", ())),
        )
        for told, parameter in (("statistic", "Statistic"), ("description", "AlarmDescription")):
            setattr(alarm, told, asked.get(parameter))
        alarm.state_value = "INSUFFICIENT_DATA"
        if before is not None:
            for kept in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp"):
                setattr(alarm, kept, getattr(before, kept))
        done = "updated" if before is not None else "created"
        self._history.add(name, "ConfigurationUpdate", f'Alarm "{name}" {done}', {"type": done.title()[:-1]})
        return {}

    def set_alarm_state(self, call: Call) -> Answer:
        """Set the state of an alarm until its next evaluation."""
        asked = call.parameters
        alarm = self._state.cloudwatch.alarms.get(str(asked["AlarmName"]))
        if alarm is None:
            raise AwsError("ResourceNotFound", "Unknown", 404)
        if asked["StateValue"] not in _STATES:
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{asked['StateValue']}' at 'stateValue' failed to satisfy "
                "constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
            )
        self.move(alarm, str(asked["StateValue"]), str(asked["StateReason"]), str(asked.get("StateReasonData", "")))
        return {}

    def delete_alarms(self, call: Call) -> None:
        """Let moto delete alarms, and note it."""
        for name in call.parameters.get("AlarmNames", ()):
            if name in self._state.cloudwatch.alarms:
                self._history.add(str(name), "ConfigurationUpdate", f'Alarm "{name}" deleted', {"type": "Delete"})

    def describe_alarm_history(self, call: Call) -> Answer:
        """What happened to alarms, the newest first unless asked otherwise."""
        asked = call.parameters
        begin, end = (asked[key].timestamp() if key in asked else None for key in ("StartDate", "EndDate"))
        found = [
            item
            for item in self._history.items
            if asked.get("AlarmName") in (None, item["AlarmName"])
            and asked.get("HistoryItemType") in (None, item["HistoryItemType"])
            and (begin is None or item["Timestamp"].timestamp() >= begin)
            and (end is None or item["Timestamp"].timestamp() <= end)
        ]
        if asked.get("ScanBy", "TimestampDescending") == "TimestampDescending":
            found.reverse()
        start, count = int(asked.get("NextToken") or 0), int(asked.get("MaxRecords", 100))
        answer: dict[str, Any] = {"AlarmHistoryItems": found[start : start + count]}
        if start + count < len(found):
            answer["NextToken"] = str(start + count)
        return answer


def _check_alarm(call: Call, asked: Mapping[str, Any]) -> None:
    for name in ("Namespace", "MetricName", "Period", "EvaluationPeriods", "Threshold", "ComparisonOperator"):
        if name not in asked:
            raise AwsError("ValidationError", f"The parameter {name} must be specified for a metric alarm")
    if ("Statistic" in asked) == ("ExtendedStatistic" in asked):
        raise AwsError("InvalidParameterCombination", "Must specify either Statistic or ExtendedStatistic, not both")
    if asked["ComparisonOperator"] not in OPERATORS:
        raise lacking(call, f"the comparison {asked['ComparisonOperator']}")
    if asked.get("TreatMissingData", "missing") not in TREATMENTS:
        raise AwsError(
            "ValidationError",
            f"Option {asked['TreatMissingData']} is not supported. Supported options for parameter TreatMissingData "
            "are breaching, notBreaching, ignore and missing.",
        )
    periods, least = int(asked["EvaluationPeriods"]), int(asked.get("DatapointsToAlarm") or 1)
    if not 1 <= least <= periods:
        raise AwsError("ValidationError", "DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    _period(int(asked["Period"]))
    for kind in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        for action in asked.get(kind, ()):
            if not str(action).startswith("arn:aws:sns:"):
                raise lacking(call, f"the action {action}")


def _point(datum: Mapping[str, Any]) -> Point:
    when = datum["Timestamp"].replace(tzinfo=UTC).timestamp() if "Timestamp" in datum else time.time()
    unit = str(datum.get("Unit", "None"))
    if "StatisticValues" in datum:
        said = datum["StatisticValues"]
        total, count = float(said["Sum"]), float(said["SampleCount"])
        return Point(when, total, count, float(said["Minimum"]), float(said["Maximum"]), (), unit)
    values = [float(value) for value in datum.get("Values", ())] or [float(datum.get("Value", 0.0))]
    counts = [int(count) for count in datum.get("Counts", ())] or [1] * len(values)
    if len(counts) != len(values):
        raise _invalid("The parameters Values and Counts must be of the same size.")
    samples = [value for value, count in zip(values, counts, strict=True) for _ in range(count)]
    if not samples:
        raise _invalid("The parameter Counts must not be 0 for all Values.")
    return Point.of(when, samples, unit)


def _span(asked: Mapping[str, Any]) -> tuple[float, float]:
    begin, end = (asked[key].replace(tzinfo=UTC).timestamp() for key in ("StartTime", "EndTime"))
    if begin >= end:
        raise _invalid("The parameter StartTime must be less than the parameter EndTime.")
    return begin, end


def _period(period_s: int) -> int:
    if period_s not in (1, 5, 10, 20, 30) and (period_s < 1 or period_s % 60):
        raise _invalid("The parameter Period must be 1, 5, 10, 20, 30, or a multiple of 60.")
    return period_s


def _datapoint(call: Call, point: Point, names: Iterable[str]) -> Answer:
    told: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(point.time, UTC), "Unit": point.unit}
    extended: dict[str, Any] = {}
    for name in names:
        (told if name in _STATISTICS else extended)[name] = _value(call, point, name)
    return {**told, "ExtendedStatistics": extended} if extended else told


def _value(call: Call, point: Point, statistic: str) -> float:
    value = point.statistic(statistic)
    if value is None:
        raise lacking(call, f"the statistic {statistic}")
    return value


def _dimensions(asked: Mapping[str, Any]) -> dict[str, str]:
    return {str(one["Name"]): str(one["Value"]) for one in asked.get("Dimensions") or ()}


def _told(metric: Metric) -> Answer:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
