"""What an auto scaling group does next follows from how it is, as the user guide of Auto Scaling describes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaosgood_ext.twin.services.autoscaling_model import Group, Member
from chaosgood_ext.twin.services.autoscaling_plan import Launch, Mark, Terminate, plan, victims

A, B = Member("i-a", "one", order=1, age_s=100), Member("i-b", "two", order=2, age_s=100)
GROUP = Group("web", 2, (A, B), ("one", "two"), grace_s=30, due=True)
GONE = replace(A, ailment="gone")
ILL = replace(GONE, healthy=False)


def group(*members: Member, **values: object) -> Group:
    return replace(GROUP, members=members, **values)  # type: ignore[arg-type]


def test_a_group_that_is_as_it_is_wanted_does_nothing() -> None:
    assert plan(GROUP) == []


def test_what_is_missing_is_launched_where_there_are_fewest() -> None:
    assert plan(group(A, desired=4)) == [
        Launch("two", "capacity", (1, 4)),
        Launch("one", "capacity", (1, 4)),
        Launch("two", "capacity", (1, 4)),
    ]


def test_an_instance_that_is_gone_is_found_by_one_look_and_replaced_by_the_next() -> None:
    assert plan(group(GONE, B, due=False)) == []
    assert plan(group(GONE, B)) == [Mark("i-a", "gone")]
    assert plan(group(ILL, B, due=False)) == []
    assert plan(group(ILL, B)) == [Terminate("i-a", "unhealthy"), Launch("one", "replacement", (1, 2))]


@pytest.mark.parametrize("ailment", ["impaired", "elb"])
def test_failed_checks_count_when_the_grace_period_is_over(ailment: str) -> None:
    assert plan(group(replace(A, ailment=ailment, age_s=29), B)) == []
    assert plan(group(replace(A, ailment=ailment, age_s=30), B))[0] == Mark("i-a", ailment)


def test_an_instance_that_is_gone_is_not_given_the_grace_period() -> None:
    assert plan(group(replace(GONE, age_s=1), B))[0] == Mark("i-a", "gone")


def test_an_instance_that_a_user_called_unhealthy_is_replaced() -> None:
    assert plan(group(replace(A, healthy=False), B)) == [
        Terminate("i-a", "unhealthy"),
        Launch("one", "replacement", (1, 2)),
    ]


def suspended(*processes: str, members: tuple[Member, ...] = (GONE, B), desired: int = 2) -> list[object]:
    return list(plan(group(*members, suspended=frozenset(processes), desired=desired)))


def test_with_health_checks_suspended_nobody_falls_ill_but_who_is_called_unhealthy_is_replaced() -> None:
    assert suspended("HealthCheck") == []
    assert suspended("HealthCheck", members=(replace(A, healthy=False), B))[0] == Terminate("i-a", "unhealthy")


def test_with_replacement_suspended_the_ill_are_marked_and_stay() -> None:
    assert suspended("ReplaceUnhealthy") == [Mark("i-a", "gone")]
    assert suspended("ReplaceUnhealthy", members=(ILL, B)) == []


def test_with_launches_suspended_the_ill_go_and_nobody_comes() -> None:
    assert suspended("Launch", members=(ILL, B)) == [Terminate("i-a", "unhealthy")]
    assert suspended("Launch", members=(A,), desired=2) == []


def test_with_terminations_suspended_nobody_goes() -> None:
    assert suspended("Terminate", members=(ILL, B)) == []
    assert suspended("Terminate", members=(A, B), desired=1) == []


def test_after_a_launch_that_failed_the_next_one_waits() -> None:
    assert plan(group(A, may_launch=False)) == []


def test_instances_on_their_way_out_and_in_standby_are_no_capacity() -> None:
    for lifecycle in ("Terminating", "Detaching", "Standby"):
        assert plan(group(replace(A, lifecycle=lifecycle), B)) == [Launch("one", "capacity", (1, 2))]


def test_a_pending_instance_is_capacity() -> None:
    assert plan(group(replace(A, lifecycle="Pending"), B)) == []


def test_a_surplus_goes_from_the_subnet_with_the_most_the_oldest_first() -> None:
    c = Member("i-c", "two", order=3)
    assert plan(group(A, B, c)) == [Terminate("i-b", "excess", (3, 2))]


def test_a_protected_instance_is_not_chosen() -> None:
    c = Member("i-c", "two", order=3)
    assert [one.id for one in victims([A, replace(B, protected=True), c], 1, "Default")] == ["i-c"]
    assert victims([replace(A, protected=True)], 1, "Default") == []


@pytest.mark.parametrize(("policy", "gone"), [("OldestInstance", "i-a"), ("NewestInstance", "i-c")])
def test_a_termination_policy_by_age_looks_at_nothing_else(policy: str, gone: str) -> None:
    assert [one.id for one in victims([A, B, Member("i-c", "two", order=3)], 1, policy)] == [gone]


LOPSIDED = (A, Member("i-c", "one", order=3, age_s=100))


def test_a_lopsided_group_launches_where_there_are_fewest_before_the_surplus_goes() -> None:
    assert plan(group(*LOPSIDED)) == [Launch("two", "balance", (2, 3))]
    coming = Member("i-d", "two", "Pending", order=4, balancing=True)
    assert plan(group(*LOPSIDED, coming)) == []
    assert plan(group(*LOPSIDED, replace(coming, lifecycle="InService"))) == [Terminate("i-a", "excess", (3, 2))]


def test_with_rebalancing_suspended_it_stays_lopsided() -> None:
    assert suspended("AZRebalance", members=LOPSIDED) == []
