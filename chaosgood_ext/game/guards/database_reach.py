"""Guard `database-reach`: nobody outside the VPC may reach the database, however the rules say it.

What counts is what all rules of all the database's security groups admit together: two halves are the whole, IPv6
counts, so does every protocol, and what prefix lists and other groups stand for is looked up.
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

from chaosgood_ext.errors import BadInput, EnvironmentUnavailable
from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene

Network = IPv4Network | IPv6Network

TRIED_FROM = ("internet", "web-1", "workstation")
"""Hosts of the twin that have no business with the database."""
_TRY_S = 1.0


@dataclass(frozen=True)
class Reach:
    """Who may open a connection to the database: `networks` that rules name, `members` of groups that they name.

    `unknown` is what rules name and cannot be looked up. `homes` are the subnets of the members, `inside` the blocks
    of the VPC. `tried` says for hosts that must not reach it whether a packet did.
    """

    networks: frozenset[Network] = frozenset()
    members: frozenset[Network] = frozenset()
    unknown: frozenset[str] = frozenset()
    homes: frozenset[Network] = frozenset()
    inside: frozenset[Network] = frozenset()
    tried: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """What ingress rules name as sources for one port."""

    networks: frozenset[Network]
    groups: frozenset[str]
    prefix_lists: frozenset[str]
    foreign: frozenset[str]
    """Groups of other accounts."""


def sources(groups: Iterable[Mapping[str, Any]], port: int) -> Sources:
    """The sources that ingress rules of these security groups admit to TCP `port`.

    `groups` are as `DescribeSecurityGroups` answers them.
    """
    networks: set[Network] = set()
    own: set[str] = set()
    foreign: set[str] = set()
    lists: set[str] = set()
    for group in groups:
        for permission in group["IpPermissions"]:
            if not _covers(permission, port):
                continue
            networks |= {ip_network(one["CidrIp"], strict=False) for one in permission.get("IpRanges", ())}
            networks |= {ip_network(one["CidrIpv6"], strict=False) for one in permission.get("Ipv6Ranges", ())}
            lists |= {one["PrefixListId"] for one in permission.get("PrefixListIds", ())}
            for pair in permission.get("UserIdGroupPairs", ()):
                is_own = pair.get("UserId", group.get("OwnerId")) == group.get("OwnerId")
                (own if is_own else foreign).add(pair["GroupId"])
    return Sources(frozenset(networks), frozenset(own), frozenset(lists), frozenset(foreign))


def compare(calm: Reach, now: Reach) -> Finding:
    """Whoever is outside and was not admitted in the calm is wrong; whoever is inside without need is loose."""
    admitted = merged(now.networks | now.members)
    before = calm.networks | calm.members
    outside = [one for one in admitted if not _within(one, now.inside) and not _within(one, before)]
    wrong = [f"the database's security groups admit {_name(outside)}"] if outside else []
    if unknown := now.unknown - calm.unknown:
        wrong.append(f"the database's security groups admit {', '.join(sorted(unknown))}, whoever that is")
    if now.tried.get("internet") and not calm.tried.get("internet"):
        wrong.append("a packet from the internet reaches the database")
    needed = before | calm.homes
    wide = [one for one in admitted if _within(one, now.inside) and not _within(one, needed)]
    loose = [f"the database's security groups admit {_name(wide)}, more than the tiers that need it"] if wide else []
    touched = [host for host in now.tried if host != "internet" and now.tried[host] and not calm.tried.get(host)]
    if touched:
        loose.append(f"a packet from {' and '.join(touched)} reaches the database")
    return Finding(tuple(wrong), tuple(loose))


def merged(networks: Iterable[Network]) -> list[Network]:
    """The fewest networks that are the same addresses: two halves become the whole."""
    fours = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    sixes = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    return [*fours, *sixes]


def look(scene: Scene, calm: Reach | None) -> Reach:
    """Look up who may reach the database now."""
    del calm
    outputs, ec2 = scene.outputs, scene.aws.client("ec2")
    with answering("Looking up who may reach the database"):
        (database,) = scene.aws.client("rds").describe_db_instances(
            DBInstanceIdentifier=outputs.resources["db_instance_identifier"]
        )["DBInstances"]
        (vpc,) = ec2.describe_vpcs(VpcIds=[outputs.resources["vpc_id"]])["Vpcs"]
        ids = [one["VpcSecurityGroupId"] for one in database["VpcSecurityGroups"]]
        port = database["Endpoint"]["Port"]
        found = sources(ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"], port)
        members, homes = _members(ec2, found.groups)
        listed, unknown = _listed(ec2, found.prefix_lists)
    inside = [one["CidrBlock"] for one in vpc.get("CidrBlockAssociationSet", ())] or [vpc["CidrBlock"]]
    inside += [one["Ipv6CidrBlock"] for one in vpc.get("Ipv6CidrBlockAssociationSet", ())]
    return Reach(
        networks=found.networks | listed,
        members=members,
        unknown=unknown | {f"the group {one} of another account" for one in found.foreign},
        homes=homes,
        inside=frozenset(map(ip_network, inside)),
        tried=try_hosts(scene, database["Endpoint"]["Address"], port),
    )


def _how(scene: Scene) -> str:
    computed = "computed over all rules of the database's security groups"
    if scene.twin is None:
        return f"{computed}; no packet was tried, for no host that must not reach it can be asked"
    return f"{computed}, and tried with packets from {', '.join(TRIED_FROM)}"


GUARD = Guard("database-reach", "nobody outside the VPC may reach the database", look, compare, _how)


def _covers(permission: Mapping[str, Any], port: int) -> bool:
    if permission["IpProtocol"] == "-1":
        return True
    if permission["IpProtocol"] not in ("tcp", "6"):
        return False
    first, last = permission.get("FromPort", 0), permission.get("ToPort", 65535)
    return first == -1 or bool(first <= port <= last)


def _within(network: Network, blocks: Iterable[Network]) -> bool:
    return any(
        network.version == block.version and network.subnet_of(block)  # type: ignore[arg-type]
        for block in merged(blocks)
    )


def _members(ec2: Any, groups: Iterable[str]) -> tuple[frozenset[Network], frozenset[Network]]:
    """The addresses that wear one of `groups`, and the blocks of their subnets."""
    wanted = sorted(groups)
    if not wanted:
        return frozenset(), frozenset()
    pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=[{"Name": "group-id", "Values": wanted}])
    interfaces = [one for page in pages for one in page["NetworkInterfaces"]]
    addresses = {
        ip_network(address["PrivateIpAddress"])
        for one in interfaces
        for address in one.get("PrivateIpAddresses") or [{"PrivateIpAddress": one["PrivateIpAddress"]}]
    }
    subnets = sorted({one["SubnetId"] for one in interfaces})
    blocks = ec2.describe_subnets(SubnetIds=subnets)["Subnets"] if subnets else []
    return frozenset(addresses), frozenset(ip_network(one["CidrBlock"]) for one in blocks)


def _listed(ec2: Any, prefix_lists: Iterable[str]) -> tuple[frozenset[Network], frozenset[str]]:
    from botocore.exceptions import ClientError

    networks: set[Network] = set()
    unknown: set[str] = set()
    for one in prefix_lists:
        try:
            entries = ec2.get_managed_prefix_list_entries(PrefixListId=one)["Entries"]
            networks |= {ip_network(entry["Cidr"], strict=False) for entry in entries}
        except ClientError:
            unknown.add(f"the prefix list {one}")
    return frozenset(networks), frozenset(unknown)


def try_hosts(scene: Scene, address: str, port: int) -> dict[str, bool]:
    """Whether each host that must not reach the database does, all at once; one that is gone or dead is left out."""
    if scene.twin is None:
        return {}
    command = ["timeout", f"{_TRY_S:g}", "bash", "-c", f"</dev/tcp/{address}/{port}"]
    running = {}
    for host in TRIED_FROM:
        with suppress(BadInput, EnvironmentUnavailable, OSError):
            running[host] = subprocess.Popen(
                scene.twin.argv_in(host, command, logged=False),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
    return {host: process.wait() == 0 for host, process in running.items()}


def _name(networks: Sequence[Network]) -> str:
    return ", ".join(f"{one} (everybody)" if one.prefixlen == 0 else str(one) for one in networks)
