"""CloudWatch: data points of what happens here, and alarms that are evaluated on them.

A minute of CloudWatch is a minute divided by the time scale: data points come that often, and an alarm's period is
shortened as much. Timestamps and the periods of GetMetricStatistics and GetMetricData are those of the clock.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from chaosgood_ext.twin.services.cloudwatch_alarms import RANGE_BEYOND, Rule, evaluate
from chaosgood_ext.twin.services.cloudwatch_api import CloudWatchApi, History
from chaosgood_ext.twin.services.cloudwatch_store import Metric, Point, Store

if TYPE_CHECKING:
    from moto.cloudwatch.models import Alarm

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.services.cloudwatch_sources import Sources

log = logging.getLogger(__name__)

RESOLUTION_S = 60.0
"""How often AWS's own metrics have a data point there."""


class CloudWatch:
    """Publishes what the sources have collected and evaluates alarms."""

    name = "cloudwatch"

    def __init__(self, tap: Tap, state: State, sources: Sources, time_scale: float) -> None:
        self._tap = tap
        self._state = state
        self._sources = sources
        self._scale = time_scale
        self.store = Store()
        self.history = History()
        self._window = 0.0
        self._evaluated: dict[str, float] = {}
        self.api = CloudWatchApi(tap, state, self.store, self.history)
        self.api.move = self.move

    def reconcile(self) -> bool:
        """See `Controller`."""
        now = time.time()
        with self._tap.lock:
            self.publish(now)
            for alarm in list(self._state.cloudwatch.alarms.values()):
                self._look(alarm, now)
        return False

    def publish(self, now: float) -> None:
        """Make data points of the window that has ended, once it has."""
        width = RESOLUTION_S / self._scale
        window = now // width * width
        if window <= self._window:
            return
        first, self._window = not self._window, window
        for metric, samples, unit in self._sources.collect():
            if not first:  # the first collection is what happened before anybody looked
                self.store.put(metric, Point.of(window - width, samples, unit))

    def _look(self, alarm: Alarm, now: float) -> None:
        """Evaluate an alarm when a period of its has ended since the last time."""
        width = alarm.period / self._scale
        end = now // width * width
        if alarm.rule is not None or self._evaluated.get(alarm.name, 0.0) >= end:
            return
        self._evaluated[alarm.name] = end
        rule = Rule(
            alarm.comparison_operator,
            float(alarm.threshold),
            int(alarm.evaluation_periods),
            int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
            alarm.treat_missing_data or "missing",
        )
        finding = evaluate(rule, self._points(alarm, end, width, rule.periods + RANGE_BEYOND))
        if finding is not None and finding.state != alarm.state_value:
            self.move(alarm, finding.state, finding.reason, "")

    def _points(self, alarm: Alarm, end: float, width: float, periods: int) -> list[tuple[float, float] | None]:
        dimensions = {str(one.name): str(one.value) for one in alarm.dimensions}
        metric = Metric.of(alarm.namespace, alarm.metric_name, dimensions)
        begin = end - periods * width
        points: list[tuple[float, float] | None] = [None] * periods
        for point in self.store.periods(metric, begin, end, width, alarm.unit or ""):
            value = point.statistic(str(alarm.statistic or alarm.extended_statistic))
            place = round((point.time - begin) / width)
            if value is not None and 0 <= place < periods:
                points[place] = (point.time, value)
        return points

    def move(self, alarm: Alarm, state: str, reason: str, data: str) -> None:
        """Set an alarm's state, note it, and do what it is to do in that state."""
        before = {"stateValue": alarm.state_value, "stateReason": alarm.state_reason}
        alarm.update_state(reason, data or "{}", state)
        after = {"stateValue": state, "stateReason": reason}
        summary = f"Alarm updated from {before['stateValue']} to {state}"
        self.history.add(alarm.name, "StateUpdate", summary, {"oldState": before, "newState": after})
        actions = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}.get(state, alarm.insufficient_data_actions)
        if alarm.actions_enabled and before["stateValue"] != state:
            for action in actions or []:
                self._notify(alarm, action, before["stateValue"])

    def _notify(self, alarm: Alarm, topic: str, before: str) -> None:
        done, failed = f"Successfully executed action {topic}", ""
        message = (
            f'You are receiving this email because your Amazon CloudWatch Alarm "{alarm.name}" in the '
            f"{self._state.region} region has entered the {alarm.state_value} state at "
            f'"{datetime.now(UTC):%A %d %B, %Y %H:%M:%S} UTC".\n\n{alarm.state_reason}\n\nState change: {before} -> '
            f"{alarm.state_value}"
        )
        try:
            self._state.sns.publish(message=message, subject=f"{alarm.state_value}: {alarm.name}", arn=topic)
        except Exception as problem:  # whatever a subscription lets go wrong is in the history, as on AWS
            done, failed = f"Failed to execute action {topic}", str(problem)
            log.debug("an alarm's action failed", exc_info=True)
        self.history.add(alarm.name, "Action", done, {"notificationResource": topic, "error": failed})
