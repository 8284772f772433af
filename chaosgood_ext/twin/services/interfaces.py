"""Network interfaces of what is no instance: load balancer nodes and databases have one too, as on AWS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface


def find(ec2: EC2Backend, description: str) -> NetworkInterface | None:
    """Return the interface of that description; hold the tap's lock."""
    return next((eni for eni in ec2.enis.values() if eni.description == description), None)


def ensure(
    ec2: EC2Backend, description: str, subnet_id: str, group_ids: Sequence[str], *, public: bool = False
) -> NetworkInterface:
    """Return the interface of that description, made where missing, in exactly these groups; hold the tap's lock."""
    found = find(ec2, description)
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


def remove(ec2: EC2Backend, description: str) -> None:
    """Remove the interface of that description; hold the tap's lock."""
    found = find(ec2, description)
    if found is not None:
        ec2.enis.pop(found.id, None)
