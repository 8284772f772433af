"""ECS: counts are counted, capacity is the instance's own, and a task runs when its process does.

moto makes no tasks for a service and reports as many as are desired. Here the tasks in its store are the real ones,
which the ecs controller puts there, and every figure is worked out from them.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ecs.models import (
    Cluster,
    ContainerInstance,
    EC2ContainerServiceBackend,
    Service,
    Task,
)

from chaosgood_ext.twin.cloud.mends.patching import derive, replace

STARTING = ("PROVISIONING", "PENDING", "ACTIVATING")
STOPPING = ("DEACTIVATING", "STOPPING", "DEPROVISIONING")
# What the agent and the system keep of an instance's memory, as container instances show it.
_KEPT_MEMORY_RATIO = 0.06
_AGENT_PORTS = ("22", "2375", "2376", "51678", "51679")


def install() -> None:
    """Patch moto."""
    _start_tasks_pending()
    _count_tasks()
    _tell_capacity()
    _find_tasks_by_service()


def _start_tasks_pending() -> None:
    """moto's tasks run as soon as they are made, stop as soon as they are told to, and move when looked at."""

    def begin(self: Task, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._status = "PROVISIONING"
        self.containers[0].last_status = "PENDING"
        self.containers[0].health_status = "UNKNOWN"

    init = replace(Task, "__init__", begin)
    replace(
        Task, "last_status", property(lambda self: self._status, lambda self, value: setattr(self, "_status", value))
    )
    replace(Task, "advance", lambda _self: None)

    def stop(self: EC2ContainerServiceBackend, cluster_str: str, task_str: str, reason: str) -> Task:
        tasks = self.tasks.get(self._get_cluster(cluster_str).name, {})
        task = next((task for arn, task in tasks.items() if arn.endswith(task_str.rpartition("/")[2])), None)
        if task is None:
            return refuse(self, cluster_str, task_str, reason)  # type: ignore[no-any-return]
        task.desired_status = "STOPPED"
        task.stopped_reason = reason or "Task stopped by user"
        return task

    refuse = replace(EC2ContainerServiceBackend, "stop_task", stop)


def _tasks(backend: EC2ContainerServiceBackend, cluster: str) -> list[Task]:
    return list(backend.tasks.get(cluster, {}).values())


def _count_tasks() -> None:
    """moto reports as many running tasks as are desired."""

    def of_service(self: Service) -> list[Task]:
        return [task for task in _tasks(self._backend, self.cluster_name) if task.group == f"service:{self.name}"]

    def of_instance(self: ContainerInstance) -> list[Task]:
        return [
            task
            for task in _tasks(self._backend, self.cluster_name)
            if task.container_instance_arn == self.container_instance_arn
        ]

    def running(tasks: Any) -> Any:
        return lambda self: sum(task.last_status == "RUNNING" for task in tasks(self))

    def pending(tasks: Any) -> Any:
        return lambda self: sum(task.last_status in STARTING for task in tasks(self))

    derive(Service, "running_count", running(of_service))
    derive(Service, "pending_count", pending(of_service))
    derive(ContainerInstance, "running_tasks_count", running(of_instance))
    derive(ContainerInstance, "pending_tasks_count", pending(of_instance))

    def of_cluster(self: Cluster) -> list[Task]:
        return _tasks(_backend(self), self.name)

    derive(Cluster, "running_tasks_count", running(of_cluster))
    derive(Cluster, "pending_tasks_count", pending(of_cluster))
    derive(
        Cluster,
        "registered_container_instances_count",
        lambda self: len(_backend(self).container_instances.get(self.name, {})),
    )
    replace(EC2ContainerServiceBackend, "update_cluster_resources", lambda *_args, **_kwargs: None)
    replace(EC2ContainerServiceBackend, "update_container_instance_resources", lambda *_args, **_kwargs: None)
    _tell_deployments(of_service)


def _backend(cluster: Cluster) -> EC2ContainerServiceBackend:
    from moto.ecs.models import ecs_backends

    account = cluster.arn.split(":")[4]
    return ecs_backends[account][cluster.region_name]


def _tell_deployments(of_service: Any) -> None:
    """moto's deployment keeps the figures that it was made with."""

    def read(self: Service) -> list[dict[str, Any]]:
        deployments: list[dict[str, Any]] = self.__dict__["deployments"]
        for deployment in deployments[:1]:
            tasks = [task for task in of_service(self) if task.task_definition_arn == self.task_definition]
            counted = {
                "desiredCount": self.desired_count,
                "taskDefinition": self.task_definition,
                "runningCount": sum(task.last_status == "RUNNING" for task in tasks),
                "pendingCount": sum(task.last_status in STARTING for task in tasks),
            }
            done = counted["runningCount"] == self.desired_count and len(of_service(self)) >= len(tasks)
            state = "COMPLETED" if done else "IN_PROGRESS"
            words = "completed" if done else "in progress"
            deployment.update(
                counted, rolloutState=state, rolloutStateReason=f"ECS deployment {deployment['id']} {words}."
            )
        return deployments

    def write(self: Service, value: list[dict[str, Any]]) -> None:
        self.__dict__["deployments"] = value

    Service.deployments = property(read, write)  # type: ignore[assignment]


def _tell_capacity() -> None:
    """moto's container instances all have 4096 CPU units and 7482 MiB, and never less."""

    def registered(self: ContainerInstance) -> list[dict[str, Any]]:
        instance_type = INSTANCE_TYPES[self.attributes["ecs.instance-type"]]
        cpu = instance_type["VCpuInfo"]["DefaultVCpus"] * 1024
        memory = int(instance_type["MemoryInfo"]["SizeInMiB"] * (1 - _KEPT_MEMORY_RATIO))
        return _resources(cpu, memory, _AGENT_PORTS)

    def remaining(self: ContainerInstance) -> list[dict[str, Any]]:
        tasks = [
            task
            for task in _tasks(self._backend, self.cluster_name)
            if task.container_instance_arn == self.container_instance_arn and task.last_status != "STOPPED"
        ]
        needs: list[dict[str, Any]] = [task.resource_requirements or {} for task in tasks]
        own = {resource["name"]: resource["integerValue"] for resource in registered(self)}
        ports = [str(binding["hostPort"]) for task in tasks for binding in bindings(task)]
        return _resources(
            own["CPU"] - sum(need.get("CPU", 0) for need in needs),
            own["MEMORY"] - sum(need.get("MEMORY", 0) for need in needs),
            (*_AGENT_PORTS, *ports),
        )

    derive(ContainerInstance, "registered_resources", registered)
    derive(ContainerInstance, "remaining_resources", remaining)


def _resources(cpu: int, memory: int, ports: tuple[str, ...]) -> list[dict[str, Any]]:
    def integer(name: str, value: int) -> dict[str, Any]:
        return {"name": name, "type": "INTEGER", "integerValue": value, "doubleValue": 0.0, "longValue": 0}

    def strings(name: str, values: list[str]) -> dict[str, Any]:
        return {**integer(name, 0), "type": "STRINGSET", "stringSetValue": values}

    return [integer("CPU", cpu), integer("MEMORY", memory), strings("PORTS", list(ports)), strings("PORTS_UDP", [])]


def bindings(task: Task) -> list[dict[str, Any]]:
    """The network bindings of a task's container: which host port leads to which container port."""
    return list(getattr(task.containers[0], "network_bindings", []))


def _find_tasks_by_service() -> None:
    """moto's ListTasks ignores `serviceName`; and without `desiredStatus` AWS lists the running ones only."""

    def find(
        self: EC2ContainerServiceBackend,
        cluster_str: str | None = None,
        container_instance: str | None = None,
        family: str | None = None,
        started_by: str | None = None,
        service_name: str | None = None,
        desiredStatus: str | None = None,  # noqa: N803
    ) -> list[Task]:
        tasks: list[Task] = original(
            self,
            cluster_str=cluster_str,
            container_instance=container_instance,
            family=family,
            started_by=started_by,
            desiredStatus=desiredStatus or "RUNNING",
        )
        name = (service_name or "").rpartition("/")[2]
        return [task for task in tasks if not name or task.group == f"service:{name}"]

    original = replace(EC2ContainerServiceBackend, "list_tasks", find)
