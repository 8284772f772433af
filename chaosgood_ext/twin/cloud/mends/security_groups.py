"""Security groups: a rule is what it admits; its description is not part of that.

"If the security group rule has a description, you do not need to specify the description to revoke the rule"
(RevokeSecurityGroupIngress), and authorising it anew under another description is `InvalidPermission.Duplicate`.
"""

from __future__ import annotations

from moto.ec2.models.security_groups import SecurityGroupRule

from chaosgood_ext.twin.cloud.mends.patching import replace


def install() -> None:
    """Patch moto; a second call changes nothing."""
    replace(SecurityGroupRule, "__eq__", _admits_the_same)
    replace(SecurityGroupRule, "__hash__", object.__hash__)
    replace(SecurityGroupRule, "description", property(_description))


def _admits_the_same(self: SecurityGroupRule, other: object) -> bool:
    """Compare two rules as AWS does; moto's own comparison includes the description of a group's rule."""
    return isinstance(other, SecurityGroupRule) and _admitted(self) == _admitted(other)


def _admitted(rule: SecurityGroupRule) -> tuple[object, ...]:
    return (
        rule.is_egress, rule.ip_protocol, rule.from_port, rule.to_port, rule.ip_range.get("CidrIp"),
        rule.ip_range.get("CidrIpv6"), rule.source_group.get("GroupId"), rule.prefix_list_id,
    )  # fmt: skip


def _description(self: SecurityGroupRule) -> str | None:
    """The rule's description, also where its source is a group; moto looks at CIDR blocks only."""
    return self.ip_range.get("Description") or self.source_group.get("Description")
