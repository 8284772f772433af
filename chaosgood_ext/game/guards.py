"""What a recovery must not have cost; pure rules over what AWS says, and the little that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from chaosgood_ext.game.aws import Aws, answering


@dataclass(frozen=True)
class Violation:
    """A guard that does not hold: its name, and in a sentence what is wrong."""

    guard: str
    what: str


def world_reaches(groups: Iterable[Mapping[str, Any]], vpc_cidr: str, port: int) -> list[str]:
    """The sources outside `vpc_cidr` that ingress rules of these security groups admit to TCP `port`.

    `groups` are as `DescribeSecurityGroups` answers them. A prefix list counts: what it holds is not known here.
    """
    sources: list[str] = []
    for group in groups:
        for permission in group["IpPermissions"]:
            if not _covers(permission, port):
                continue
            sources += [one["CidrIp"] for one in permission.get("IpRanges", ()) if not _inside(one["CidrIp"], vpc_cidr)]
            sources += [one["CidrIpv6"] for one in permission.get("Ipv6Ranges", ())]
            sources += [one["PrefixListId"] for one in permission.get("PrefixListIds", ())]
    return sorted(set(sources))


def database_closed_to_the_world(aws: Aws) -> list[Violation]:
    """The database's groups admit nobody from outside the VPC.

    Raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` when AWS does not say.
    """
    resources = aws.outputs.resources
    with answering("Looking up who may reach the database"):
        databases = aws.client("rds").describe_db_instances(
            DBInstanceIdentifier=resources["db_instance_identifier"]
        )["DBInstances"]
        vpc = aws.client("ec2").describe_vpcs(VpcIds=[resources["vpc_id"]])["Vpcs"][0]
        group_ids = [one["VpcSecurityGroupId"] for one in databases[0]["VpcSecurityGroups"]]
        groups = aws.client("ec2").describe_security_groups(GroupIds=group_ids)["SecurityGroups"]
    port = databases[0]["Endpoint"]["Port"]
    sources = world_reaches(groups, vpc["CidrBlock"], port)
    if not sources:
        return []
    return [Violation("database-not-public", f"the database's security groups admit {', '.join(sources)}")]


GUARDS: Sequence[Callable[[Aws], list[Violation]]] = (database_closed_to_the_world,)
"""Each takes the game's :class:`~chaosgood_ext.game.aws.Aws` and returns its violations."""


def check(aws: Aws) -> tuple[Violation, ...]:
    """All violations; raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` when AWS does not say."""
    return tuple(violation for guard in GUARDS for violation in guard(aws))


def _covers(permission: Mapping[str, Any], port: int) -> bool:
    if permission["IpProtocol"] == "-1":
        return True
    if permission["IpProtocol"] not in ("tcp", "6"):
        return False
    return bool(permission.get("FromPort", 0) <= port <= permission.get("ToPort", 65535))


def _inside(cidr: str, vpc_cidr: str) -> bool:
    network, vpc = ip_network(cidr, strict=False), ip_network(vpc_cidr)
    return network.version == vpc.version and network.subnet_of(vpc)  # type: ignore[arg-type]
