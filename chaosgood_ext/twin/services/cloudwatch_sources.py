"""Where the data points of AWS's own metrics come from here: access logs, health checks, status checks, hosts, groups.

Names, units, dimensions and what is counted: "CloudWatch metrics for your Application Load Balancer",
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html, "CloudWatch
metrics that are available for your instances" and "CloudWatch metrics for Amazon EC2 Auto Scaling".
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.services.cloudwatch_store import Metric
from chaosgood_ext.twin.services.elb_nginx import ACCESS_LOG
from chaosgood_ext.twin.services.logs import split_lines

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.hosts.hosts import Hosts
    from chaosgood_ext.twin.services.autoscaling_state import HealthOf

Sample = tuple[Metric, list[float], str]
"""A metric, its samples since the last time, and their unit."""

_CHUNK_BYTES = 4 * 1024 * 1024
_ALB, _EC2, _GROUPS = "AWS/ApplicationELB", "AWS/EC2", "AWS/AutoScaling"

_STATES: Mapping[str, Callable[[str], bool]] = {
    "GroupInServiceInstances": lambda state: state == "InService",
    "GroupPendingInstances": lambda state: state.startswith("Pending"),
    "GroupStandbyInstances": lambda state: state in ("Standby", "EnteringStandby"),
    "GroupTerminatingInstances": lambda state: state.startswith("Terminating"),
    "GroupTotalInstances": lambda _: True,
}


def requests(balancer: str, entries: Iterable[Mapping[str, Any]]) -> list[Sample]:
    """Return the samples of a load balancer ("app/NAME/ID") from the entries of its access log.

    A request counts when there was a target to choose; an answer is the target's when its head arrived, else the load
    balancer's own.
    """
    counts: Counter[tuple[str, str]] = Counter()
    times: defaultdict[str, list[float]] = defaultdict(list)
    for entry in entries:
        status, group = int(entry["elb_status_code"]), str(entry["target_group_arn"]).rpartition(":")[2]
        answered = _seconds(entry["target_header_time"])
        chosen = entry["target"] not in ("", "-")
        names = ["RequestCount"] if chosen else []
        if answered is not None:
            names.append(f"HTTPCode_Target_{str(entry['target_status_code'])[-3]}XX_Count")
        elif chosen and _seconds(entry["target_connect_time"]) is None:
            names.append("TargetConnectionErrorCount")
        for scope in ("", group) if chosen else ("",):
            counts.update((name, scope) for name in names)
            if answered is not None:
                times[scope].append(answered)
        if answered is None:
            counts.update((name, "") for name in _own(status))
    samples: list[Sample] = [(_alb(name, balancer, group), [count], "Count") for (name, group), count in counts.items()]
    return samples + [
        (_alb("TargetResponseTime", balancer, group), values, "Seconds") for group, values in times.items()
    ]


def _own(status: int) -> list[str]:
    """The metrics of an answer that the load balancer gave itself."""
    if status < 300:
        return []
    names = [f"HTTPCode_ELB_{status // 100}XX_Count"]
    return [*names, f"HTTPCode_ELB_{status}_Count"] if status in (500, 502, 503, 504) else names


def _alb(name: str, balancer: str, group: str = "") -> Metric:
    return Metric.of(_ALB, name, {"LoadBalancer": balancer, **({"TargetGroup": group} if group else {})})


def _seconds(text: object) -> float | None:
    """Read a time of nginx's; None when it says that there was none."""
    last = str(text).rpartition(",")[2].strip()
    return float(last) if last not in ("", "-") else None


