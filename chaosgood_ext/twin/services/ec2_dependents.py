"""What EC2 does not delete because something else still needs it, where moto would.

https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.state import State


def check_unused(state: State, action: str, asked: Mapping[str, Any]) -> None:
    """Raise `DependencyViolation` when `action` would take away what is in use; hold the tap's lock."""
    if action not in _DEPENDENTS:
        return
    parameter, dependents, message = _DEPENDENTS[action]
    wanted = str(asked.get(parameter, ""))
    if any(dependents(state, wanted)):
        raise AwsError("DependencyViolation", message.format(wanted))


def _of_group(state: State, group_id: str) -> Iterator[bool]:
    for interface in state.ec2.enis.values():
        yield any(group.id == group_id for group in interface.group_set)
    for groups in state.ec2.groups.values():
        for group in groups.values():
            if group.id != group_id:
                for rule in (*group.ingress_rules, *group.egress_rules):
                    yield (rule.source_group or {}).get("GroupId") == group_id


def _of_subnet(state: State, subnet_id: str) -> Iterator[bool]:
    yield from (interface.subnet.id == subnet_id for interface in state.ec2.enis.values())


def _of_gateway(state: State, vpc_id: str) -> Iterator[bool]:
    for interface in state.ec2.enis.values():
        yield interface.vpc_id == vpc_id and interface.public_ip is not None


def _of_vpc(state: State, vpc_id: str) -> Iterator[bool]:
    ec2 = state.ec2
    yield from (subnet.vpc_id == vpc_id for zone in ec2.subnets.values() for subnet in zone.values())
    yield from (group.name != "default" for group in ec2.groups.get(vpc_id, {}).values())
    yield from (gateway.vpc is not None and gateway.vpc.id == vpc_id for gateway in ec2.internet_gateways.values())


_DEPENDENTS: Mapping[str, tuple[str, Callable[[State, str], Iterator[bool]], str]] = {
    "DeleteSecurityGroup": ("GroupId", _of_group, "resource {} has a dependent object"),
    "DeleteSubnet": ("SubnetId", _of_subnet, "The subnet '{}' has dependencies and cannot be deleted."),
    "DeleteVpc": ("VpcId", _of_vpc, "The vpc '{}' has dependencies and cannot be deleted."),
    "DetachInternetGateway": (
        "VpcId",
        _of_gateway,
        "Network {} has some mapped public address(es). Please unmap those public address(es) before detaching the "
        "gateway.",
    ),
}
