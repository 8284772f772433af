"""Rules of security groups that an action takes away or adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome

_GONE = r"InvalidGroup(Id)?\.(NotFound|Malformed)"


def ingress_permission(
    protocol: str,
    from_port: int | None,
    to_port: int | None,
    *,
    group_id: str | None,
    cidr: str | None,
    description: str,
) -> dict[str, Any]:
    """An `IpPermission` with one source: the security group `group_id`, or `cidr`; ports may be None (all)."""
    described = {"Description": description} if description else {}
    permission: dict[str, Any] = {"IpProtocol": protocol}
    if from_port is not None:
        permission |= {"FromPort": from_port, "ToPort": to_port}
    if cidr is not None:
        return {**permission, "IpRanges": [{"CidrIp": cidr, **described}]}
    return {**permission, "UserIdGroupPairs": [{"GroupId": group_id, **described}]}


def put_ingress_back(
    group_id: str, permission: Mapping[str, Any], clients: Clients, tags: Mapping[str, str] | None = None
) -> Outcome:
    """Make sure that the security group `group_id` has the ingress rule `permission`."""
    arguments = {"group_id": group_id, "permission": permission, "tags": dict(tags or {})}
    return AUTHORIZE.play(f"Putting the rule back into {group_id}", arguments, clients)


def plan_revoked(arguments: Arguments, clients: Clients) -> Inverse:
    """The rule as it is now: ports, source, description and tags."""
    group_id = arguments["requested_security_group_id"]
    rule = _find(arguments, clients)
    if rule is None:
        raise GameError(
            f"The rule that the fault takes away is not there: {group_id} does not admit {_source(arguments)} to port "
            f"{arguments['from_port']}.",
            "Rebuild the environment: it is not as it was built.",
        )
    tags = {tag["Key"]: tag["Value"] for tag in rule.get("Tags", [])}
    permission = ingress_permission(
        rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"),
        group_id=rule.get("ReferencedGroupInfo", {}).get("GroupId"), cidr=rule.get("CidrIpv4"),
        description=rule.get("Description", ""),
    )  # fmt: skip
    return Inverse(
        "ec2.authorize_security_group_ingress", {"group_id": group_id, "permission": permission, "tags": tags}
    )


def plan_authorized(arguments: Arguments, clients: Clients) -> Inverse:
    """The rule that is not there yet."""
    group_id = arguments["requested_security_group_id"]
    if _find(arguments, clients) is not None:
        raise GameError(
            f"The rule that the fault adds is there already: {group_id} admits {_source(arguments)} to port "
            f"{arguments['from_port']}.",
            "Rebuild the environment: it is not as it was built.",
        )
    permission = ingress_permission(
        str(arguments["ip_protocol"]), arguments["from_port"], arguments["to_port"],
        group_id=arguments.get("ingress_security_group_id"), cidr=arguments.get("cidr_ip"), description="",
    )  # fmt: skip
    return Inverse("ec2.revoke_security_group_ingress", {"group_id": group_id, "permission": permission})


def _find(wanted: Arguments, clients: Clients) -> Mapping[str, Any] | None:
    group_id = wanted["requested_security_group_id"]
    with answering(f"Looking up the rules of {group_id}"):
        rules = _rules(group_id, clients)
    return next((rule for rule in rules if _is_rule(rule, wanted)), None)


def _rules(group_id: str, clients: Clients) -> Sequence[Mapping[str, Any]]:
    pages = clients.client("ec2").get_paginator("describe_security_group_rules")
    found = pages.paginate(Filters=[{"Name": "group-id", "Values": [group_id]}])
    return [rule for page in found for rule in page["SecurityGroupRules"]]


def _is_rule(rule: Mapping[str, Any], wanted: Arguments) -> bool:
    source = rule.get("ReferencedGroupInfo", {}).get("GroupId") or rule.get("CidrIpv4")
    protocol = str(wanted["ip_protocol"])
    return (
        not rule["IsEgress"]
        and rule["IpProtocol"] == protocol
        and (protocol == "-1" or (rule.get("FromPort"), rule.get("ToPort")) == (wanted["from_port"], wanted["to_port"]))
        and source == _source(wanted)
    )


def _source(arguments: Arguments) -> str | None:
    return arguments.get("ingress_security_group_id") or arguments.get("cidr_ip")


def _authorize(arguments: Arguments) -> list[Call]:
    request: dict[str, Any] = {"GroupId": arguments["group_id"], "IpPermissions": [arguments["permission"]]}
    if arguments.get("tags"):
        pairs = [{"Key": key, "Value": value} for key, value in arguments["tags"].items()]
        request["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": pairs}]
    return [Call("ec2", "authorize_security_group_ingress", request)]


def _revoke(arguments: Arguments) -> list[Call]:
    request = {"GroupId": arguments["group_id"], "IpPermissions": [arguments["permission"]]}
    return [Call("ec2", "revoke_security_group_ingress", request)]


def _describe_as_before(arguments: Arguments, clients: Clients) -> None:
    """Whoever put the rule back left out what it is for: give it its description and its tags again."""
    permission = arguments["permission"]
    (source,) = permission.get("IpRanges") or permission["UserIdGroupPairs"]
    asked = {
        "ip_protocol": permission["IpProtocol"], "from_port": permission.get("FromPort"),
        "to_port": permission.get("ToPort"), "cidr_ip": source.get("CidrIp"),
        "ingress_security_group_id": source.get("GroupId"),
    }  # fmt: skip
    rule = next((one for one in _rules(arguments["group_id"], clients) if _is_rule(one, asked)), None)
    if rule is None:
        return
    ec2 = clients.client("ec2")
    if rule.get("Description", "") != source.get("Description", ""):
        ec2.update_security_group_rule_descriptions_ingress(GroupId=arguments["group_id"], IpPermissions=[permission])
    there = {tag["Key"]: tag["Value"] for tag in rule.get("Tags", [])}
    if lacking := {key: value for key, value in (arguments.get("tags") or {}).items() if there.get(key) != value}:
        pairs = [{"Key": key, "Value": value} for key, value in lacking.items()]
        ec2.create_tags(Resources=[rule["SecurityGroupRuleId"]], Tags=pairs)


AUTHORIZE = Kind(_authorize, already=r"InvalidPermission\.Duplicate", gone=_GONE, touch_up=_describe_as_before)
REVOKE = Kind(_revoke, already=r"InvalidPermission\.NotFound", gone=_GONE)
