"""ECS: services, tasks and container instances are told as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaosgood_ext.environment.outputs import parse
from chaosgood_ext.game import inverses
from chaosgood_ext.game.aws import Aws
from chaosgood_ext.twin.launcher import RunningTwin

Client = Callable[[str], Any]


class Shop:
    """The service that the application tier runs."""

    def __init__(self, ecs: Any, resources: dict[str, str], eventually: Any) -> None:
        self.ecs = ecs
        self.cluster, self.name = resources["ecs_cluster_name"], resources["ecs_service_name"]
        self.eventually = eventually

    def service(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_services(cluster=self.cluster, services=[self.name])["services"][0]
        return found

    def events(self) -> list[str]:
        return [event["message"] for event in self.service()["events"]]

    def tasks(self, status: str = "RUNNING") -> dict[str, dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=self.cluster, serviceName=self.name, desiredStatus=status)["taskArns"]
        if not arns:
            return {}
        described = self.ecs.describe_tasks(cluster=self.cluster, tasks=arns)["tasks"]
        return {task["taskArn"]: task for task in described}

    def scale(self, count: int) -> None:
        self.ecs.update_service(cluster=self.cluster, service=self.name, desiredCount=count)

    def steady(self) -> bool:
        service = self.service()
        tasks = self.tasks().values()
        return (
            service["runningCount"] == service["desiredCount"] == len(tasks)
            and all(task["lastStatus"] == "RUNNING" for task in tasks)
            and "has reached a steady state" in service["events"][0]["message"]
        )


@pytest.fixture
def shop(client: Client, resources: dict[str, str], eventually: Any) -> Iterator[Shop]:
    shop = Shop(client("ecs"), resources, eventually)
    yield shop
    shop.scale(2)
    eventually(shop.steady, within_s=30, what="steady state")


def test_each_task_is_a_target_with_its_own_host_port(shop: Shop, client: Client, resources: dict[str, str]) -> None:
    instances = shop.ecs.list_container_instances(cluster=shop.cluster)["containerInstanceArns"]
    described = shop.ecs.describe_container_instances(cluster=shop.cluster, containerInstances=instances)
    hosts = {one["containerInstanceArn"]: one["ec2InstanceId"] for one in described["containerInstances"]}
    bindings = {
        (hosts[task["containerInstanceArn"]], binding["hostPort"])
        for task in shop.tasks().values()
        for binding in task["containers"][0]["networkBindings"]
    }
    health = client("elbv2").describe_target_health(TargetGroupArn=resources["app_target_group_arn"])
    targets = {(one["Target"]["Id"], one["Target"]["Port"]) for one in health["TargetHealthDescriptions"]}
    assert bindings == targets
    assert len({instance for instance, _ in bindings}) == 2
    assert all(32768 <= port <= 65535 for _, port in bindings)


def test_a_task_whose_process_dies_is_stopped_and_replaced(shop: Shop, on: Any) -> None:
    before = set(shop.tasks())
    assert on("app-1", "pkill -KILL -f 'm shop'").returncode == 0
    shop.eventually(lambda: set(shop.tasks()) != before)
    stopped = shop.eventually(lambda: [task for arn, task in shop.tasks("STOPPED").items() if arn in before])
    assert stopped[0]["stoppedReason"] == "Essential container in task exited"
    assert stopped[0]["stopCode"] == "EssentialContainerExited"
    assert stopped[0]["containers"][0]["exitCode"] == 137
    shop.eventually(shop.steady, within_s=20)
    name = stopped[0]["taskArn"].rpartition("/")[2]
    said = shop.events()
    assert any("has started 1 tasks: (task " in message for message in said)
    assert any(message.startswith("(service shop) deregistered 1 targets in (target-group") for message in said)
    assert name not in {arn.rpartition("/")[2] for arn in shop.tasks()}


def test_a_task_that_somebody_stops_is_replaced(shop: Shop) -> None:
    arn = min(shop.tasks())
    answer = shop.ecs.stop_task(cluster=shop.cluster, task=arn, reason="because")["task"]
    assert (answer["desiredStatus"], answer["lastStatus"]) == ("STOPPED", "RUNNING")
    shop.eventually(lambda: arn in shop.tasks("STOPPED") and shop.tasks("STOPPED")[arn]["lastStatus"] == "STOPPED")
    assert shop.tasks("STOPPED")[arn]["stoppedReason"] == "because"
    shop.eventually(shop.steady, within_s=20)


def test_more_tasks_than_fit_are_said_not_to_fit_in_the_words_of_ecs(shop: Shop) -> None:
    shop.scale(9)
    service = shop.eventually(lambda: shop.service() if shop.service()["runningCount"] >= 6 else None, within_s=20)
    assert (service["desiredCount"], service["runningCount"], service["pendingCount"]) == (9, 6, 0)
    message = shop.eventually(lambda: next((one for one in shop.events() if "unable to place" in one), None))
    assert message.startswith(
        "(service shop) was unable to place a task because no container instance met all of its requirements."
        " The closest matching (container-instance "
    )
    assert "has insufficient memory available." in message
    instances = shop.ecs.list_container_instances(cluster=shop.cluster)["containerInstanceArns"]
    described = shop.ecs.describe_container_instances(cluster=shop.cluster, containerInstances=instances)
    for one in described["containerInstances"]:
        left = {resource["name"]: resource.get("integerValue") for resource in one["remainingResources"]}
        assert one["runningTasksCount"] == 3
        assert left["MEMORY"] < 512
    shop.scale(2)
    shop.eventually(shop.steady, within_s=30)


def test_tasks_leave_a_draining_container_instance(shop: Shop) -> None:
    instance = min(task["containerInstanceArn"] for task in shop.tasks().values())
    shop.ecs.update_container_instances_state(cluster=shop.cluster, containerInstances=[instance], status="DRAINING")
    shop.eventually(
        lambda: shop.steady() and instance not in {task["containerInstanceArn"] for task in shop.tasks().values()},
        within_s=30,
    )
    shop.ecs.update_container_instances_state(cluster=shop.cluster, containerInstances=[instance], status="ACTIVE")
    shop.scale(1)
    shop.eventually(shop.steady, within_s=20)
    shop.scale(2)
    shop.eventually(shop.steady, within_s=20)


def test_a_new_task_definition_rolls_without_fewer_healthy_tasks(shop: Shop) -> None:
    service = shop.service()
    old = shop.ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    definition = {key: old[key] for key in ("family", "networkMode", "containerDefinitions", "requiresCompatibilities")}
    new = shop.ecs.register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"]
    shop.ecs.update_service(cluster=shop.cluster, service=shop.name, taskDefinition=new)
    lowest = 9

    def rolled() -> bool:
        nonlocal lowest
        lowest = min(lowest, shop.service()["runningCount"])
        return shop.steady() and {task["taskDefinitionArn"] for task in shop.tasks().values()} == {new}

    shop.eventually(rolled, within_s=30)
    assert lowest >= 2


def test_a_deregistered_target_is_put_back_but_not_the_port_of_a_task_that_moved(
    shop: Shop, client: Client, resources: dict[str, str], twin: RunningTwin
) -> None:
    aws, elbv2, arn = Aws(parse(twin.outputs, twin.name)), client("elbv2"), resources["app_target_group_arn"]
    (group,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]

    def targets() -> set[tuple[str, int]]:
        health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        there = [one["Target"] for one in health if one["TargetHealth"]["State"] != "draining"]
        return {(one["Id"], one["Port"]) for one in there}

    def deregister(target: tuple[str, int]) -> None:
        elbv2.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": target[0], "Port": target[1]}])

    before = targets()
    inverse = inverses.plan("chaosaws.elbv2.actions", "deregister_target", {"tg_name": group["TargetGroupName"]}, aws)
    assert inverse is not None
    for target in before:
        deregister(target)
    assert inverses.play(inverse, aws) is inverses.Outcome.RESTORED
    shop.eventually(lambda: targets() == before, what="the targets are back")
    old = set(shop.tasks())
    for task in old:
        shop.ecs.stop_task(cluster=shop.cluster, task=task)
    shop.eventually(lambda: shop.steady() and not old & set(shop.tasks()), within_s=30)
    now = shop.eventually(lambda: len(found := targets()) == 2 and not found & before and found, within_s=30)
    assert inverses.play(inverse, aws) is inverses.Outcome.GONE
    assert targets() == now
