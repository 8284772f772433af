"""What puts each fault back: planned from the environment as it is before the fault acts, and safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Aws, answering

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Inverse:
    """The call that undoes a fault: `kind` names one of :data:`PLAYERS`, `arguments` are JSON."""

    kind: str
    arguments: Arguments


class Outcome(StrEnum):
    """What playing an inverse came to."""

    RESTORED = "restored"
    NOT_NEEDED = "not needed"
    GONE = "gone"
    """What the fault changed does not exist any more, so there is nothing to put back."""


def plan(module: str, func: str, arguments: Arguments, aws: Aws) -> Inverse | None:
    """The inverse of the activity `module`.`func` called with `arguments`, looked up before it acts.

    None when the activity breaks nothing. Raises :class:`GameError` for an action of chaosaws whose inverse
    nobody knows, or whose target is not as the action expects it.
    """
    planner = PLANNERS.get((module, func))
    if planner is not None:
        return planner(arguments, aws)
    if module.startswith("chaosaws.") and module.endswith(".actions"):
        raise GameError(f"Nobody knows how to undo {module}.{func}, so it is not played.", "Use another action.")
    return None


def play(inverse: Inverse, aws: Aws) -> Outcome:
    """Put back what `inverse` is for; repeating it changes nothing.

    Raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` when AWS refuses or does not answer.
    """
    return PLAYERS[inverse.kind](inverse.arguments, aws)


def ingress_permission(
    protocol: str, from_port: int, to_port: int, *, group_id: str | None, cidr: str | None, description: str
) -> dict[str, Any]:
    """An `IpPermission` with one source: the security group `group_id`, or `cidr`."""
    described = {"Description": description} if description else {}
    permission: dict[str, Any] = {"IpProtocol": protocol, "FromPort": from_port, "ToPort": to_port}
    if cidr is not None:
        return {**permission, "IpRanges": [{"CidrIp": cidr, **described}]}
    return {**permission, "UserIdGroupPairs": [{"GroupId": group_id, **described}]}


def put_ingress_back(
    group_id: str, permission: Mapping[str, Any], ec2: Any, tags: Mapping[str, str] | None = None
) -> Outcome:
    """Make sure that the security group `group_id` has the ingress rule `permission`, by the client `ec2`."""
    request: dict[str, Any] = {"GroupId": group_id, "IpPermissions": [permission]}
    if tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        request["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": pairs}]
    with answering(f"Putting the rule back into {group_id}"):
        try:
            ec2.authorize_security_group_ingress(**request)
        except ClientError as refusal:
            code = refusal.response["Error"]["Code"]
            if code == "InvalidPermission.Duplicate":
                return Outcome.NOT_NEEDED
            if code in ("InvalidGroup.NotFound", "InvalidGroupId.NotFound"):
                return Outcome.GONE
            raise
    return Outcome.RESTORED


def _plan_revoked_ingress(arguments: Arguments, aws: Aws) -> Inverse:
    group_id = arguments["requested_security_group_id"]
    with answering(f"Looking up the rules of {group_id}"):
        answer = aws.client("ec2").describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [group_id]}], MaxResults=1000
        )
    for rule in answer["SecurityGroupRules"]:
        if _is_rule(rule, arguments):
            tags = {tag["Key"]: tag["Value"] for tag in rule.get("Tags", [])}
            inverse = {"group_id": group_id, "permission": _permission(rule), "tags": tags}
            return Inverse("ec2.authorize_security_group_ingress", inverse)
    source = arguments.get("ingress_security_group_id") or arguments.get("cidr_ip")
    raise GameError(
        f"The rule that the fault takes away is not there: {group_id} does not admit {source} to port "
        f"{arguments['from_port']}.",
        "Rebuild the environment: it is not as it was built.",
    )


def _is_rule(rule: Mapping[str, Any], wanted: Arguments) -> bool:
    source = rule.get("ReferencedGroupInfo", {}).get("GroupId") or rule.get("CidrIpv4")
    return (
        not rule["IsEgress"]
        and rule["IpProtocol"] == wanted["ip_protocol"]
        and (rule.get("FromPort"), rule.get("ToPort")) == (wanted["from_port"], wanted["to_port"])
        and source == (wanted.get("ingress_security_group_id") or wanted.get("cidr_ip"))
    )


def _permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    return ingress_permission(
        rule["IpProtocol"], rule["FromPort"], rule["ToPort"],
        group_id=rule.get("ReferencedGroupInfo", {}).get("GroupId"), cidr=rule.get("CidrIpv4"),
        description=rule.get("Description", ""),
    )  # fmt: skip


def _play_authorize_ingress(arguments: Arguments, aws: Aws) -> Outcome:
    return put_ingress_back(
        arguments["group_id"], arguments["permission"], aws.client("ec2"), arguments["tags"]
    )


PLANNERS: Mapping[tuple[str, str], Callable[[Arguments, Aws], Inverse]] = {
    ("chaosaws.ec2.actions", "revoke_security_group_ingress"): _plan_revoked_ingress,
}
PLAYERS: Mapping[str, Callable[[Arguments, Aws], Outcome]] = {
    "ec2.authorize_security_group_ingress": _play_authorize_ingress,
}
