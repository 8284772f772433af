"""The ECS agent's part: tasks are processes on the container instances' hosts, each on a dynamic host port.

A task is RUNNING when its process listens, or has not ended within ten seconds: to start one takes as long here as on
AWS, where ten times fewer health checks fall into that time.
Source: "Amazon ECS task lifecycle" and "Stopped tasks error codes" in the Developer Guide.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosgood_ext.errors import TwinError
from chaosgood_ext.twin.cloud.mends import ecs as mended
from chaosgood_ext.twin.hosts.model import Unit
from chaosgood_ext.twin.services.elb_model import Target
from chaosgood_ext.twin.services.logs import Source

if TYPE_CHECKING:
    from moto.ecs.models import Service, Task

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Host, Hosts
    from chaosgood_ext.twin.services.elb import Elb

Images = Mapping[str, Mapping[str, str]]
"""The images there are, by name without tag: the variables with which an image's command runs on a host."""

_FIRST_PORT, _LAST_PORT = 32768, 60999
_LOGS = Path("/var/log/containers")
_LISTENING_WITHIN_S = 10.0
_POLL_S = 0.02


class Agent:
    """Starts and stops the processes of tasks, and tells load balancers and Cloud Map of them."""

    def __init__(self, tap: Tap, state: State, hosts: Hosts, elb: Elb, images: Images) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._elb = elb
        self._images = images
        self._next_port: dict[str, int] = {}

    def drive(self, task: Task, service: Service | None) -> list[str]:
        """Move a task one step on in its lifecycle; return what its service says about it."""
        host = self._host(task)
        if task.last_status == "STOPPED":
            return []
        if host is None and self._comes_back(task):
            return self._deregister(task, service) if task.desired_status == "STOPPED" else []
        if host is None:
            instance = self.instance_id(task)
            return self._end(task, service, f"Host EC2 (instance {instance}) terminated.", "TerminationNotice")
        if task.desired_status == "STOPPED":
            return self._stop(task, service, host)
        if task.last_status in ("PROVISIONING", "PENDING"):
            return self._start(task, service, host)
        status = host.exit_status(_unit_name(task))
        if status is None and not host.knows(_unit_name(task)):  # it ended when the host went down
            status = -signal.SIGTERM
        if status is not None:
            return self._exited(task, service, host, status)
        if task.last_status == "ACTIVATING" and self._listens(task, host):
            return self._run(task, service, host)
        return []

    def on_change(self) -> None:
        """Called when a process begins to listen; the cloud puts its trigger here."""

    def log_sources(self) -> Iterator[Source]:
        """The logs of all tasks that have a process, as the `awslogs` driver would send them."""
        with self._tap.lock:
            tasks = [task for tasks in self._state.ecs.tasks.values() for task in tasks.values()]
            known = [(task, self._host(task), self._container(task)) for task in tasks]
        for task, host, container in known:
            options = container.get("logConfiguration", {}).get("options", {})
            if host is not None and "awslogs-group" in options:
                stream = f"{options.get('awslogs-stream-prefix', 'ecs')}/{container['name']}/{task.id}"
                yield Source(host.on_disk(_log_path(task)), options["awslogs-group"], stream)

    # -- steps

    def _start(self, task: Task, service: Service | None, host: Host) -> list[str]:
        container = self._container(task)
        variables = self._images.get(str(container.get("image", "")).partition(":")[0])
        if variables is None:
            reason = f"CannotPullContainerError: image {container.get('image')} does not exist or is not accessible"
            return self._end(task, service, reason, "TaskFailedToStart")
        port = self._port(host)
        host.path(str(_LOGS)).mkdir(parents=True, exist_ok=True)
        host.start(_unit(task, container, variables, port))
        now = datetime.now(UTC)
        task.last_status = "ACTIVATING"
        set_details(task, connectivity="CONNECTED", connectivity_at=now, pull_started_at=now, pull_stopped_at=now)
        set_details(task.containers[0], network_bindings=_bindings(container, port), runtime_id=uuid.uuid4().hex)
        threading.Thread(target=self._await_listening, args=(task, host), name=f"task-{task.id}", daemon=True).start()
        return []

    def _await_listening(self, task: Task, host: Host) -> None:
        with contextlib.suppress(TwinError):  # the host is gone
            while task.last_status == "ACTIVATING" and not self._listens(task, host):
                if host.exit_status(_unit_name(task)) is not None:
                    break
                time.sleep(_POLL_S)
        self.on_change()

    def _listens(self, task: Task, host: Host) -> bool:
        began = getattr(task, "pull_stopped_at", None)
        if began is not None and time.time() - began.timestamp() > _LISTENING_WITHIN_S:
            return True
        with host.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", self.host_port(task))) == 0

    def _run(self, task: Task, service: Service | None, host: Host) -> list[str]:
        with self._tap.lock:
            task.last_status = task.containers[0].last_status = "RUNNING"
            set_details(task, started_at=datetime.now(UTC))
            return self._register(task, service, self.host_port(task), host)

    def _exited(self, task: Task, service: Service | None, host: Host, status: int) -> list[str]:
        host.stop(_unit_name(task))
        task.containers[0].exitCode = status if status >= 0 else 128 - status
        return self._end(task, service, "Essential container in task exited", "EssentialContainerExited")

    def _stop(self, task: Task, service: Service | None, host: Host) -> list[str]:
        """Deregister, let the load balancer drain the task, then end its process."""
        said: list[str] = []
        if task.last_status in ("PROVISIONING", "PENDING"):
            return self._end(task, service, task.stopped_reason, "UserInitiated")
        if task.last_status == "RUNNING":
            said = self._deregister(task, service)
            if said:
                said.append(f"(service {_name(service)}) has begun draining connections on 1 tasks.")
        task.last_status = "DEACTIVATING"
        target = Target(self.instance_id(task), self.host_port(task))
        if any(target in self._elb.health_of(arn) for arn in _target_groups(service)):
            return said
        host.stop(_unit_name(task))
        task.containers[0].exitCode = 0
        said += self._end(
            task, service, task.stopped_reason, "ServiceSchedulerInitiated" if service else "UserInitiated"
        )
        if service is not None:
            said.append(f"(service {service.name}) has stopped 1 running tasks: (task {task.id}).")
        return said

    def _end(self, task: Task, service: Service | None, reason: str, code: str) -> list[str]:
        with self._tap.lock:
            said = self._deregister(task, service)
            task.last_status = task.desired_status = "STOPPED"
            task.stopped_reason = reason
            set_details(task, stop_code=code, stopped_at=datetime.now(UTC))
            task.containers[0].last_status = "STOPPED"
        return said

    # -- registries

    def _register(self, task: Task, service: Service | None, port: int, host: Host) -> list[str]:
        said = []
        for arn in _target_groups(service):
            group = self._state.elbv2.target_groups.get(arn)
            if group is not None:
                group.register([{"Id": self.instance_id(task), "Port": port}])
                said.append(f"(service {_name(service)}) registered 1 targets in (target-group {arn})")
        for registry in _registries(service):
            self._state.servicediscovery.register_instance(
                registry,
                task.id,
                task.id,
                {
                    "AWS_INSTANCE_IPV4": host.spec.address,
                    "AWS_INSTANCE_PORT": str(port),
                    "AVAILABILITY_ZONE": self._zone(task),
                    "REGION": self._state.region,
                    "ECS_CLUSTER_NAME": task.cluster_name,
                    "ECS_SERVICE_NAME": _name(service),
                },
            )
        return said

    def _deregister(self, task: Task, service: Service | None) -> list[str]:
        said = []
        key = (self.instance_id(task), self.host_port(task))
        with self._tap.lock:
            for arn in _target_groups(service):
                group = self._state.elbv2.target_groups.get(arn)
                if group is not None and group.targets.pop(key, None):  # type: ignore[call-overload]
                    said.append(f"(service {_name(service)}) deregistered 1 targets in (target-group {arn})")
            for registry in _registries(service):
                known = self._state.servicediscovery.list_instances(registry)
                if any(instance.instance_id == task.id for instance in known):
                    self._state.servicediscovery.deregister_instance(registry, task.id)
        return said

    # -- look-ups

    def _container(self, task: Task) -> dict[str, Any]:
        definition = self._state.ecs.describe_task_definition(task.task_definition_arn)
        container: dict[str, Any] = dict(definition.container_definitions[0])
        for override in task.overrides.get("containerOverrides", []):
            if override.get("name") == container["name"]:
                extra = override.get("environment", [])
                container["command"] = override.get("command", container.get("command"))
                container["environment"] = [*container.get("environment", []), *extra]
        return container

    def _instance(self, task: Task) -> Any:
        cluster = self._state.ecs.container_instances.get(task.cluster_name, {})
        return cluster.get(str(task.container_instance_arn).rpartition("/")[2])

    def instance_id(self, task: Task) -> str:
        """The EC2 instance that a task was placed on, known even when it has left the cluster."""
        known = getattr(task, "ec2_instance_id", "")
        if not known:
            instance = self._instance(task)
            known = instance.ec2_instance_id if instance else ""
            set_details(task, ec2_instance_id=known)
        return str(known)

    def _host(self, task: Task) -> Host | None:
        return self._hosts.get(self.instance_id(task) or "-")

    def _comes_back(self, task: Task) -> bool:
        """Whether the task's host is only down: of a host that crashed or reboots, its agent says nothing at all."""
        instance = self._state.ec2.get_instance_by_id(self.instance_id(task))
        return instance is not None and instance.state == "running"

    def _zone(self, task: Task) -> str:
        instance = self._instance(task)
        return str(instance.attributes.get("ecs.availability-zone", "")) if instance else ""

    @staticmethod
    def host_port(task: Task) -> int:
        """The host port of a task; 0 before it started."""
        bindings = mended.bindings(task)
        return int(bindings[0]["hostPort"]) if bindings else 0

    def _port(self, host: Host) -> int:
        port = self._next_port.get(host.spec.name, _FIRST_PORT)
        self._next_port[host.spec.name] = port + 1 if port < _LAST_PORT else _FIRST_PORT
        return port


