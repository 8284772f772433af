"""Security groups, network ACLs and routes decide about real packets, with AWS's semantics.

Sources: "Security group connection tracking", "Security group rules", "Network ACL rules" and "Route tables" in
the Amazon VPC User Guide.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaosgood_ext.twin.launcher import RunningTwin

On = Callable[..., "subprocess.CompletedProcess[str]"]
Client = Callable[[str], Any]
Eventually = Callable[..., Any]

POSTGRES = "database.chaosgood.internal"
TRY = f"nc -z -w 1 {POSTGRES} 5432"


def rule(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **source}]


def from_group(group_id: str) -> list[dict[str, Any]]:
    return rule({"UserIdGroupPairs": [{"GroupId": group_id, "Description": "PostgreSQL from the application tier"}]})


def from_cidr(*cidrs: str) -> list[dict[str, Any]]:
    return rule({"IpRanges": [{"CidrIp": cidr} for cidr in cidrs]})


@pytest.fixture
def revoked(client: Client, resources: dict[str, str]) -> Iterator[None]:
    """The rule that lets the application tier reach its database is gone; afterwards it is there again."""
    ec2 = client("ec2")
    database, app = resources["database_security_group_id"], resources["app_security_group_id"]
    ec2.revoke_security_group_ingress(GroupId=database, IpPermissions=from_group(app))
    yield
    with contextlib.suppress(ec2.exceptions.ClientError):  # a test may have put it back
        ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=from_group(app))


@contextlib.contextmanager
def allowed(ec2: Any, group_id: str, permissions: list[dict[str, Any]]) -> Iterator[None]:
    ec2.authorize_security_group_ingress(GroupId=group_id, IpPermissions=permissions)
    try:
        yield
    finally:
        ec2.revoke_security_group_ingress(GroupId=group_id, IpPermissions=permissions)


def reaches(on: On, host: str) -> bool:
    return on(host, TRY).returncode == 0


def test_only_the_tier_that_needs_the_database_reaches_it(on: On) -> None:
    assert {host: reaches(on, host) for host in ("app-1", "app-2", "web-1", "workstation")} == {
        "app-1": True,
        "app-2": True,
        "web-1": False,
        "workstation": False,
    }


@pytest.mark.usefixtures("revoked")
def test_a_new_connection_after_a_revoked_rule_is_silence(on: On, eventually: Eventually) -> None:
    eventually(lambda: not reaches(on, "app-1"))
    began = time.monotonic()
    refused = on("app-1", f"nc -v -z -w 2 {POSTGRES} 5432")
    assert "timed out" in refused.stderr
    assert time.monotonic() - began > 1.9


def test_an_established_connection_outlives_the_rule_and_an_acl_cuts_it_at_once(
    on: On, twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Eventually
) -> None:
    ec2 = client("ec2")
    database, app = resources["database_security_group_id"], resources["app_security_group_id"]
    environment = on("app-1", "tr '\\0' '\\n' < /proc/$(pgrep -f 'm shop' | head -1)/environ").stdout
    password = dict(line.split("=", 1) for line in environment.splitlines())["DATABASE_PASSWORD"]
    command = ["env", f"PGPASSWORD={password}", "psql", "-h", POSTGRES, "-U", "shop", "-At", "shop"]
    psql = subprocess.Popen(
        twin.argv_in("app-1", command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert psql.stdin is not None
    assert psql.stdout is not None

    def ask(number: int) -> None:
        assert psql.stdin is not None
        psql.stdin.write(f"select {number};\n")
        psql.stdin.flush()

    try:
        ask(1)
        assert psql.stdout.readline() == "1\n"
        ec2.revoke_security_group_ingress(GroupId=database, IpPermissions=from_group(app))
        try:
            eventually(lambda: not reaches(on, "app-1"))
            ask(2)
            assert psql.stdout.readline() == "2\n"
            with denied(ec2, resources):
                number, deadline = 3, time.monotonic() + 5
                ask(number)
                while select.select([psql.stdout], [], [], 1.5)[0]:  # answered before the entry was there
                    assert psql.stdout.readline() == f"{number}\n"
                    assert time.monotonic() < deadline, "the ACL does not cut"
                    number += 1
                    ask(number)
            assert select.select([psql.stdout], [], [], 10)[0], "the tracked connection did not come back"
            assert psql.stdout.readline() == f"{number}\n"
        finally:
            ec2.authorize_security_group_ingress(GroupId=database, IpPermissions=from_group(app))
    finally:
        psql.kill()
        psql.wait()


@contextlib.contextmanager
def denied(ec2: Any, resources: dict[str, str]) -> Iterator[None]:
    """An entry before all others of the VPC's ACL denies what goes into the database's port."""
    acls = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [resources["vpc_id"]]}])["NetworkAcls"]
    entry = {"NetworkAclId": acls[0]["NetworkAclId"], "RuleNumber": 50, "Egress": False}
    ec2.create_network_acl_entry(
        **entry, Protocol="6", RuleAction="deny", CidrBlock="10.0.20.0/23", PortRange={"From": 5432, "To": 5432}
    )
    try:
        yield
    finally:
        ec2.delete_network_acl_entry(**entry)


@pytest.mark.usefixtures("revoked")
@pytest.mark.parametrize("how", ["group", "cidr", "address"])
def test_any_rule_that_covers_the_tier_is_a_repair(
    on: On, client: Client, resources: dict[str, str], eventually: Eventually, how: str
) -> None:
    eventually(lambda: not reaches(on, "app-1"))
    address = on("app-1", "hostname -I").stdout.strip()
    permissions = {
        "group": from_group(resources["app_security_group_id"]),
        "cidr": from_cidr("10.0.20.0/23"),
        "address": from_cidr(f"{address}/32"),
    }[how]
    with allowed(client("ec2"), resources["database_security_group_id"], permissions):
        eventually(lambda: reaches(on, "app-1"))
        assert reaches(on, "app-2") == (how != "address")
        assert not reaches(on, "web-1")


@pytest.mark.usefixtures("revoked")
def test_the_database_moved_to_a_group_that_allows_the_tier_is_a_repair(
    on: On, client: Client, resources: dict[str, str], eventually: Eventually
) -> None:
    ec2, rds = client("ec2"), client("rds")
    group = ec2.create_security_group(GroupName="other", Description="Another", VpcId=resources["vpc_id"])["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=from_group(resources["app_security_group_id"]))
    database = resources["db_instance_identifier"]
    try:
        rds.modify_db_instance(DBInstanceIdentifier=database, VpcSecurityGroupIds=[group], ApplyImmediately=True)
        eventually(lambda: reaches(on, "app-1"))
        told = rds.describe_db_instances(DBInstanceIdentifier=database)["DBInstances"][0]["VpcSecurityGroups"]
        assert [entry["VpcSecurityGroupId"] for entry in told] == [group]
    finally:
        rds.modify_db_instance(
            DBInstanceIdentifier=database,
            VpcSecurityGroupIds=[resources["database_security_group_id"]],
            ApplyImmediately=True,
        )
        eventually(lambda: not reaches(on, "app-1"))
        ec2.delete_security_group(GroupId=group)


def test_a_rule_by_group_follows_who_is_in_the_group(
    on: On, client: Client, resources: dict[str, str], eventually: Eventually
) -> None:
    ec2 = client("ec2")
    workstation = resources["workstation_instance_id"]
    own, app = resources["workstation_security_group_id"], resources["app_security_group_id"]
    assert not reaches(on, "workstation")
    ec2.modify_instance_attribute(InstanceId=workstation, Groups=[own, app])
    try:
        eventually(lambda: reaches(on, "workstation"))
    finally:
        ec2.modify_instance_attribute(InstanceId=workstation, Groups=[own])
    eventually(lambda: not reaches(on, "workstation"))


def test_what_egress_does_not_allow_does_not_leave(
    on: On, client: Client, resources: dict[str, str], eventually: Eventually
) -> None:
    ec2, group = client("ec2"), resources["app_security_group_id"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
    try:
        eventually(lambda: not reaches(on, "app-1"))
    finally:
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=everything)
    eventually(lambda: reaches(on, "app-1"))


def test_an_address_where_nobody_is_is_silence(on: On) -> None:
    assert "timed out" in on("app-1", "nc -v -z -w 1 10.0.30.200 5432").stderr


def test_the_internet_reaches_the_public_load_balancer_and_nothing_else(on: On) -> None:
    assert on("internet", "curl -sf -m 2 -o /dev/null http://shop.chaosgood.internal/").returncode == 0
    web = on("web-1", "hostname -I").stdout.strip()
    assert on("internet", f"nc -z -w 1 {web} 80").returncode != 0
    assert on("internet", TRY).returncode != 0


def test_names_resolve_as_in_the_vpc(on: On) -> None:
    answers = on("web-1", "dig +short database.chaosgood.internal; dig +short SRV shop.tasks.chaosgood.internal").stdout
    assert ".us-east-1.rds.amazonaws.com." in answers
    assert answers.count(" 3276") == 2
    assert on("web-1", "dig +short example.com").stdout == ""


def test_a_host_sees_only_itself(on: On) -> None:
    told = on("web-1", "hostname; ps -e --no-headers -o comm; free -m | sed -n 2p").stdout
    assert told.startswith("ip-10-0-1")
    assert "nginx" in told
    assert "postgres" not in told
    assert "Mem:            1024" in told
