"""Elastic Load Balancing: one node a load balancer, its targets' health, and the API's word on both."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaosgood_ext.errors import TwinError
from chaosgood_ext.twin.hosts.model import HostSpec, Unit
from chaosgood_ext.twin.services import elb_health as health
from chaosgood_ext.twin.services.elb_api import ElbApi
from chaosgood_ext.twin.services.elb_health import Health, Outcome, check_target
from chaosgood_ext.twin.services.elb_model import LoadBalancer, Target, TargetGroup
from chaosgood_ext.twin.services.elb_nginx import ACCESS_LOG, CONFIG_PATH, PID_PATH, eligible, render
from chaosgood_ext.twin.services.elb_state import deregister_terminated, describe_balancers, describe_groups
from chaosgood_ext.twin.services.reconciler import apply_each

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.cloud.wire import Call
    from chaosgood_ext.twin.hosts.hosts import Host, Hosts

_CHECKS_AT_ONCE = 16
_STARTED_WITHIN_S = 5.0
_NODE = Unit(
    name="nginx",
    exec_start=("nginx", "-c", CONFIG_PATH, "-g", "daemon off;"),
    exec_start_pre=(("mkdir", "-p", ACCESS_LOG.rpartition("/")[0], "/var/log/nginx", "/var/lib/nginx"),),
    stop_signal="SIGQUIT",
)


@dataclass(frozen=True)
class AddNode:
    """Make the host of a load balancer's node and start its nginx."""

    balancer: LoadBalancer
    config: str


@dataclass(frozen=True)
class Configure:
    """Give a node a new configuration; it goes on with the requests that it has."""

    balancer: LoadBalancer
    config: str


@dataclass(frozen=True)
class RemoveNode:
    """Destroy the host of a load balancer that is gone."""

    host: str


Step = AddNode | Configure | RemoveNode


def plan(wanted: Iterable[tuple[LoadBalancer, str]], nodes: Mapping[str, str]) -> list[Step]:
    """Return what makes `nodes` (host names and their configuration) those that are `wanted`."""
    steps: list[Step] = []
    wanted = list(wanted)
    for balancer, config in wanted:
        if balancer.host not in nodes:
            steps.append(AddNode(balancer, config))
        elif nodes[balancer.host] != config:
            steps.append(Configure(balancer, config))
    names = {balancer.host for balancer, _ in wanted}
    return steps + [RemoveNode(host) for host in nodes if host not in names]


@dataclass
class Watched:
    """A target under watch: when it is checked next, and until when it drains."""

    group: TargetGroup
    target: Target
    state: Health = health.REGISTERING
    due: float = 0.0
    drained_at: float = 0.0
    check: Future[None] | None = field(default=None, repr=False)


