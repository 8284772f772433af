"""RDS: status, class and password of the database are real."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.kills import VICTIMS
from chaosgood_ext.twin.launcher import RunningTwin

Client = Callable[[str], Any]

ORDER = json.dumps({"product_id": 1, "quantity": 1, "customer": "killed"})
QUERY = "psql -h database.chaosgood.internal -U shop -d shop -AtqXc"


@pytest.fixture
def database(client: Client, resources: dict[str, str]) -> Callable[[], dict[str, Any]]:
    rds = client("rds")

    def describe() -> dict[str, Any]:
        found = rds.describe_db_instances(DBInstanceIdentifier=resources["db_instance_identifier"])
        return dict(found["DBInstances"][0])

    return describe


def test_the_endpoint_is_a_name_that_resolves_and_the_shop_s_tables_are_there(database: Any, on: Any) -> None:
    told = database()
    assert told["DBInstanceStatus"] == "available"
    name = told["Endpoint"]["Address"]
    assert name.endswith(".us-east-1.rds.amazonaws.com")
    address = on("app-1", f"dig +short {name}").stdout.strip()
    assert address.startswith("10.0.3")
    assert on("app-1", "dig +short database.chaosgood.internal").stdout.split() == [f"{name}.", address]
    assert int(on("app-1", f"{QUERY} 'select count(*) from products'").stdout) > 0


def test_the_master_user_is_no_superuser_and_the_class_limits_its_connections(on: Any) -> None:
    assert on("app-1", f"{QUERY} 'show is_superuser'").stdout.strip() == "off"
    assert on("app-1", f"{QUERY} 'show max_connections'").stdout.strip() == "81"


def test_a_database_that_is_stopped_answers_nobody_until_it_is_started(
    client: Client, resources: dict[str, str], database: Any, on: Any, eventually: Any
) -> None:
    rds, name = client("rds"), resources["db_instance_identifier"]
    assert rds.stop_db_instance(DBInstanceIdentifier=name)["DBInstance"]["DBInstanceStatus"] == "stopping"
    eventually(lambda: database()["DBInstanceStatus"] == "stopped")
    assert on("app-1", f"{QUERY} 'select 1'").returncode != 0
    assert rds.start_db_instance(DBInstanceIdentifier=name)["DBInstance"]["DBInstanceStatus"] == "starting"
    eventually(lambda: database()["DBInstanceStatus"] == "available")
    assert int(on("app-1", f"{QUERY} 'select count(*) from products'").stdout) > 0


def test_a_reboot_restarts_it(
    client: Client, resources: dict[str, str], database: Any, on: Any, eventually: Any
) -> None:
    started = f"{QUERY} 'select pg_postmaster_start_time()'"
    before = on("app-1", started).stdout
    client("rds").reboot_db_instance(DBInstanceIdentifier=resources["db_instance_identifier"])
    assert database()["DBInstanceStatus"] in ("rebooting", "available")
    eventually(lambda: database()["DBInstanceStatus"] == "available")
    assert on("app-1", started).stdout != before


def test_a_server_that_is_killed_recovers_by_itself_and_loses_nothing(
    twin: RunningTwin, client: Client, resources: dict[str, str], database: Any, on: Any, eventually: Any
) -> None:
    shop, asked = "http://shop.chaosgood.internal", "curl -sf --max-time 5 -H 'Content-Type: application/json'"
    # An earlier test may have had the database away: the pool forgets its dead connections one by one.
    placed = eventually(lambda: on("internet", f"{asked} {shop}/api/orders -d '{ORDER}'").stdout, 30, "an order")
    order = int(json.loads(placed)["id"])
    (server,) = VICTIMS["postgresql"](0, twin)
    began = time.time() * 1000
    os.kill(server, signal.SIGKILL)
    eventually(lambda: VICTIMS["postgresql"](0, twin) not in ([], [server]), 20, "another server")
    found = eventually(lambda: on("internet", f"{asked} {shop}/api/orders/{order}").stdout, 30, "the order")
    assert json.loads(found)["customer"] == "killed"
    assert database()["DBInstanceStatus"] == "available"
    eventually(
        lambda: client("logs").filter_log_events(
            logGroupName=resources["database_log_group_name"], filterPattern='"automatic recovery in progress"',
            startTime=int(began),
        )["events"],
        10, "the recovery in the log",
    )  # fmt: skip


def test_a_larger_class_is_more_connections(
    client: Client, resources: dict[str, str], database: Any, on: Any, eventually: Any
) -> None:
    rds, name = client("rds"), resources["db_instance_identifier"]
    for size, connections in (("db.t4g.small", "181"), ("db.t4g.micro", "81")):
        rds.modify_db_instance(DBInstanceIdentifier=name, DBInstanceClass=size, ApplyImmediately=True)
        eventually(lambda: on("app-1", f"{QUERY} 'show max_connections'").stdout.strip() == connections)  # noqa: B023
        eventually(lambda: database()["DBInstanceStatus"] == "available")
