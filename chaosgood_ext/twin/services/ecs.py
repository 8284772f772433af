"""ECS on EC2 container instances: who is in a cluster, what services want, and what they say.

Three jobs, in this order: hosts join and leave their clusters as the agents on them would make them, every task
follows its process (`ecs_agent`), and services get the tasks that `ecs_plan` wants for them.
"""

from __future__ import annotations

import base64
import re
import time
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.ecs.models import Task

from chaosgood_ext.twin.services import ecs_plan
from chaosgood_ext.twin.services.ecs_agent import Agent, age_s, set_details
from chaosgood_ext.twin.services.elb_model import Target

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance
    from moto.ecs.models import ContainerInstance, Service

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.cloud.wire import Answer, Call
    from chaosgood_ext.twin.hosts.hosts import Hosts
    from chaosgood_ext.twin.services.elb import Elb

_KEPT_EVENTS = 100
_KEPT_STOPPED_S = 3600.0
_CLUSTER = re.compile(r"ECS_CLUSTER=([\w-]+)")
_PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
_STABLE_AFTER_S = 10.0
_UNSTABLE_AFTER = 3


class Ecs:
    """Schedules tasks."""

    name = "ecs"

    def __init__(self, tap: Tap, state: State, hosts: Hosts, elb: Elb, agent: Agent) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._elb = elb
        self._agent = agent
        self._failures: dict[str, int] = defaultdict(int)
        self._not_before: dict[str, float] = {}
        self._steady: set[str] = set()
        self._last_said: dict[str, str] = {}
        tap.subscribe(self._keep_grace_period)

    def reconcile(self) -> bool:
        """See `Controller`."""
        changed = self._join_and_leave()
        changed |= self._drive_tasks()
        with self._tap.lock:
            for service in self._state.ecs.services.values():
                changed |= self._schedule(service)
            self._forget_stopped()
        return changed

    # -- clusters

    def _join_and_leave(self) -> bool:
        with self._tap.lock:
            ecs, changed = self._state.ecs, False
            joined = {one.ec2_instance_id for cluster in ecs.container_instances.values() for one in cluster.values()}
            for reservation in self._state.ec2.reservations.values():
                for instance in reservation.instances:
                    cluster = _cluster_of(instance)
                    if cluster in ecs.clusters and instance.state == "running" and instance.id not in joined:
                        ecs.register_container_instance(cluster, instance.id)
                        changed = True
            for cluster, members in ecs.container_instances.items():
                for member in list(members.values()):
                    member.agent_connected = self._hosts.get(member.ec2_instance_id) is not None
                    if self._state.ec2.get_instance(member.ec2_instance_id).state == "terminated":
                        ecs.deregister_container_instance(cluster, member.container_instance_arn, force=True)
                        changed = True
            return changed

    # -- tasks

    def _drive_tasks(self) -> bool:
        with self._tap.lock:
            services = list(self._state.ecs.services.values())
            tasks = [task for tasks in self._state.ecs.tasks.values() for task in tasks.values()]
        changed = False
        for task in tasks:
            service = next((one for one in services if _owns(one, task)), None)
            before = task.last_status
            said = self._agent.drive(task, service)
            changed |= task.last_status != before
            if service is not None:
                with self._tap.lock:
                    for message in said:
                        self._say(service, message)
                    if task.last_status == "STOPPED" and before != "STOPPED":
                        self._count_failure(service, task)
        return changed

    def _count_failure(self, service: Service, task: Task) -> None:
        """Put off the next start when tasks keep ending right after theirs."""
        by_itself = getattr(task, "stop_code", "") in ("EssentialContainerExited", "TaskFailedToStart")
        if not by_itself or age_s(task) > _STABLE_AFTER_S:
            self._failures.pop(service.arn, None)
            return
        self._failures[service.arn] += 1
        failures = self._failures[service.arn]
        self._not_before[service.arn] = time.monotonic() + _PAUSES_S[min(failures, len(_PAUSES_S) - 1)]
        if failures == _UNSTABLE_AFTER:
            self._say(
                service,
                f"(service {service.name}) is unable to consistently start tasks successfully. For more information,"
                " see the Troubleshooting section of the Amazon ECS Developer Guide.",
            )

    def _forget_stopped(self) -> None:
        for tasks in self._state.ecs.tasks.values():
            for arn, task in list(tasks.items()):
                stopped = getattr(task, "stopped_at", None)
                if stopped is not None and time.time() - stopped.timestamp() > _KEPT_STOPPED_S:
                    del tasks[arn]

    # -- services

    def _schedule(self, service: Service) -> bool:
        wanted = self._describe(service)
        tasks = [self._view(task, service) for task in self._tasks(service)]
        instances = [
            _room(instance) for instance in self._state.ecs.container_instances.get(service.cluster_name, {}).values()
        ]
        steps = ecs_plan.plan(wanted, tasks, instances)
        if time.monotonic() < self._not_before.get(service.arn, 0.0):
            steps = [step for step in steps if not isinstance(step, ecs_plan.Place)]
        started = []
        for step in steps:
            if isinstance(step, ecs_plan.Place):
                started.append(self._place(service, step))
            elif isinstance(step, ecs_plan.Stop):
                self._state.ecs.stop_task(service.cluster_name, step.task.arn, step.reason)
            else:
                self._say(service, step.message)
        if started:
            listed = " ".join(f"(task {task.id})" for task in started)
            self._say(service, f"(service {service.name}) has started {len(started)} tasks: {listed}.")
        self._note_steadiness(service, steady=not steps and ecs_plan.steady(wanted, tasks))
        return any(not isinstance(step, ecs_plan.Say) for step in steps)

    def _describe(self, service: Service) -> ecs_plan.Service:
        definition = self._state.ecs.describe_task_definition(str(service.task_definition))
        service.task_definition = definition.arn
        needs = self._state.ecs._calculate_task_resource_requirements(definition)
        groups = [one["targetGroupArn"] for one in service.load_balancers if "targetGroupArn" in one]
        return ecs_plan.Service(
            name=service.name,
            desired=service.desired_count if service.status == "ACTIVE" else 0,
            definition=definition.arn,
            cpu=int(needs["CPU"]),
            memory_mib=int(needs["MEMORY"]),
            target_group_arn=groups[0] if groups else "",
        )

    def _tasks(self, service: Service) -> list[Task]:
        return [
            task
            for task in self._state.ecs.tasks.get(service.cluster_name, {}).values()
            if _owns(service, task) and task.last_status != "STOPPED"
        ]

    def _view(self, task: Task, service: Service) -> ecs_plan.Task:
        groups = [one["targetGroupArn"] for one in service.load_balancers if "targetGroupArn" in one]
        port = self._agent.host_port(task)
        target = Target(self._agent.instance_id(task), port)
        known = [self._elb.health_of(arn).get(target) for arn in groups]
        late = age_s(task) > getattr(service, "health_check_grace_period_seconds", 0)
        sick = [one.description for one in known if one is not None and one.state == "unhealthy"]
        running = task.last_status == "RUNNING"
        return ecs_plan.Task(
            arn=task.task_arn,
            definition=task.task_definition_arn,
            instance=str(task.container_instance_arn),
            running=running,
            stopping=task.desired_status == "STOPPED",
            healthy=running and all(one is not None and one.state in ("healthy", "unused") for one in known),
            unhealthy=sick[0] if sick and late else "",
            host_port=port,
            started=time.time() - age_s(task),
        )

    def _place(self, service: Service, step: ecs_plan.Place) -> Task:
        ecs = self._state.ecs
        definition = ecs.describe_task_definition(step.definition)
        cluster = ecs.clusters[service.cluster_name]
        task = Task(
            cluster,
            definition,
            step.instance,
            ecs._calculate_task_resource_requirements(definition),
            backend=ecs,
            group=f"service:{service.name}",
            started_by=str(service.deployments[0]["id"]) if service.deployments else "",
            launch_type="EC2",
        )
        set_details(
            task,
            created_at=datetime.now(UTC),
            version=1,
            cpu=str(definition.cpu or ""),
            memory=str(definition.memory or ""),
        )
        task.containers[0].exitCode = None  # type: ignore[assignment]
        set_details(
            task.containers[0],
            container_arn=f"{cluster.arn.replace(':cluster/', ':container/')}/{task.id}/{uuid.uuid4()}",
            task_arn=task.task_arn,
        )
        ecs.tasks.setdefault(cluster.name, {})[task.task_arn] = task
        return task

    def _note_steadiness(self, service: Service, *, steady: bool) -> None:
        if steady and service.arn not in self._steady:
            self._say(service, f"(service {service.name}) has reached a steady state.")
        (self._steady.add if steady else self._steady.discard)(service.arn)

    def _say(self, service: Service, message: str) -> None:
        """Add an event, unless it only repeats the last one."""
        if self._last_said.get(service.arn) == message:
            return
        self._last_said[service.arn] = message
        event: dict[str, Any] = {"id": str(uuid.uuid4()), "createdAt": datetime.now(UTC), "message": message}
        service.events.insert(0, event)
        del service.events[_KEPT_EVENTS:]

    def _keep_grace_period(self, call: Call, answer: Answer) -> None:
        """Subscriber: moto drops `healthCheckGracePeriodSeconds`."""
        if call.service != "ecs" or call.action not in ("CreateService", "UpdateService") or answer.error:
            return
        seconds = call.parameters.get("healthCheckGracePeriodSeconds")
        name = str(call.parameters.get("serviceName") or call.parameters.get("service") or "").rpartition("/")[2]
        cluster = str(call.parameters.get("cluster") or "default").rpartition("/")[2]
        with self._tap.lock:
            service = self._state.ecs.services.get(f"{cluster}:{name}")
            if service is not None and seconds is not None:
                set_details(service, health_check_grace_period_seconds=int(seconds))


def _owns(service: Service, task: Task) -> bool:
    return task.group == f"service:{service.name}" and task.cluster_name == service.cluster_name


def _cluster_of(instance: Instance) -> str:
    """The cluster that an instance's user data tell its agent to join."""
    if not instance.user_data:
        return ""
    text = base64.b64decode(str(instance.user_data)).decode("utf-8", "replace")
    match = _CLUSTER.search(text)
    return match[1] if match else ""


def _room(instance: ContainerInstance) -> ecs_plan.Instance:
    left = {resource["name"]: resource["integerValue"] for resource in instance.remaining_resources}
    return ecs_plan.Instance(
        arn=instance.container_instance_arn,
        active=instance.status == "ACTIVE",
        connected=bool(instance.agent_connected),
        cpu=left["CPU"],
        memory_mib=left["MEMORY"],
    )