class Elb:
    """Runs the nodes and the health checks, and answers DescribeTargetHealth."""

    name = "elb"

    def __init__(self, tap: Tap, state: State, hosts: Hosts, time_scale: float) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._scale = time_scale
        self._nodes: dict[str, str] = {}
        self._watched: dict[tuple[str, Target], Watched] = {}
        self._checkers: dict[str, str] = {}
        self._guard = threading.RLock()
        self._changed = threading.Event()
        self._workers = ThreadPoolExecutor(_CHECKS_AT_ONCE, "health-check")
        self.api = ElbApi(tap, state)
        tap.handle("elbv2", "DescribeTargetHealth", self.describe_target_health)

    def start(self) -> None:
        """Start checking."""
        threading.Thread(target=self._check_forever, name="health-checks", daemon=True).start()

    def reconcile(self) -> bool:
        """See `Controller`."""
        with self._tap.lock:
            deregister_terminated(self._state)
            balancers = describe_balancers(self._state)
            groups = describe_groups(self._state, self._scale)
            self._watch(balancers, groups)
        wanted = [(balancer, self._config(balancer, groups)) for balancer in balancers]
        return apply_each(plan(wanted, self._nodes), self._apply)

    def health_of(self, group_arn: str) -> dict[Target, Health]:
        """The health of every target of a group, draining ones included."""
        with self._guard:
            return {target: watched.state for (arn, target), watched in self._watched.items() if arn == group_arn}

    # -- nodes

    def _config(self, balancer: LoadBalancer, groups: Mapping[str, TargetGroup]) -> str:
        routes = {}
        for arn in balancer.target_group_arns() & groups.keys():
            group = groups[arn]
            targets = eligible(group, self.health_of(arn))
            routes[arn] = [(group.address(target), target.port) for target in targets if group.address(target)]
        return render(balancer, routes, frozenset(arn for arn in routes if groups[arn].least_outstanding))

    def _apply(self, step: Step) -> None:
        if isinstance(step, RemoveNode):
            self._hosts.destroy(step.host)
            self._nodes.pop(step.host, None)
            return
        if isinstance(step, AddNode):
            balancer = step.balancer
            node = self._hosts.create(
                HostSpec(
                    name=balancer.host,
                    hostname="ip-" + balancer.address.replace(".", "-"),
                    address=balancer.address,
                    aliases=(balancer.tier,) if balancer.tier else (),
                )
            )
            node.write(CONFIG_PATH, step.config)
            node.start(_NODE)
            _await_handlers(node)
            self._activate(balancer.arn)
        else:
            node = self._node(step.balancer.host)
            node.write(CONFIG_PATH, step.config)
            node.signal(_NODE.name, signal.SIGHUP)
        self._nodes[step.balancer.host] = step.config

    def _node(self, name: str) -> Host:
        node = self._hosts.get(name)
        if node is None:
            self._nodes.pop(name, None)
            raise TwinError(f"The load balancer's node {name} is gone.")
        return node

    def _activate(self, arn: str) -> None:
        with self._tap.lock:
            balancer = self._state.elbv2.load_balancers.get(arn)
            if balancer is not None:
                balancer.state = "active"

    # -- health

    def _watch(self, balancers: Iterable[LoadBalancer], groups: Mapping[str, TargetGroup]) -> None:
        """Watch new targets, drain those that were deregistered, forget those that have drained.

        Hold the tap's lock since `groups` were read: what is older would take back what a later call has seen.
        """
        now = time.monotonic()
        users = {arn: balancer.host for balancer in balancers for arn in balancer.target_group_arns()}
        with self._guard:
            self._checkers = users
            registered = {(arn, target): group for arn, group in groups.items() for target in group.targets}
            for key, group in registered.items():
                watched = self._watched.get(key)
                if watched is None or watched.drained_at:
                    self._watched[key] = watched = Watched(group, key[1], due=now)
                    self._changed.set()
                if group.check != watched.group.check:
                    watched.due = min(watched.due, now + group.check.interval_s)
                    self._changed.set()
                watched.group = group
                watched.state = _unless_unused(watched.state, group, key[1], used=key[0] in users)
            for key in [key for key in self._watched if key not in registered]:
                watched = self._watched[key]
                if not watched.drained_at:
                    watched.drained_at = now + watched.group.deregistration_delay_s
                    watched.state = health.DRAINING
                elif watched.drained_at <= now:
                    del self._watched[key]

    def _check_forever(self) -> None:
        while True:
            now = time.monotonic()
            with self._guard:
                waiting = [watched for watched in self._watched.values() if _checkable(watched)]
                for watched in waiting:
                    if watched.due <= now and watched.check is None:
                        watched.check = self._workers.submit(self._check, watched)
                due = [watched.due for watched in waiting if watched.check is None]
            self._changed.wait(max(0.005, min([*due, now + 1.0]) - time.monotonic()))
            self._changed.clear()

    def _check(self, watched: Watched) -> None:
        group, began = watched.group, time.monotonic()
        outcome = None
        try:
            outcome = self._ask(group, watched.target)
        finally:
            with self._guard:
                watched.due = began + group.check.interval_s
                watched.check = None
            self._changed.set()
        if outcome is not None:
            self._note(watched, outcome)

    def _ask(self, group: TargetGroup, target: Target) -> Outcome | None:
        """Check a target from the node; None while there is no node that could."""
        node = self._hosts.get(self._checkers.get(group.arn, ""))
        if node is None:
            return None
        if not group.address(target):
            return health.FAILED
        try:
            return check_target(node.socket, group.address(target), group.check.port or target.port, group.check)
        except TwinError:
            return None

    def _note(self, watched: Watched, outcome: Outcome) -> None:
        with self._guard:
            before = watched.state
            if not _checkable(watched):
                return
            watched.state = health.after(before, outcome, watched.group.check)
            moved = watched.state.state != before.state
        if moved:
            self.on_change()

    def on_change(self) -> None:
        """Called when a target becomes healthy or unhealthy; the cloud puts its trigger here."""

    # -- the API's word

    def describe_target_health(self, call: Call) -> Mapping[str, Any] | None:
        """Handler of `elasticloadbalancing:DescribeTargetHealth`: what was called for before is seen, as on AWS."""
        group = self._state.elbv2.target_groups.get(call.parameters.get("TargetGroupArn", ""))
        if group is None:
            return None
        self._watch(describe_balancers(self._state), describe_groups(self._state, self._scale))
        known = self.health_of(group.arn)
        asked = call.parameters.get("Targets")
        if asked:
            wanted = [Target(one["Id"], int(one.get("Port") or group.port)) for one in asked]
            known = {target: known.get(target, health.NOT_REGISTERED) for target in wanted}
        port = group.health_check_port
        return {
            "TargetHealthDescriptions": [
                _description(target, known[target], str(target.port) if port == "traffic-port" else str(port))
                for target in sorted(known)
            ]
        }


def _await_handlers(node: Host) -> None:
    """Wait until nginx has written its pid: before that, a signal to read its configuration again would end it."""
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while not node.path(PID_PATH).is_file():
        if time.monotonic() > deadline:
            raise TwinError(f"nginx on {node.spec.name} does not start: {node.read('/var/log/nginx.log')[-300:]}")
        time.sleep(0.005)


def _checkable(watched: Watched) -> bool:
    return watched.state.state in ("initial", "healthy", "unhealthy")


def _unless_unused(state: Health, group: TargetGroup, target: Target, *, used: bool) -> Health:
    if target.id in group.invalid:
        return health.STOPPED
    if not used:
        return health.NOT_IN_USE
    if not group.check.enabled:
        return health.DISABLED
    return health.REGISTERING if state.state in ("unused", "unavailable", "draining") else state


def _description(target: Target, state: Health, check_port: str) -> dict[str, Any]:
    told = {"State": state.state, "Reason": state.reason, "Description": state.description}
    return {
        "Target": {"Id": target.id, "Port": target.port},
        "HealthCheckPort": check_port,
        "TargetHealth": {key: value for key, value in told.items() if value},
    }
