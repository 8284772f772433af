"""Instances that are to run have hosts, others have none."""

from __future__ import annotations

import pytest

from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.services.ec2 import Halt, Launch, Machine, plan


def machine(name: str, state: str, tier: str = "web", *, grouped: bool = True) -> Machine:
    return Machine(name, state, "10.0.10." + name[-1], tier, grouped=grouped)


def host(name: str, *aliases: str) -> dict[str, HostSpec]:
    return {name: HostSpec(name, "h", "10.0.10.9", "web", aliases)}


def test_a_pending_instance_gets_a_host_named_after_its_address() -> None:
    (step,) = plan([machine("i-1", "pending")], {})
    assert isinstance(step, Launch)
    assert (step.spec.name, step.spec.hostname, step.spec.address) == ("i-1", "ip-10-0-10-1", "10.0.10.1")


def test_a_running_instance_with_a_host_needs_nothing() -> None:
    assert plan([machine("i-1", "running")], host("i-1", "web-1")) == []


def test_a_running_instance_whose_host_is_gone_gets_a_new_one() -> None:
    assert len(plan([machine("i-1", "running")], {})) == 1


@pytest.mark.parametrize(("state", "into"), [("stopping", "stopped"), ("shutting-down", "terminated")])
def test_an_instance_on_its_way_out_loses_its_host(state: str, into: str) -> None:
    assert plan([machine("i-1", state)], host("i-1", "web-1")) == [Halt("i-1", into)]
    assert plan([machine("i-1", state)], {}) == [Halt("i-1", into)]


def test_a_stopped_instance_has_no_host() -> None:
    assert plan([machine("i-1", "stopped")], {}) == []
    assert plan([machine("i-1", "stopped")], host("i-1")) == [Halt("i-1", "stopped")]


def test_instances_of_a_group_are_numbered_and_the_lowest_free_number_is_taken() -> None:
    machines = [machine("i-1", "running"), machine("i-2", "pending"), machine("i-3", "pending")]
    steps = plan(machines, host("i-1", "web-2"))
    assert [step.spec.aliases for step in steps if isinstance(step, Launch)] == [("web-1",), ("web-3",)]


def test_the_replacement_of_a_terminated_instance_takes_over_its_number() -> None:
    machines = [machine("i-1", "shutting-down"), machine("i-2", "pending")]
    steps = plan(machines, host("i-1", "web-1"))
    assert [step.spec.aliases for step in steps if isinstance(step, Launch)] == [("web-1",)]


def test_the_only_instance_of_a_tier_is_called_by_it() -> None:
    (step,) = plan([machine("i-1", "pending", "monitoring", grouped=False)], {})
    assert isinstance(step, Launch)
    assert step.spec.aliases == ("monitoring",)
    second = plan([machine("i-2", "pending", "monitoring", grouped=False)], {})
    assert [one.spec.aliases for one in second if isinstance(one, Launch)] == [("monitoring",)]


def test_a_second_instance_of_a_tier_is_numbered() -> None:
    machines = [
        machine("i-1", "running", "monitoring", grouped=False),
        machine("i-2", "pending", "monitoring", grouped=False),
    ]
    steps = plan(machines, host("i-1", "monitoring"))
    assert [step.spec.aliases for step in steps if isinstance(step, Launch)] == [("monitoring-1",)]
