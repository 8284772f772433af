"""Databases follow what the control plane says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaosgood_ext.twin.services.postgres import Settings, configuration
from chaosgood_ext.twin.services.rds import Create, Database, Delete, Reload, Restart, SetPassword, Stop, plan

SETTINGS = Settings(5432, "shop", "secret", "shop", "db.t4g.micro", (("max_connections", "81"),))
SHOP = Database("shop", "available", "10.0.30.4", "database", SETTINGS)


def test_a_new_instance_is_created() -> None:
    assert plan([replace(SHOP, status="creating")], {}) == [Create(replace(SHOP, status="creating"))]


def test_an_available_one_that_runs_as_wanted_needs_nothing() -> None:
    assert plan([SHOP], {"db-shop": SETTINGS}) == []


@pytest.mark.parametrize(("status", "step"), [("rebooting", Restart), ("starting", Restart), ("stopping", Stop)])
def test_what_it_was_told_to_do_is_done(status: str, step: type) -> None:
    database = replace(SHOP, status=status)
    assert plan([database], {"db-shop": SETTINGS}) == [step(database)]


def test_a_stopped_one_is_left_alone() -> None:
    assert plan([replace(SHOP, status="stopped")], {"db-shop": SETTINGS}) == []


def test_another_class_restarts_it_and_another_parameter_does_not() -> None:
    larger = replace(SHOP, settings=replace(SETTINGS, instance_class="db.t4g.small"))
    assert plan([larger], {"db-shop": SETTINGS}) == [Restart(larger)]
    logging = replace(SHOP, settings=replace(SETTINGS, parameters=(("max_connections", "81"), ("work_mem", "8MB"))))
    assert plan([logging], {"db-shop": SETTINGS}) == [Reload(logging)]


def test_another_password_is_set() -> None:
    changed = replace(SHOP, settings=replace(SETTINGS, password="other"))
    assert plan([changed], {"db-shop": SETTINGS}) == [SetPassword(changed)]


def test_a_deleted_one_goes() -> None:
    assert plan([], {"db-shop": SETTINGS}) == [Delete("db-shop")]


def test_the_configuration_has_the_parameters_of_the_group_but_those_of_rds_itself() -> None:
    settings = replace(SETTINGS, parameters=(("a", "it's"), ("b", "{DBInstanceClassMemory/32768}"), ("rds.c", "1")))
    text = configuration(settings)
    assert "a = 'it''s'\n" in text
    assert "DBInstanceClassMemory" not in text
    assert "rds.c" not in text
    assert "port = '5432'\n" in text


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(SHOP)
