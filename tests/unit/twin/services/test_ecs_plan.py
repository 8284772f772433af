"""Services get the tasks that they want, where there is room, and say so in ECS's words."""

from __future__ import annotations

from chaosgood_ext.twin.services.ecs_plan import Instance, Place, Say, Service, Step, Stop, Task, plan, steady

SHOP = Service("shop", 2, "shop:1", 256, 512, "arn:target-group")
ONE = Instance("arn/one", active=True, cpu=2048, memory_mib=1900)
TWO = Instance("arn/two", active=True, cpu=2048, memory_mib=1900)


def task(name: str, definition: str = "shop:1", instance: str = "arn/one", **more: object) -> Task:
    values: dict[str, object] = {"running": True, "healthy": True, **more}
    return Task(f"arn/{name}", definition, instance, **values)  # type: ignore[arg-type]


def placed(steps: list[Step]) -> list[str]:
    return [step.instance for step in steps if isinstance(step, Place)]


def stopped(steps: list[Step]) -> list[str]:
    return [step.task.id for step in steps if isinstance(step, Stop)]


def said(steps: list[Step]) -> list[str]:
    return [step.message for step in steps if isinstance(step, Say)]


def test_tasks_are_spread_over_instances() -> None:
    assert sorted(placed(plan(SHOP, [], [ONE, TWO]))) == ["arn/one", "arn/two"]
    assert placed(plan(SHOP, [task("a")], [ONE, TWO])) == ["arn/two"]


def test_nothing_is_done_when_all_is_as_desired() -> None:
    assert plan(SHOP, [task("a"), task("b")], [ONE, TWO]) == []


def test_a_surplus_is_stopped_the_sick_first() -> None:
    tasks = [task("a"), task("b", healthy=False), task("c")]
    assert stopped(plan(SHOP, tasks, [ONE])) == ["b"]


def test_a_stopping_task_counts_for_nothing() -> None:
    assert len(placed(plan(SHOP, [task("a"), task("b", stopping=True)], [ONE]))) == 1


def test_a_task_that_its_load_balancer_calls_unhealthy_is_replaced() -> None:
    tasks = [task("a"), task("b", healthy=False, unhealthy="Health checks failed", host_port=32769)]
    steps = plan(SHOP, tasks, [ONE, TWO])
    assert stopped(steps) == ["b"]
    assert len(placed(steps)) == 1
    assert said(steps) == [
        "(service shop) (port 32769) is unhealthy in (target-group arn:target-group) due to"
        " (reason Health checks failed)."
    ]


def test_where_memory_is_short_the_closest_instance_is_named() -> None:
    full = Instance("cluster/full", active=True, cpu=2048, memory_mib=100)
    fuller = Instance("cluster/fuller", active=True, cpu=2048, memory_mib=50)
    assert said(plan(SHOP, [], [full, fuller])) == [
        "(service shop) was unable to place a task because no container instance met all of its requirements."
        " The closest matching (container-instance full) has insufficient memory available."
        " For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    ]


def test_where_cpu_is_short_it_says_cpu_units() -> None:
    full = Instance("cluster/full", active=True, cpu=100, memory_mib=1900)
    assert "has insufficient CPU units available." in said(plan(SHOP, [], [full]))[0]


def test_an_empty_cluster_is_called_that() -> None:
    (message,) = said(plan(SHOP, [], []))
    assert "Reason: No Container Instances were found in your cluster." in message
    drained = Instance("arn/one", active=False, cpu=2048, memory_mib=1900)
    assert "No Container Instances were found" in said(plan(SHOP, [], [drained]))[0]


def test_where_the_agent_is_not_connected_nothing_is_placed_and_nothing_moves_away() -> None:
    lost = Instance("arn/one", active=True, cpu=2048, memory_mib=1900, connected=False)
    assert plan(SHOP, [task("a"), task("b", instance="arn/two")], [lost, TWO]) == []
    assert placed(plan(SHOP, [], [lost, TWO])) == ["arn/two", "arn/two"]
    assert "doesn't have the agent connected." in said(plan(SHOP, [], [lost]))[0]


def test_what_fits_is_placed_although_not_all_does() -> None:
    small = Instance("arn/one", active=True, cpu=2048, memory_mib=600)
    steps = plan(SHOP, [], [small])
    assert placed(steps) == ["arn/one"]
    assert len(said(steps)) == 1


def test_a_deployment_starts_new_tasks_before_it_stops_old_ones() -> None:
    old = [task("a", "shop:0"), task("b", "shop:0", "arn/two")]
    first = plan(SHOP, old, [ONE, TWO])
    assert len(placed(first)) == 2
    assert stopped(first) == []


def test_a_deployment_stops_as_many_old_tasks_as_there_are_healthy_new_ones() -> None:
    old = [task("a", "shop:0"), task("b", "shop:0")]
    assert stopped(plan(SHOP, [*old, task("c", healthy=False), task("d", healthy=False)], [ONE])) == []
    assert stopped(plan(SHOP, [*old, task("c"), task("d", healthy=False)], [ONE])) == ["a"]
    assert stopped(plan(SHOP, [*old, task("c"), task("d")], [ONE])) == ["a", "b"]


def test_old_tasks_that_serve_nobody_are_stopped_at_once() -> None:
    tasks = [task("a", "shop:0", healthy=False), task("c", healthy=False), task("d", healthy=False)]
    assert stopped(plan(SHOP, tasks, [ONE])) == ["a"]


def test_tasks_on_a_draining_instance_are_replaced_elsewhere_first() -> None:
    draining = Instance("arn/one", active=False, cpu=2048, memory_mib=1900)
    first = plan(SHOP, [task("a"), task("b", instance="arn/two")], [draining, TWO])
    assert placed(first) == ["arn/two"]
    assert stopped(first) == []
    then = [task("a"), task("b", instance="arn/two"), task("c", instance="arn/two")]
    assert stopped(plan(SHOP, then, [draining, TWO])) == ["a"]


def test_a_service_scaled_to_nothing_stops_all() -> None:
    nothing = Service("shop", 0, "shop:1", 256, 512)
    assert stopped(plan(nothing, [task("a"), task("b")], [ONE])) == ["a", "b"]


def test_steady_is_as_many_healthy_tasks_as_desired_and_no_others() -> None:
    assert steady(SHOP, [task("a"), task("b")])
    assert not steady(SHOP, [task("a")])
    assert not steady(SHOP, [task("a"), task("b", healthy=False)])
    assert not steady(SHOP, [task("a"), task("b"), task("c", "shop:0")])
