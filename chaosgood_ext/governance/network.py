"""What can be reached from outside, and whether its packets are written down."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaosgood_ext.governance.asking import Aws, Seen

# Broader than this is no longer somebody's network; two halves of the world are the world.
_BROADEST_PREFIX = {4: 8, 6: 16}


def open_to_the_world(cidr: str) -> bool:
    """Whether a rule's source is the world or a good part of it: 0.0.0.0/1 twice is the world too."""
    network = ipaddress.ip_network(cidr, strict=False)
    return network.prefixlen < _BROADEST_PREFIX[network.version]


def security_groups(aws: Aws, vpc_id: str, public_group_id: str, public_ports: Sequence[int]) -> Iterator[Seen]:
    """Every security group of the VPC; only `public_group_id` may admit the world, to `public_ports` by TCP."""
    for group in aws.every("ec2", "describe_security_groups", "SecurityGroups", Filters=aws.vpc(vpc_id)):
        group_id = group["GroupId"]
        faults = [
            rule
            for rule in _world_rules(group)
            if not (group_id == public_group_id and _ports(rule) in [("tcp", port, port) for port in public_ports])
        ]
        said = ", ".join(sorted({_said(rule) for rule in faults}))
        remedy = (
            f"aws ec2 describe-security-group-rules --filters Name=group-id,Values={group_id}, "
            f"then aws ec2 revoke-security-group-ingress --group-id {group_id} --security-group-rule-ids ID"
        )
        yield Seen(f"{group_id} ({group['GroupName']})", f"admits the world to {said}" if faults else "", remedy)


def _world_rules(group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for rule in group["IpPermissions"]:
        sources = [one["CidrIp"] for one in rule.get("IpRanges", ())]
        sources += [one["CidrIpv6"] for one in rule.get("Ipv6Ranges", ())]
        if any(open_to_the_world(source) for source in sources):
            yield rule


def _ports(rule: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
    return rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")


def _said(rule: Mapping[str, Any]) -> str:
    protocol, low, high = _ports(rule)
    if protocol == "-1" or low is None:
        return "everything"
    return f"{protocol} {low}" if low == high else f"{protocol} {low}-{high}"


def public_entrances(aws: Aws, vpc_id: str, load_balancer_arn: str) -> Iterator[Seen]:
    """Every load balancer of the VPC, and every instance: none is public but the load balancer of that ARN.

    An instance is public when it has a public address and wears a group that admits the world.
    """
    aws.vpc(vpc_id)
    for one in aws.every("elbv2", "describe_load_balancers", "LoadBalancers"):
        if one.get("VpcId") == vpc_id:
            public = one["Scheme"] == "internet-facing" and one["LoadBalancerArn"] != load_balancer_arn
            remedy = f"aws elbv2 delete-load-balancer --load-balancer-arn {one['LoadBalancerArn']}"
            yield Seen(one["LoadBalancerName"], "is a load balancer that faces the internet" if public else "", remedy)
    filters = aws.vpc(vpc_id)
    groups = aws.every("ec2", "describe_security_groups", "SecurityGroups", Filters=filters)
    open_groups = {group["GroupId"] for group in groups if any(_world_rules(group))}
    for instance in aws.instances(vpc_id):
        worn = {group["GroupId"] for group in instance["SecurityGroups"]} & open_groups
        public = bool(worn and instance.get("PublicIpAddress"))
        remedy = f"aws ec2 modify-instance-attribute --instance-id {instance['InstanceId']} --groups GROUP-OF-ITS-TIER"
        fault = f"has a public address and wears {', '.join(sorted(worn))}, which admits the world" if public else ""
        yield Seen(instance["InstanceId"], fault, remedy)


def flow_logs(aws: Aws, vpc_id: str) -> Iterator[Seen]:
    """The VPC: one active flow log takes all of its traffic."""
    aws.vpc(vpc_id)
    filters = [{"Name": "resource-id", "Values": [vpc_id]}]
    logs = list(aws.every("ec2", "describe_flow_logs", "FlowLogs", Filter=filters))
    fitting = [one for one in logs if one["FlowLogStatus"] == "ACTIVE" and one["TrafficType"] == "ALL"]
    fault = "" if fitting else "has no active flow log of all traffic"
    remedy = (
        f"aws ec2 create-flow-logs --resource-type VPC --resource-ids {vpc_id} --traffic-type ALL "
        "--log-group-name GROUP --deliver-logs-permission-arn ROLE"
    )
    yield Seen(vpc_id, fault, remedy)


def databases(aws: Aws, vpc_id: str) -> Iterator[Mapping[str, Any]]:
    """The DB instances of the VPC."""
    aws.vpc(vpc_id)
    for one in aws.every("rds", "describe_db_instances", "DBInstances"):
        if one["DBSubnetGroup"]["VpcId"] == vpc_id:
            yield one


def private_databases(aws: Aws, vpc_id: str) -> Iterator[Seen]:
    """Every DB instance of the VPC is without a public address."""
    for one in databases(aws, vpc_id):
        name = one["DBInstanceIdentifier"]
        remedy = (
            f"aws rds modify-db-instance --db-instance-identifier {name} --no-publicly-accessible --apply-immediately"
        )
        yield Seen(f"database {name}", "is publicly accessible" if one["PubliclyAccessible"] else "", remedy)
