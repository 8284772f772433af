"""What the parts of the stack must agree on: topology, settings, units, ports, thresholds."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
import yaml

from chaosgood_ext.stack.shop.shop.settings import Settings
from chaosgood_ext.twin.hosts.files import disk_of
from chaosgood_ext.twin.hosts.units import parse

from .conftest import STACK, Postgres, Programs, free_port

TOPOLOGY = json.loads((STACK / "topology.json").read_text())
OVERRIDES = json.loads((STACK / "twin-overrides.json").read_text())
PARAMETERS = json.loads((STACK / "database/parameter-group.json").read_text())["parameters"]
UNITS = sorted(STACK.glob("*/etc/systemd/system/*.service"))


def test_shop_understands_its_task_definition() -> None:
    container = TOPOLOGY["ecs"]["task_definition"]["container"]
    database = TOPOLOGY["db_instances"]["database"]
    settings = Settings.from_environment({**container["environment"], "PORT": "32768"})
    assert settings.database_name == database["db_name"]
    assert settings.database_user == database["username"]
    assert settings.database_port == database["port"]
    assert (settings.pool_max_lifetime_s, settings.connect_timeout_s) == (5, 2)
    # Requests beyond the pool wait for a connection, so that a lost database shows as waiting before refusing.
    assert settings.pool_size < settings.max_concurrent_requests


def test_database_has_room_for_every_task_that_scaling_may_start() -> None:
    pool_size = int(TOPOLOGY["ecs"]["task_definition"]["container"]["environment"]["POOL_SIZE"])
    instance_class = TOPOLOGY["db_instance_classes"][TOPOLOGY["db_instances"]["database"]["instance_class"]]
    assert TOPOLOGY["ecs"]["service"]["max_capacity"] * pool_size < instance_class["max_connections"] * 0.8


def test_larger_database_classes_allow_more_connections_and_every_figure_has_a_source() -> None:
    classes = list(TOPOLOGY["db_instance_classes"].values())
    for smaller, larger in itertools.pairwise(classes):
        assert smaller["memory_gib"] < larger["memory_gib"]
        assert smaller["max_connections"] < larger["max_connections"]
    for instance_class in classes:
        # RDS's own formula, of all the memory: what it keeps for itself makes it less.
        assert instance_class["max_connections"] < instance_class["memory_gib"] * 2**30 / 9531392
        assert instance_class["source"]


def test_postgresql_accepts_every_parameter(programs: Programs, tmp_path: Path) -> None:
    options = tuple(f"{parameter['name']}={parameter['value']}" for parameter in PARAMETERS)
    server = Postgres(tmp_path, programs, free_port(), (*options, "max_connections=81"))
    server.initialise()
    server.start()
    try:
        with server.connect("postgres") as connection:
            # What RDS has, and lets nobody change.
            # https://aws.amazon.com/premiumsupport/knowledge-center/rds-postgresql-error-connection-slots/
            row = connection.execute("SHOW superuser_reserved_connections").fetchone()
            assert row == ("3",)
            assert "superuser_reserved_connections" not in {parameter["name"] for parameter in PARAMETERS}
            restart = {"postmaster"}
            for parameter in PARAMETERS:
                context = connection.execute(
                    "SELECT context FROM pg_settings WHERE name = %s", [parameter["name"]]
                ).fetchone()
                assert context is not None
                assert (parameter["apply_method"] == "pending-reboot") == (context[0] in restart), parameter["name"]
    finally:
        server.stop()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_unit_is_understood_and_its_program_is_at_hand(path: Path, programs: Programs) -> None:
    unit = parse(path.stem, path.read_text())
    assert unit.restart == "always"
    assert unit.description
    if OVERRIDES.get(str(path.relative_to(STACK))) != {"disable": True} and not unit.condition_paths:
        assert programs.run("test", "-x", unit.exec_start[0]).returncode == 0, unit.exec_start[0]


@pytest.mark.parametrize("name", OVERRIDES)
def test_override_of_the_twin_has_a_file(name: str) -> None:
    assert (STACK / name).is_file()


@pytest.mark.parametrize("tier", ["web", "app", "monitoring", "workstation"])
def test_overrides_of_the_twin_apply(tier: str) -> None:
    disk = disk_of(tier, with_common=True)
    assert "prometheus-node-exporter" not in {unit.name for unit in disk.units}
    if tier == "web":
        assert "user root;" in disk.files["/etc/nginx/nginx.conf"]
    if tier == "monitoring":
        assert "endpoint: http://10.0.0.2:4566" in disk.files["/etc/prometheus/prometheus.yml"]


def test_monitoring_may_reach_what_it_scrapes() -> None:
    prometheus = (STACK / "monitoring/etc/prometheus/prometheus.yml").read_text()
    for tier, ports in {"web": {9100, 9113, 3903}, "app": {9100}, "monitoring": {9100}}.items():
        rules = TOPOLOGY["security_groups"][tier]["ingress"]
        allowed = {rule["from_port"] for rule in rules if "monitoring" in rule.get("security_groups", [])}
        assert ports <= allowed, tier
        assert all(str(port) in prometheus for port in ports)


def test_names_in_configuration_are_in_the_private_zone() -> None:
    zone = TOPOLOGY["private_zone"]["name"]
    discovery = TOPOLOGY["service_discovery"]
    known = {f"{record}.{zone}" for record in TOPOLOGY["private_zone"]["records"]}
    known.add(f"{discovery['service']}.{discovery['namespace']}")
    named = set()
    for folder in ("web", "monitoring"):
        for path in (STACK / folder).rglob("*"):
            if path.is_file():
                named |= set(re.findall(rf"[\w.]+\.{re.escape(zone)}", path.read_text()))
    named.add(TOPOLOGY["ecs"]["task_definition"]["container"]["environment"]["DATABASE_HOST"])
    assert named <= known


def test_alerts_count_what_the_topology_desires() -> None:
    groups = yaml.safe_load((STACK / "monitoring/etc/prometheus/chaosgood.rules.yml").read_text())["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    desired = {
        "AppTasksMissing": TOPOLOGY["ecs"]["service"]["desired_count"],
        "WebHostsMissing": TOPOLOGY["auto_scaling_groups"]["web"]["desired_capacity"],
    }
    for name, count in desired.items():
        assert alerts[name]["expr"].endswith(f"< {count}")
        assert f"of {count} " in alerts[name]["annotations"]["summary"]
