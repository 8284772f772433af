"""What a game watches: what users get, which alerts fire, who calls AWS, what scales, and what is typed.

Each class has a `look` for a :class:`~chaosgood_ext.game.watcher.Watcher`; what it sees goes to the record and to the
game's observations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chaosgood_ext.game.aws import Aws, answering
from chaosgood_ext.game.observations import Observations
from chaosgood_ext.game.prometheus import Alert, Alertmanager, Prometheus
from chaosgood_ext.game.referee import bad_seconds
from chaosgood_ext.game.sli import Interval, Reader, Source
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder

PROBER_QUERY = 'probe_success{job="journeys"}[20s]'
TRAFFIC_QUERY = 'nginx_http_requests_total{job="access-log"}[20s]'
_CROSSING_S = 3
_LATENESS = {"twin": timedelta(seconds=10), "aws": timedelta(minutes=20)}
"""CloudTrail and the logs tell late and out of order: look back this far, and count each event once."""
_ACTIVITIES = 20
_OVER = ("Successful", "Failed", "Cancelled")
"""docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html"""


@dataclass
class UserExperience:
    """The prober's and the web tier's counts, and the alerts that page, from Prometheus."""

    prometheus: Prometheus
    folder: GameFolder
    seen: Observations
    objective: float
    _reader: Reader = field(default_factory=Reader)
    _below: dict[Source, bool] = field(default_factory=lambda: dict.fromkeys(Source, False))

    def look(self) -> None:
        """Read what was scraped since the last look."""
        fresh = [
            *self._reader.prober(self.prometheus.series(PROBER_QUERY)),
            *self._reader.traffic(self.prometheus.series(TRAFFIC_QUERY)),
        ]
        self.seen.pages_firing = self.prometheus.firing_pages()
        if not fresh:
            return
        self.seen.add(fresh)
        self._keep(fresh)
        self._tell_crossings(max(interval.end for interval in fresh))

    def _keep(self, intervals: Iterable[Interval]) -> None:
        rows = ([one.source, round(one.start, 3), round(one.end, 3), one.bad, one.total] for one in intervals)
        self.folder.add_samples(map(json.dumps, rows))

    def _tell_crossings(self, now: float) -> None:
        recent = self.seen.since(now - _CROSSING_S)
        for source, seconds in bad_seconds(recent, self.objective).items():
            verdicts = list(seconds.values())
            below = all(verdicts[-2:]) if not self._below[source] else any(verdicts)
            if len(verdicts) < 2 or below == self._below[source]:
                continue
            self._below[source] = below
            mine = [one for one in recent if one.source is source]
            failed, total = sum(one.bad for one in mine), sum(one.total for one in mine)
            self.folder.record.append(
                Kind.SLI_CROSSED,
                {
                    "source": source, "below": below, "objective": self.objective, "window_s": _CROSSING_S,
                    "bad": failed, "total": total,
                },
                teller="prometheus", subject=str(source), time=datetime.fromtimestamp(now, UTC),
            )  # fmt: skip


@dataclass
class Alerts:
    """The alerts that Alertmanager holds; `on_page` gets each new one that pages."""

    alertmanager: Alertmanager
    folder: GameFolder
    on_page: Callable[[Alert], None]
    _active: dict[tuple[str, datetime], Alert] = field(default_factory=dict)

    def look(self) -> None:
        """Note what began to fire and what was resolved since the last look."""
        active = {(alert.fingerprint, alert.started): alert for alert in self.alertmanager.alerts()}
        for key, alert in active.items():
            if key not in self._active:
                self._note(Kind.ALERT_FIRING, alert, alert.started)
                if alert.pages:
                    self.on_page(alert)
        for key, alert in self._active.items():
            if key not in active:
                self._note(Kind.ALERT_RESOLVED, alert, datetime.now(UTC))
        self._active = active

    def _note(self, kind: Kind, alert: Alert, at: datetime) -> None:
        data = {
            "alert": alert.name, "severity": alert.severity, "pages": alert.pages, "started": alert.started.isoformat(),
            "labels": dict(alert.labels), "annotations": dict(alert.annotations), "silenced": alert.silenced,
        }  # fmt: skip
        self.folder.record.append(kind, data, teller="alertmanager", subject=alert.name, time=at)


@dataclass
class AwsCalls:
    """What CloudTrail says about the player's role and the injector's."""

    aws: Aws
    folder: GameFolder
    since: datetime
    _told: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Note the calls that CloudTrail lists and that were not noted yet."""
        resources = self.aws.outputs.resources
        roles = {resources[f"{who}_role_arn"].rpartition("/")[2]: who for who in ("player", "injector")}
        for event in reversed(self._events()):
            detail = json.loads(event["CloudTrailEvent"])
            who = roles.get(_role(detail))
            if who is None or event["EventId"] in self._told:
                continue
            self._told.add(event["EventId"])
            self._note(event, detail, who)

    def _events(self) -> list[Mapping[str, Any]]:
        start = max(self.since, datetime.now(UTC) - _LATENESS[self.aws.outputs.kind])
        with answering("Reading the CloudTrail history"):
            pages = self.aws.client("cloudtrail").get_paginator("lookup_events").paginate(StartTime=start)
            return [event for page in pages for event in page["Events"]]

    def _note(self, event: Mapping[str, Any], detail: Mapping[str, Any], who: str) -> None:
        data = {
            "who": who,
            "session": detail["userIdentity"].get("arn", "").rpartition("/")[2],
            "service": detail["eventSource"].removesuffix(".amazonaws.com"),
            "action": detail["eventName"],
            "read_only": bool(detail.get("readOnly")),
            "parameters": detail.get("requestParameters"),
            "error": detail.get("errorCode"),
            "error_message": detail.get("errorMessage"),
            "source_ip": detail.get("sourceIPAddress"),
        }
        at = datetime.fromisoformat(detail["eventTime"])
        record = self.folder.record
        record.append(Kind.AWS_CALL, data, teller="cloudtrail", subject=who, time=at, identifier=event["EventId"])


