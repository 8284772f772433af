"""Targets that ECS registers: a task that moves gets another host port, and its old one may become anybody's.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chaosgood_ext.game.aws import Clients

_AT_ONCE = 10
"""describe_services takes no more; describe_tasks and describe_container_instances take a hundred."""


class Target(NamedTuple):
    """A target as ELB names it: an instance and a port, or an address, whose port stays the same."""

    id: str
    port: int | None = None


def services_behind(target_group_arn: str, clients: Clients) -> list[list[str]]:
    """Cluster and service of each ECS service that registers its tasks in the target group; raises ClientError."""
    ecs = clients.client("ecs")
    clusters = [arn for page in ecs.get_paginator("list_clusters").paginate() for arn in page["clusterArns"]]
    return [
        [cluster, service["serviceArn"]]
        for cluster in clusters
        for page in ecs.get_paginator("list_services").paginate(cluster=cluster)
        for some in _batches(page["serviceArns"])
        for service in ecs.describe_services(cluster=cluster, services=some)["services"]
        if any(one.get("targetGroupArn") == target_group_arn for one in service["loadBalancers"])
    ]


def of_services(services: Sequence[Sequence[str]], clients: Clients) -> set[Target]:
    """The targets that the running tasks of `services` (cluster and service) are now; raises ClientError."""
    ecs = clients.client("ecs")
    found: set[Target] = set()
    for cluster, service in services:
        pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=service, desiredStatus="RUNNING")
        arns = [arn for page in pages for arn in page["taskArns"]]
        tasks = [
            task
            for some in _batches(arns)
            for task in ecs.describe_tasks(cluster=cluster, tasks=some)["tasks"]
            if task["lastStatus"] == "RUNNING"
        ]
        placed = sorted({one["containerInstanceArn"] for one in tasks if one.get("containerInstanceArn")})
        hosts = {
            one["containerInstanceArn"]: one["ec2InstanceId"]
            for some in _batches(placed)
            for one in ecs.describe_container_instances(cluster=cluster, containerInstances=some)["containerInstances"]
        }
        found.update(target for task in tasks for target in _targets_of(task, hosts))
    return found


def _targets_of(task: Mapping[str, Any], hosts: Mapping[str, str]) -> Iterator[Target]:
    """Each host port of a task, and in the network mode `awsvpc` its own address."""
    host = hosts.get(task.get("containerInstanceArn", ""), "")
    for container in task["containers"]:
        yield from (Target(host, one["hostPort"]) for one in container.get("networkBindings", []))
        yield from (Target(one["privateIpv4Address"]) for one in container.get("networkInterfaces", []))


def _batches(arns: Sequence[str]) -> Iterator[list[str]]:
    return (list(arns[start : start + _AT_ONCE]) for start in range(0, len(arns), _AT_ONCE))
