"""Instances that are to run have hosts, others have none, and each state lasts as long as it takes."""

from __future__ import annotations

from typing import Any

import pytest

from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.services.ec2_plan import Halt, Launch, Machine, Pace, Settle, Step, next_due_s
from chaosgood_ext.twin.services.ec2_plan import plan as plan_at_pace

PACE = Pace(pending_s=2, stopping_s=3, rebooting_s=4, unresponsive_s=12, check_s=6)


def plan(machines: list[Machine], hosts: dict[str, HostSpec], known: dict[str, HostSpec] | None = None) -> list[Step]:
    return plan_at_pace(machines, hosts, known or {}, PACE)


def machine(name: str, state: str, tier: str = "web", *, grouped: bool = True, **more: Any) -> Machine:
    return Machine(name, state, "10.0.10." + name[-1], tier, grouped=grouped, **more)


def host(name: str, *aliases: str) -> dict[str, HostSpec]:
    return {name: HostSpec(name, "h", "10.0.10.9", "web", aliases)}


def aliases(steps: list[Step]) -> list[tuple[str, ...]]:
    return [step.spec.aliases for step in steps if isinstance(step, Launch)]


def test_a_pending_instance_gets_a_host_named_after_its_address() -> None:
    (step,) = plan([machine("i-1", "pending")], {})
    assert isinstance(step, Launch)
    assert (step.spec.name, step.spec.hostname, step.spec.address) == ("i-1", "ip-10-0-10-1", "10.0.10.1")


def test_a_pending_instance_runs_when_its_host_is_up_and_the_time_is_over() -> None:
    up = host("i-1", "web-1")
    assert plan([machine("i-1", "pending", since_s=1)], up) == []
    assert plan([machine("i-1", "pending", since_s=2)], up) == [Settle("i-1", "running")]
    assert plan([machine("i-1", "pending", at_once=True)], up) == [Settle("i-1", "running")]


def test_a_running_instance_with_a_host_needs_nothing() -> None:
    assert plan([machine("i-1", "running")], host("i-1", "web-1")) == []


def test_a_running_instance_whose_host_was_not_made_gets_one() -> None:
    assert len(plan([machine("i-1", "running")], {})) == 1


def test_a_crashed_instance_stays_dead() -> None:
    assert plan([machine("i-1", "running", crashed=True)], {}, host("i-1", "web-1")) == []


@pytest.mark.parametrize(("state", "into"), [("stopping", "stopped"), ("shutting-down", "terminated")])
def test_an_instance_on_its_way_out_loses_its_host_and_arrives_in_time(state: str, into: str) -> None:
    assert plan([machine("i-1", state, since_s=9)], host("i-1", "web-1")) == [Halt("i-1")]
    assert plan([machine("i-1", state, since_s=1)], {}) == []
    assert plan([machine("i-1", state, since_s=3)], {}) == [Settle("i-1", into)]


def test_an_instance_that_does_not_react_takes_longer_to_stop() -> None:
    assert plan([machine("i-1", "stopping", since_s=11, crashed=True)], {}) == []
    assert plan([machine("i-1", "stopping", since_s=12, crashed=True)], {}) == [Settle("i-1", "stopped")]
    forced = machine("i-1", "stopping", since_s=3, crashed=True, forced=True)
    assert plan([forced], {}) == [Settle("i-1", "stopped")]


def test_a_stopped_instance_has_no_host() -> None:
    assert plan([machine("i-1", "stopped", since_s=99)], {}) == []
    assert plan([machine("i-1", "stopped")], host("i-1")) == [Halt("i-1")]


def test_a_reboot_takes_the_host_down_and_boots_it_with_its_name() -> None:
    running = machine("i-1", "running", rebooting_s=1)
    assert plan([running], host("i-1", "web-2")) == [Halt("i-1")]
    assert plan([running], {}, host("i-1", "web-2")) == []
    steps = plan([machine("i-1", "running", rebooting_s=4)], {}, host("i-1", "web-2"))
    assert aliases(steps) == [("web-2",)]


def test_a_crashed_instance_is_rebooted_the_hard_way() -> None:
    known = host("i-1", "web-1")
    assert plan([machine("i-1", "running", crashed=True, rebooting_s=11)], {}, known) == []
    assert len(plan([machine("i-1", "running", crashed=True, rebooting_s=12)], {}, known)) == 1


def test_the_next_step_is_due_when_the_first_has_waited_long_enough() -> None:
    machines = [machine("i-1", "stopping", since_s=1), machine("i-2", "pending", since_s=1), machine("i-3", "running")]
    assert next_due_s(machines, host("i-2"), PACE) == 1
    assert next_due_s([machine("i-3", "running"), machine("i-4", "stopped")], {}, PACE) is None


def test_instances_of_a_group_are_numbered_and_the_lowest_free_number_is_taken() -> None:
    machines = [machine("i-1", "running"), machine("i-2", "pending"), machine("i-3", "pending")]
    assert aliases(plan(machines, host("i-1", "web-2"))) == [("web-1",), ("web-3",)]


def test_the_replacement_of_a_terminated_instance_takes_over_its_number() -> None:
    machines = [machine("i-1", "shutting-down"), machine("i-2", "pending")]
    assert aliases(plan(machines, host("i-1", "web-1"))) == [("web-1",)]


def test_a_crashed_instance_keeps_its_number() -> None:
    machines = [machine("i-1", "running", crashed=True), machine("i-2", "pending")]
    assert aliases(plan(machines, {}, host("i-1", "web-1"))) == [("web-2",)]


def test_a_started_instance_gets_its_number_back_unless_another_has_it() -> None:
    known = host("i-1", "web-2")
    assert aliases(plan([machine("i-1", "pending")], {}, known)) == [("web-2",)]
    both = [machine("i-1", "pending"), machine("i-2", "running")]
    assert aliases(plan(both, host("i-2", "web-2"), known)) == [("web-1",)]


def test_the_only_instance_of_a_tier_is_called_by_it() -> None:
    first = plan([machine("i-1", "pending", "monitoring", grouped=False)], {})
    assert aliases(first) == [("monitoring",)]
    second = plan([machine("i-2", "pending", "monitoring", grouped=False)], {})
    assert aliases(second) == [("monitoring",)]


def test_a_second_instance_of_a_tier_is_numbered() -> None:
    machines = [
        machine("i-1", "running", "monitoring", grouped=False),
        machine("i-2", "pending", "monitoring", grouped=False),
    ]
    assert aliases(plan(machines, host("i-1", "monitoring"))) == [("monitoring-1",)]
