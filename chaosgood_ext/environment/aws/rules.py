"""Security-group rules of the environment that were not built: those that a player made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosgood_ext.environment.aws.account import answering
from chaosgood_ext.environment.aws.asking import Aws


@dataclass(frozen=True)
class Rule:
    """A rule as DescribeSecurityGroupRules tells of it, and as people would."""

    known: Mapping[str, Any]
    text: str


def foreign(aws: Aws, built: set[str]) -> list[Rule]:
    """Each rule of the environment's groups whose id is not among those that were `built`; none before any was."""
    with answering("which security-group rules there are"):
        found = aws.every("ec2", "describe_security_groups", "SecurityGroups", Filters=aws.tag)
        groups = {group["GroupId"]: group["GroupName"] for group in found}
        if not groups or not built:
            return []
        of_groups = [{"Name": "group-id", "Values": sorted(groups)}]
        rules = list(aws.every("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=of_groups))
    return [Rule(rule, _said(rule, groups)) for rule in rules if rule["SecurityGroupRuleId"] not in built]


def revoke(aws: Aws, rule: Mapping[str, Any]) -> None:
    """Revoke a rule, as DescribeSecurityGroupRules tells of it; raises botocore's errors."""
    direction = "egress" if rule["IsEgress"] else "ingress"
    call = getattr(aws["ec2"], f"revoke_security_group_{direction}")
    call(GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])


def _said(rule: Mapping[str, Any], groups: Mapping[str, str]) -> str:
    referenced = rule.get("ReferencedGroupInfo", {}).get("GroupId", "")
    other = (
        rule.get("CidrIpv4") or rule.get("CidrIpv6") or groups.get(referenced, referenced) or rule.get("PrefixListId")
    )
    protocol = "all traffic" if rule["IpProtocol"] == "-1" else f"{rule['IpProtocol']} {rule['FromPort']}"
    if rule["IpProtocol"] != "-1" and rule["ToPort"] != rule["FromPort"]:
        protocol += f"-{rule['ToPort']}"
    way = "to" if rule["IsEgress"] else "from"
    return f"{groups[rule['GroupId']]}: {protocol} {way} {other} ({rule['SecurityGroupRuleId']})"
