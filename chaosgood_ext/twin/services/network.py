"""VPC: security groups, network ACLs and route tables, as the fabric enforces them on packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.fabric.firewall import Acl, AclEntry, Network, Route, RouteTable, Rule, SecurityGroup
from chaosgood_ext.twin.services import interfaces

if TYPE_CHECKING:
    from moto.ec2.models.network_acls import NetworkAclEntry
    from moto.ec2.models.route_tables import Route as MotoRoute
    from moto.ec2.models.security_groups import SecurityGroup as MotoGroup
    from moto.ec2.models.security_groups import SecurityGroupRule

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Hosts

_TARGETS = (
    "gateway_id", "instance_id", "nat_gateway_id", "network_interface_id", "transit_gateway_id",
    "vpc_peering_connection_id",
)  # fmt: skip


class NetworkController:
    """Hands the fabric a new picture of the network whenever it differs from the last one."""

    name = "network"

    def __init__(self, tap: Tap, state: State, hosts: Hosts) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._applied: Network | None = None

    def reconcile(self) -> bool:
        """See `Controller`; nobody waits for packets, so this never tells of a change."""
        with self._tap.lock:
            network = network_of(self._state)
        if network != self._applied:
            self._hosts.apply_network(network)
            self._applied = network
        return False


def network_of(state: State) -> Network:
    """Read the network of the one VPC that is not the default one; hold the tap's lock."""
    interfaces.sync(state)
    ec2 = state.ec2
    vpcs = [vpc for vpc in ec2.vpcs.values() if vpc.id != ec2.default_vpc.id]
    if not vpcs:
        return Network()
    vpc = vpcs[0]
    blocks = {
        subnet.id: subnet.cidr_block
        for zone in ec2.subnets.values()
        for subnet in zone.values()
        if subnet.vpc_id == vpc.id
    }
    attached = [eni for eni in ec2.enis.values() if eni.subnet.vpc_id == vpc.id and eni.private_ip_address]
    return Network(
        groups={group.id: _group(group) for group in ec2.groups.get(vpc.id, {}).values()},
        members={str(eni.private_ip_address): tuple(group.id for group in eni.group_set) for eni in attached},
        acls=tuple(
            Acl(
                acl.id,
                tuple(sorted(blocks[a.subnet_id] for a in acl.associations if a.subnet_id in blocks)),
                tuple(_entry(entry) for entry in acl.network_acl_entries),
            )
            for acl in ec2.network_acls.values()
            if acl.vpc_id == vpc.id
        ),
        route_tables=_route_tables(ec2, vpc.id, blocks),
        public_addresses=frozenset(str(eni.private_ip_address) for eni in attached if eni.public_ip),
        vpc_cidr=vpc.cidr_block,
    )


def _group(group: MotoGroup) -> SecurityGroup:
    return SecurityGroup(
        group.id,
        tuple(_rule(rule) for rule in group.ingress_rules),
        tuple(_rule(rule) for rule in group.egress_rules),
    )


def _rule(rule: SecurityGroupRule) -> Rule:
    cidrs = tuple(block for block in (rule.cidr_ipv4, rule.cidr_ipv6) if block)
    group = rule.source_group.get("GroupId")
    return Rule(str(rule.ip_protocol), rule.from_port, rule.to_port, cidrs, (group,) if group else ())


def _entry(entry: NetworkAclEntry) -> AclEntry:
    return AclEntry(
        rule_number=int(entry.rule_number),
        action=entry.rule_action,
        egress=str(entry.egress).lower() == "true",
        protocol=str(entry.protocol),
        cidr=entry.cidr_block or entry.ipv6_cidr_block or "0.0.0.0/0",
        from_port=_number(entry.port_range_from),
        to_port=_number(entry.port_range_to),
    )


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _route_tables(ec2: Any, vpc_id: str, blocks: dict[str, str]) -> tuple[RouteTable, ...]:
    tables = [table for table in ec2.route_tables.values() if table.vpc_id == vpc_id]
    explicit = {subnet: table.id for table in tables for subnet in table._associations.values()}
    gateways = {gateway.id for gateway in ec2.internet_gateways.values() if gateway.vpc and gateway.vpc.id == vpc_id}
    main = next((table.id for table in tables if table.main_association_id), "")
    return tuple(
        RouteTable(
            table.id,
            tuple(sorted(block for subnet, block in blocks.items() if explicit.get(subnet, main) == table.id)),
            tuple(_routes(table.routes, gateways)),
        )
        for table in tables
    )


def _routes(routes: list[MotoRoute], gateways: set[str]) -> Iterator[Route]:
    """Read routes; one to a gateway that is not attached leads nowhere."""
    for route in routes:
        destination = route.destination_cidr_block or route.destination_ipv6_cidr_block
        if destination:
            target = next((value for name in _TARGETS if (value := getattr(route, name, None))), "blackhole")
            detached = str(target).startswith("igw-") and target not in gateways
            yield Route(destination, "blackhole" if detached else str(target))
