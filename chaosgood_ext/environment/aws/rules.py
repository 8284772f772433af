"""Security-group rules of the environment that were not built: those that a player made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosgood_ext.environment.aws.account import answering


def foreign(session: Any, topology: Mapping[str, Any], known: set[str]) -> list[str]:
    """Each rule of the environment's groups that is not `known`, in words; none before there are known ones."""
    ec2 = session.client("ec2", region_name=topology["region"])
    ours = [{"Name": "tag:game", "Values": [topology["name"]]}]
    with answering("which security-group rules there are"):
        groups = {
            group["GroupId"]: group["GroupName"]
            for page in ec2.get_paginator("describe_security_groups").paginate(Filters=ours)
            for group in page["SecurityGroups"]
        }
        if not groups or not known:
            return []
        pages = ec2.get_paginator("describe_security_group_rules").paginate(
            Filters=[{"Name": "group-id", "Values": sorted(groups)}]
        )
        rules = [rule for page in pages for rule in page["SecurityGroupRules"]]
    return [_said(rule, groups) for rule in rules if rule["SecurityGroupRuleId"] not in known]


def _said(rule: Mapping[str, Any], groups: Mapping[str, str]) -> str:
    referenced = rule.get("ReferencedGroupInfo", {}).get("GroupId", "")
    other = (
        rule.get("CidrIpv4") or rule.get("CidrIpv6") or groups.get(referenced, referenced) or rule.get("PrefixListId")
    )
    protocol = "all traffic" if rule["IpProtocol"] == "-1" else f"{rule['IpProtocol']} {rule['FromPort']}"
    if rule["IpProtocol"] != "-1" and rule["ToPort"] != rule["FromPort"]:
        protocol += f"-{rule['ToPort']}"
    way = "to" if rule["IsEgress"] else "from"
    return (
        f"{groups[rule['GroupId']]}: {protocol} {way} {other} ({rule['SecurityGroupRuleId']}) was not built, and goes"
    )