@dataclass
class ScalingActivities:
    """What the environment's auto scaling groups did by themselves or were told to, once it is over."""

    aws: Aws
    folder: GameFolder
    since: datetime
    _told: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Note the scaling activities that came to an end and were not noted yet."""
        resources = self.aws.outputs.resources
        groups = [resources[key] for key in sorted(resources) if key.endswith("_auto_scaling_group_name")]
        since = self.since.replace(microsecond=0)  # AWS tells whole seconds
        for group in groups:
            for one in reversed(self._of(group)):
                over = one["StatusCode"] in _OVER and one["StartTime"] >= since
                if over and one["ActivityId"] not in self._told:
                    self._told.add(one["ActivityId"])
                    self._note(group, one)

    def _of(self, group: str) -> list[Mapping[str, Any]]:
        with answering("Reading the scaling activities"):
            client = self.aws.client("autoscaling")
            found = client.describe_scaling_activities(AutoScalingGroupName=group, MaxRecords=_ACTIVITIES)
            return list(found["Activities"])

    def _note(self, group: str, activity: Mapping[str, Any]) -> None:
        data = {
            "group": group, "description": activity["Description"], "cause": activity["Cause"],
            "status": activity["StatusCode"], "message": activity.get("StatusMessage", ""),
            "started": activity["StartTime"].isoformat(),
        }  # fmt: skip
        at = activity.get("EndTime") or activity["StartTime"]
        self.folder.record.append(Kind.SCALED, data, teller="autoscaling", subject=group, time=at.astimezone(UTC))


_TRANSCRIPT = "sessionData"
"""Session Manager streams what a terminal shows into the same group; what was typed there has its own line.

https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging.html
"""
_SESSION = re.compile(r"(?!i-|ecs-execute-command-).+-[0-9a-z]{17,}")
"""A session's id, which names the stream of its transcript. That of a single command comes as plain text, once it has
ended; the command has its own line, from the host's stream. A shell in a task has nothing but its transcript.
"""


@dataclass
class Sessions:
    """What was typed in shells on the hosts, from the log group of sessions.

    Of a command on the responder's workstation it is said so: from there, nothing is changed but by the AWS API.
    """

    aws: Aws
    folder: GameFolder
    since: datetime
    _told: set[str] = field(default_factory=set)
    _workstations: frozenset[str] | None = None

    def look(self) -> None:
        """Note the commands that were not noted yet."""
        start = max(self.since, datetime.now(UTC) - _LATENESS[self.aws.outputs.kind])
        if self._workstations is None:
            self._workstations = self._look_up_workstations()
        with answering("Reading the log of sessions"):
            pages = (
                self.aws.client("logs")
                .get_paginator("filter_log_events")
                .paginate(
                    logGroupName=self.aws.outputs.resources["sessions_log_group_name"],
                    startTime=int(start.timestamp() * 1000),
                )
            )
            events = [event for page in pages for event in page["events"]]
        for event in events:
            if event["eventId"] not in self._told:
                self._told.add(event["eventId"])
                self._note(event)

    def _note(self, event: Mapping[str, Any]) -> None:
        try:
            line = json.loads(event["message"])
            if _TRANSCRIPT in line:
                return
            at = datetime.fromisoformat(line["time"])
            data = {"host": line["host"], "session": line["session"], "command": line["command"]}
        except (ValueError, KeyError, TypeError):
            if _SESSION.fullmatch(event.get("logStreamName", "")):
                return
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            data = {"host": event.get("logStreamName", ""), "session": None, "command": event["message"]}
        host = str(data["host"])
        data["workstation"] = host.partition(".")[0] in (self._workstations or ())
        self.folder.record.append(Kind.COMMAND, data, teller="sessions", subject=host, time=at)

    def _look_up_workstations(self) -> frozenset[str]:
        """The names that these hosts give themselves."""
        own = [{"Name": "instance.group-id", "Values": [self.aws.outputs.resources["workstation_security_group_id"]]}]
        with answering("Looking up the workstation"):
            reservations = self.aws.client("ec2").describe_instances(Filters=own)["Reservations"]
        instances = [one for reservation in reservations for one in reservation["Instances"]]
        return frozenset(
            f"ip-{one['PrivateIpAddress'].replace('.', '-')}" for one in instances if one.get("PrivateIpAddress")
        )


def _role(detail: Mapping[str, Any]) -> str:
    """The role of an assumed-role ARN, as in arn:aws:sts::123456789012:assumed-role/ROLE/SESSION."""
    parts = str(detail.get("userIdentity", {}).get("arn", "")).split("/")
    return parts[1] if len(parts) == 3 else ""
