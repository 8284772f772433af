"""Actions on AWS that can be repeated, as a rollback must be."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.aws.client import Here
from chaosgood_ext.game.inverses import ingress_permission, put_ingress_back

__all__ = ["ensure_security_group_ingress"]


def ensure_security_group_ingress(
    requested_security_group_id: str,
    ip_protocol: str,
    from_port: int,
    to_port: int,
    ingress_security_group_id: str | None = None,
    cidr_ip: str | None = None,
    description: str = "",
    configuration: dict[str, Any] | None = None,
) -> str:
    """Make sure that a security group has an ingress rule, as `chaosaws.ec2.actions.authorize_…` names it.

    A rule that is there already is left alone, and a group that is gone is no error. Returns the
    :class:`~chaosgood_ext.game.inverses.Outcome`.
    """
    permission = ingress_permission(
        ip_protocol, from_port, to_port, group_id=ingress_security_group_id, cidr=cidr_ip, description=description
    )
    return str(put_ingress_back(requested_security_group_id, permission, Here(configuration)))