class Sources:
    """Collects samples; not thread safe, and to be asked under the tap's lock."""

    def __init__(self, state: State, hosts: Hosts, health_of: HealthOf) -> None:
        self._state = state
        self._hosts = hosts
        self._health_of = health_of
        self._offsets: dict[str, int] = {}
        self._busy: dict[str, tuple[float, float]] = {}

    def collect(self) -> Iterator[Sample]:
        """Yield what has happened since the last time."""
        yield from self._balancers()
        yield from self._instances()
        for group in self._state.autoscaling.autoscaling_groups.values():
            yield from _group(group)

    def _balancers(self) -> Iterator[Sample]:
        for balancer in self._state.elbv2.load_balancers.values():
            name = balancer.arn.partition("loadbalancer/")[2]
            host = self._hosts.get(f"alb-{balancer.name}")
            if host is not None:
                yield from requests(name, self._entries(host.spec.name, host.path(ACCESS_LOG)))
            for group in self._state.elbv2.target_groups.values():
                if balancer.arn not in group.load_balancer_arns:
                    continue
                states = Counter(health.state for health in self._health_of(group.arn).values())
                suffix = group.arn.rpartition(":")[2]
                if states["healthy"] + states["unhealthy"] + states["initial"]:
                    yield _alb("HealthyHostCount", name, suffix), [states["healthy"]], "Count"
                    yield _alb("UnHealthyHostCount", name, suffix), [states["unhealthy"]], "Count"

    def _entries(self, name: str, path: Path) -> list[Mapping[str, Any]]:
        try:
            offset = self._offsets.get(name, 0)
            if path.stat().st_size < offset:
                offset = 0
            with path.open("rb") as file:
                file.seek(offset)
                lines, used = split_lines(file.read(_CHUNK_BYTES))
        except OSError:
            return []
        self._offsets[name] = offset + used
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:  # a line of a log that was emptied while nginx wrote it
                continue
        return entries

    def _instances(self) -> Iterator[Sample]:
        for reservation in self._state.ec2.reservations.values():
            for instance in reservation.instances:
                if instance.state != "running":
                    continue
                system = instance.system_status["Status"] == "impaired"
                own = instance.instance_status["Status"] == "impaired"
                values = {"StatusCheckFailed": system or own, "StatusCheckFailed_System": system}
                for metric, failed in {**values, "StatusCheckFailed_Instance": own}.items():
                    yield Metric.of(_EC2, metric, {"InstanceId": instance.id}), [float(failed)], "Count"
                used = self._cpu(instance.id)
                if used is not None:
                    yield Metric.of(_EC2, "CPUUtilization", {"InstanceId": instance.id}), [used], "Percent"
                    group = instance.autoscaling_group.name if hasattr(instance, "autoscaling_group") else ""
                    if group:
                        yield Metric.of(_EC2, "CPUUtilization", {"AutoScalingGroupName": group}), [used], "Percent"

    def _cpu(self, instance_id: str) -> float | None:
        """The share of a host's CPUs that it used since the last time, in percent; None when that is not known."""
        host = self._hosts.get(instance_id)
        if host is None:
            self._busy.pop(instance_id, None)
            return None
        try:
            fields = (host.namespace.folder / "proc" / "stat").read_text().split("\n", 1)[0].split()
            busy, idle = float(fields[1]) + float(fields[3]), float(fields[4])
        except (OSError, IndexError, ValueError):
            return None
        before_busy, before_idle = self._busy.get(instance_id, (busy, idle))
        self._busy[instance_id] = (busy, idle)
        spent = busy - before_busy + idle - before_idle
        return min(100.0, max(0.0, 100 * (busy - before_busy) / spent)) if spent > 0 else None


def _group(group: FakeAutoScalingGroup) -> Iterator[Sample]:
    states = [str(one.lifecycle_state) for one in group.instance_states]
    values = {
        "GroupMinSize": group.min_size,
        "GroupMaxSize": group.max_size,
        "GroupDesiredCapacity": group.desired_capacity,
        **{name: sum(map(belongs, states)) for name, belongs in _STATES.items()},
    }
    for name in group.metrics:
        if name in values:
            yield Metric.of(_GROUPS, name, {"AutoScalingGroupName": group.name}), [float(values[name] or 0)], "None"
