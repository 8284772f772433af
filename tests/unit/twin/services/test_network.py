"""The fabric gets the groups, members, ACLs and routes that the control plane tells of."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.twin.fabric.firewall import Rule
from chaosgood_ext.twin.services.network import network_of

Built = Any


def test_groups_have_their_rules(built: Built) -> None:
    network = network_of(built.state)
    group = network.groups[built.resources["database_security_group_id"]]
    app = built.resources["app_security_group_id"]
    assert Rule("tcp", 5432, 5432, (), (app,)) in group.ingress
    assert group.egress == ()
    web = network.groups[built.resources["web_security_group_id"]]
    assert web.egress == (Rule("-1", None, None, ("0.0.0.0/0",), ()),)


def test_members_are_addresses_with_their_groups(built: Built) -> None:
    network = network_of(built.state)
    reservations = built.client("ec2").describe_instances()["Reservations"]
    for instance in (instance for reservation in reservations for instance in reservation["Instances"]):
        groups = tuple(group["GroupId"] for group in instance["SecurityGroups"])
        assert network.members[instance["PrivateIpAddress"]] == groups


def test_a_change_of_groups_is_a_change_of_members(built: Built) -> None:
    ec2 = built.client("ec2")
    name, own = built.resources["workstation_instance_id"], built.resources["workstation_security_group_id"]
    other = built.resources["app_security_group_id"]
    instance = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
    ec2.modify_instance_attribute(InstanceId=name, Groups=[other])
    assert network_of(built.state).members[instance["PrivateIpAddress"]] == (other,)
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[own])
    assert network_of(built.state).members[instance["PrivateIpAddress"]] == (own,)


def test_the_default_acl_guards_all_subnets_and_lets_everything_through(built: Built) -> None:
    (acl,) = network_of(built.state).acls
    assert len(acl.cidrs) == 14
    allowed = [entry for entry in acl.entries if entry.action == "allow"]
    assert {(entry.egress, entry.cidr, entry.protocol) for entry in allowed} == {
        (True, "0.0.0.0/0", "-1"),
        (False, "0.0.0.0/0", "-1"),
    }


def test_an_acl_entry_keeps_its_ports(built: Built) -> None:
    ec2 = built.client("ec2")
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [built.resources["vpc_id"]]}])
    acl_id = acl["NetworkAcls"][0]["NetworkAclId"]
    ec2.create_network_acl_entry(
        NetworkAclId=acl_id, RuleNumber=50, Protocol="6", RuleAction="deny", Egress=False, CidrBlock="10.0.20.0/23",
        PortRange={"From": 5432, "To": 5433},
    )  # fmt: skip
    (found,) = [entry for entry in network_of(built.state).acls[0].entries if entry.rule_number == 50]
    assert (found.action, found.protocol, found.from_port, found.to_port) == ("deny", "6", 5432, 5433)
    ec2.delete_network_acl_entry(NetworkAclId=acl_id, RuleNumber=50, Egress=False)


def test_subnets_follow_their_route_table_to_the_internet_gateway(built: Built) -> None:
    tables = [table for table in network_of(built.state).route_tables if table.cidrs]
    assert sum(len(table.cidrs) for table in tables) == 14
    (table,) = tables
    routes = {route.destination: route.target for route in table.routes}
    assert routes["10.0.0.0/16"] == "local"
    assert routes["0.0.0.0/0"].startswith("igw-")


def test_only_what_has_a_public_address_is_public(built: Built) -> None:
    network = network_of(built.state)
    assert network.public_addresses is not None
    tiers = {".".join(address.split(".")[:3]) for address in network.public_addresses}
    assert tiers == {
        "10.0.0",
        "10.0.10",
        "10.0.11",
        "10.0.40",
        "10.0.42",
    }  # load balancer, web, monitoring, workstation
    assert network.vpc_cidr == "10.0.0.0/16"