def set_details(thing: Any, **values: Any) -> None:
    """Set what moto's class has no attribute for but its answers would tell."""
    for name, value in values.items():
        setattr(thing, name, value)


def _unit(task: Task, container: Mapping[str, Any], variables: Mapping[str, str], port: int) -> Unit:
    command = [str(word) for word in container.get("command") or []]
    if command[:1] == ["python"]:
        command[0] = sys.executable
    stated = {one["name"]: one["value"] for one in container.get("environment", [])}
    return Unit(
        name=_unit_name(task),
        description=f"Container {container['name']} of task {task.id}",
        exec_start=tuple(command),
        environment={"PYTHONUNBUFFERED": "1", **variables, **stated, "PORT": str(port)},
        restart="no",
        log_path=_log_path(task),
    )


def _bindings(container: Mapping[str, Any], port: int) -> list[dict[str, Any]]:
    mappings = container.get("portMappings") or [{}]
    inside = mappings[0].get("containerPort", port)
    return [{"bindIP": "0.0.0.0", "containerPort": inside, "hostPort": port, "protocol": "tcp"}]  # noqa: S104


def _unit_name(task: Task) -> str:
    return f"task-{task.id[:8]}"


def _log_path(task: Task) -> str:
    return str(_LOGS / f"{task.containers[0].name}-{task.id}.log")


def _name(service: Service | None) -> str:
    return service.name if service is not None else ""


def _target_groups(service: Service | None) -> list[str]:
    balancers = service.load_balancers if service is not None else []
    return [balancer["targetGroupArn"] for balancer in balancers if "targetGroupArn" in balancer]


def _registries(service: Service | None) -> list[str]:
    registries = service.service_registries if service is not None else []
    return [registry["registryArn"].rpartition("/")[2] for registry in registries]


def age_s(task: Task) -> float:
    """How long a task has been running, in seconds."""
    started = getattr(task, "started_at", None)
    return time.time() - started.timestamp() if started else 0.0
