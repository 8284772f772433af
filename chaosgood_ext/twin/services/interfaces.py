"""Network interfaces of what is no instance: load balancer nodes and databases have one too, as on AWS.

They are found by their descriptions, which are those that ELB and RDS write. Hold the tap's lock for all of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface
    from moto.elbv2.models import FakeLoadBalancer
    from moto.rds.models import DBInstance

    from chaosgood_ext.twin.cloud.state import State

_BALANCER, _DATABASE = "ELB ", "RDSNetworkInterface "


def sync(state: State) -> None:
    """Give every load balancer and database its interface, in the groups that it is in now, and remove all others."""
    wanted = {of_balancer(state, balancer).id for balancer in state.elbv2.load_balancers.values()}
    wanted |= {of_database(state, database).id for database in state.rds.databases.values()}
    for eni in list(state.ec2.enis.values()):
        if eni.description.startswith((_BALANCER, _DATABASE)) and eni.id not in wanted:
            del state.ec2.enis[eni.id]


def of_balancer(state: State, balancer: FakeLoadBalancer) -> NetworkInterface:
    """The interface of a load balancer's node, made where missing."""
    description = _BALANCER + balancer.arn.partition("loadbalancer/")[2]
    public = balancer.scheme == "internet-facing"
    return _ensure(state, description, balancer.subnets[0].id, balancer.security_groups, public=public)


def of_database(state: State, database: DBInstance) -> NetworkInterface:
    """The interface of a DB instance, made where missing, in the subnet of its zone."""
    subnets: list[Any] = database.db_subnet_group.subnets
    zones = {subnet["SubnetAvailabilityZone"]["Name"]: subnet["SubnetIdentifier"] for subnet in subnets}
    subnet_id = zones.get(database.availability_zone, subnets[0]["SubnetIdentifier"])
    description = _DATABASE + database.db_instance_identifier
    return _ensure(state, description, subnet_id, database.vpc_security_group_ids, public=False)


def _ensure(
    state: State, description: str, subnet_id: str, group_ids: Sequence[str], *, public: bool
) -> NetworkInterface:
    ec2 = state.ec2
    found = next((eni for eni in ec2.enis.values() if eni.description == description), None)
    if found is None:
        subnet: Any = ec2.get_subnet(subnet_id)
        found = ec2.create_network_interface(
            subnet,
            subnet.get_available_subnet_ip(instance=None),
            group_ids=list(group_ids),
            description=description,
            public_ip_auto_assign=public,
        )
        found.requester_managed = True
        found.status = "in-use"
    found._group_set = [group for group in map(ec2.get_security_group_from_id, group_ids) if group]
    return found
