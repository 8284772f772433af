"""What ECS does about a service: which tasks to place where, which to stop, and what it says about it.

Source: "Amazon ECS services", "How Amazon ECS places tasks" and "Amazon ECS service event messages" in the Developer
Guide. Deployments roll with the defaults: never below the desired count of healthy tasks, never above twice that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_MAXIMUM_RATIO = 2
_GUIDE = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."


@dataclass(frozen=True)
class Task:
    """A task; `healthy` and `unhealthy` are what its load balancer says (a task without one is healthy)."""

    arn: str
    definition: str
    instance: str
    running: bool
    stopping: bool = False
    healthy: bool = False
    unhealthy: str = ""
    host_port: int = 0
    started: float = 0.0

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class Instance:
    """A container instance and what it has left; nothing is placed where the agent is not connected."""

    arn: str
    active: bool
    cpu: int
    memory_mib: int
    connected: bool = True

    @property
    def id(self) -> str:
        """The last part of the ARN."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True)
class Service:
    """A service: how many tasks of which definition, and what one of them needs."""

    name: str
    desired: int
    definition: str
    cpu: int
    memory_mib: int
    target_group_arn: str = ""


@dataclass(frozen=True)
class Place:
    """Start a task of `definition` on a container instance."""

    definition: str
    instance: str


@dataclass(frozen=True)
class Stop:
    """Stop a task, for `reason`."""

    task: Task
    reason: str


@dataclass(frozen=True)
class Say:
    """Add an event to the service's."""

    message: str


Step = Place | Stop | Say


@dataclass
class _Room:
    """What instances have left while tasks are being placed."""

    instances: Sequence[Instance]
    used: Counter[str]
    cpu: dict[str, int] = field(init=False)
    memory: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.cpu = {one.arn: one.cpu for one in self.instances}
        self.memory = {one.arn: one.memory_mib for one in self.instances}

    def take(self, service: Service) -> str | None:
        """Take room for one task on the instance with the fewest (spread); None when there is none anywhere."""
        fits = [
            one
            for one in self.instances
            if one.active
            and one.connected
            and self.cpu[one.arn] >= service.cpu
            and self.memory[one.arn] >= service.memory_mib
        ]
        if not fits:
            return None
        chosen = min(fits, key=lambda one: (self.used[one.arn], -self.memory[one.arn], one.arn)).arn
        self.used[chosen] += 1
        self.cpu[chosen] -= service.cpu
        self.memory[chosen] -= service.memory_mib
        return chosen


def plan(service: Service, tasks: Iterable[Task], instances: Sequence[Instance]) -> list[Step]:
    """Return what brings the service to its desired count of the current definition."""
    live = [task for task in tasks if not task.stopping]
    sick = [task for task in live if task.unhealthy]
    live = [task for task in live if not task.unhealthy]
    draining = {one.arn for one in instances if not one.active}
    current = [task for task in live if task.definition == service.definition and task.instance not in draining]
    outdated = [task for task in live if task not in current]
    steps: list[Step] = [step for task in sick for step in _stop_sick(service, task)]
    steps += _place(service, current, outdated, instances)
    surplus = sorted(current, key=lambda task: (task.healthy, task.started))[: max(0, len(current) - service.desired)]
    spare = max(0, sum(task.healthy for task in live if task not in surplus) - service.desired)
    replaced = [task for task in outdated if not task.healthy] + [task for task in outdated if task.healthy][:spare]
    reason = f"Scaling activity initiated by (deployment {service.name})"
    return steps + [Stop(task, reason) for task in surplus + replaced]


def _stop_sick(service: Service, task: Task) -> list[Step]:
    where = f"(target-group {service.target_group_arn})"
    said = f"(service {service.name}) (port {task.host_port}) is unhealthy in {where} due to"
    said += f" (reason {task.unhealthy})."
    return [Say(said), Stop(task, f"Task failed ELB health checks in {where}")]


def _place(
    service: Service, current: Sequence[Task], outdated: Sequence[Task], instances: Sequence[Instance]
) -> list[Step]:
    room = _Room(instances, Counter(task.instance for task in (*current, *outdated)))
    ceiling = max(service.desired * _MAXIMUM_RATIO, service.desired + 1) - len(outdated)
    missing = min(service.desired, ceiling) - len(current)
    steps: list[Step] = []
    for _ in range(missing):
        instance = room.take(service)
        if instance is None:
            return [*steps, Say(_unable(service, instances))]
        steps.append(Place(service.definition, instance))
    return steps


def _unable(service: Service, instances: Sequence[Instance]) -> str:
    begin = (
        f"(service {service.name}) was unable to place a task because no container instance met all of its"
        " requirements."
    )
    active = [one for one in instances if one.active]
    if not active:
        return f"{begin} Reason: No Container Instances were found in your cluster. {_GUIDE}"
    closest = max(active, key=lambda one: (one.connected, one.memory_mib, one.cpu))
    if not closest.connected:
        return (
            f"{begin} The closest matching (container-instance {closest.id}) doesn't have the agent connected. {_GUIDE}"
        )
    lacks = "memory" if closest.memory_mib < service.memory_mib else "CPU"
    # AWS writes "insufficient CPU units available" and "insufficient memory available".
    words = "memory available" if lacks == "memory" else "CPU units available"
    return f"{begin} The closest matching (container-instance {closest.id}) has insufficient {words}. {_GUIDE}"


def steady(service: Service, tasks: Iterable[Task]) -> bool:
    """Whether there are as many healthy tasks of its definition as desired, and no others."""
    tasks = list(tasks)
    return len(tasks) == service.desired and all(
        task.running and task.healthy and not task.stopping and task.definition == service.definition for task in tasks
    )
