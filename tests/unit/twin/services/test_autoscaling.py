"""Instances in service are registered once, and deregistered when they are no longer."""

from __future__ import annotations

from chaosgood_ext.twin.services.autoscaling import Attach, Attachment, Detach, plan

ONE, TWO = Attachment("group", "i-1"), Attachment("group", "i-2")


def test_new_instances_are_attached() -> None:
    assert plan([TWO, ONE], []) == [Attach(ONE), Attach(TWO)]


def test_an_instance_is_attached_once_so_that_who_deregisters_it_by_hand_has_the_last_word() -> None:
    assert plan([ONE], [ONE]) == []


def test_instances_that_left_are_detached() -> None:
    assert plan([TWO], [ONE, TWO]) == [Detach(ONE)]
