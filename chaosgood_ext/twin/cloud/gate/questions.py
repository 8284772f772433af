"""What a call asks of IAM: which action, on which resources, with which condition keys.

Source: the Service Authorization Reference, for every action that a policy of this project allows on some resources
only; a test sees that none is missing. All other actions are asked for on `*`: no policy here allows them on less.

A resource that does not exist is not asked for: the service itself says so, as AWS's mostly do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.cloud import ACCOUNT_ID
from chaosgood_ext.twin.cloud.gate.policy import Question

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.wire import Call

_PREFIXES = {"monitoring": "cloudwatch"}
# Where an action's name in policies is not that of the call.
_ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket", "s3:ListObjects": "s3:ListBucket", "s3:HeadObject": "s3:GetObject"}

Asked = Mapping[str, Any]
Resource = tuple[str, dict[str, str]]
"""An ARN, and the condition keys that belong to that resource."""


def action_of(call: Call) -> str:
    """The action as policies name it."""
    action = f"{_PREFIXES.get(call.signing_name, call.signing_name)}:{call.action}"
    return _ACTIONS.get(action, action)


class Questions:
    """Turns calls into questions, by looking up in moto's state what a call names. Under the tap's lock."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._region = state.region
        self.resources: dict[str, Callable[[Asked], Iterable[Resource]]] = {
            **dict.fromkeys(_GROUP_RULES, self._security_group),
            "ec2:ModifySecurityGroupRules": self._group_and_rules,
            "ec2:CreateSecurityGroup": self._new_group,
            "ec2:ModifyNetworkInterfaceAttribute": self._interface,
            **dict.fromkeys(_ACLS, self._network_acl),
            **dict.fromkeys(_ROUTES, self._route_table),
            **dict.fromkeys(_INSTANCES, self._instances),
            "ec2:RunInstances": self._launch,
            "ec2:CreateTags": self._tagged,
            **dict.fromkeys(_CAPACITY, self._group_of_instances),
            **dict.fromkeys(_BALANCING, self._named_by_arn),
            **dict.fromkeys(_TASKS, self._tasks),
            "ecs:RegisterTaskDefinition": lambda asked: [
                (self._arn("ecs", f"task-definition/{asked['family']}:*"), {})
            ],
            **dict.fromkeys(_DATABASE, self._database),
            **dict.fromkeys(_PARAMETERS, self._parameter_group),
            **dict.fromkeys(_LOGS, self._log_groups),
            "ssm:SendCommand": self._command,
            "ssm:StartSession": self._command,
            **dict.fromkeys(_SESSIONS, lambda asked: [(self._arn("ssm", f"session/{asked.get('SessionId', '')}"), {})]),
            "sts:AssumeRole": lambda asked: [(str(asked.get("RoleArn", "")), {})],
        }

    def of(self, call: Call, action: str) -> Iterator[Question]:
        """The questions of a call, all of which must be answered by yes."""
        common = {"aws:requestedregion": call.region, "aws:userid": call.identity.principal_id}
        look = self.resources.get(action)
        if look is None:
            yield Question(action, "*", common)
            return
        asked = call.parameters
        for arn, context in look(asked):
            yield Question(action, arn, common | context)
        for arn, service in self._passed(action, asked):
            yield Question("iam:PassRole", arn, common | {"iam:passedtoservice": service})
        if action.startswith("ec2:") and action != "ec2:CreateTags":
            for one in asked.get("TagSpecifications") or ():
                made = {"ec2:createaction": call.action}
                yield Question("ec2:CreateTags", self._arn("ec2", f"{one['ResourceType']}/*"), common | made)

    def _arn(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self._region}:{ACCOUNT_ID}:{name}"

    # -- EC2

    def _in_vpc(self, kind: str, resource_id: str, vpc_id: str, tags: Mapping[str, str] | None = None) -> Resource:
        context = {f"aws:resourcetag/{key.lower()}": value for key, value in (tags or {}).items()}
        return self._arn("ec2", f"{kind}/{resource_id}"), {**context, "ec2:vpc": self._arn("ec2", f"vpc/{vpc_id}")}

    def _groups(self, ids: Iterable[str]) -> Iterator[Resource]:
        for group_id in ids:
            group = self._state.ec2.get_security_group_from_id(group_id)
            if group is not None:
                yield self._in_vpc("security-group", group.id, str(group.vpc_id))

    def _security_group(self, asked: Asked) -> Iterator[Resource]:
        if asked.get("GroupId"):
            yield from self._groups([asked["GroupId"]])
        else:  # by its name, which means the default VPC
            yield self._arn("ec2", "security-group/*"), {}

    def _group_and_rules(self, asked: Asked) -> Iterator[Resource]:
        yield from self._security_group(asked)
        for one in asked.get("SecurityGroupRules") or ():
            yield self._arn("ec2", f"security-group-rule/{one['SecurityGroupRuleId']}"), {}

    def _new_group(self, asked: Asked) -> Iterator[Resource]:
        yield self._arn("ec2", f"vpc/{asked.get('VpcId') or 'default'}"), {}
        yield self._arn("ec2", "security-group/*"), {}

    def _interface(self, asked: Asked) -> Iterator[Resource]:
        interface = self._state.ec2.enis.get(asked.get("NetworkInterfaceId", ""))
        if interface is not None:
            yield self._in_vpc("network-interface", interface.id, str(interface.subnet.vpc_id))
        yield from self._groups(asked.get("Groups") or ())

    def _subnet(self, subnet_id: str) -> Iterator[Resource]:
        for zone in self._state.ec2.subnets.values():
            if subnet_id in zone:
                yield self._in_vpc("subnet", subnet_id, str(zone[subnet_id].vpc_id))

    def _network_acl(self, asked: Asked) -> Iterator[Resource]:
        acls = self._state.ec2.network_acls
        if acl := acls.get(asked.get("NetworkAclId", "")):
            yield self._in_vpc("network-acl", acl.id, str(acl.vpc_id))
        for acl in acls.values():
            for association in acl.associations:
                if association.id == asked.get("AssociationId"):
                    yield from self._subnet(str(association.subnet_id))

    def _route_table(self, asked: Asked) -> Iterator[Resource]:
        tables = self._state.ec2.route_tables
        if table := tables.get(asked.get("RouteTableId", "")):
            yield self._in_vpc("route-table", table.id, str(table.vpc_id))
        yield from self._subnet(asked.get("SubnetId") or "")
        for table in tables.values():
            for association in table.associations:
                if association.get("RouteTableAssociationId") == asked.get("AssociationId"):
                    yield from self._subnet(str(association.get("SubnetId", "")))

    def _instances(self, asked: Asked) -> Iterator[Resource]:
        ids = set(asked.get("InstanceIds") or ())
        for reservation in self._state.ec2.reservations.values():
            for one in reservation.instances:
                if one.id in ids:
                    tags = {tag["key"]: tag["value"] for tag in one.get_tags()}
                    yield self._in_vpc("instance", one.id, str(one.vpc_id), tags)

    def _launch(self, asked: Asked) -> Iterator[Resource]:
        template, data = self._template(asked)
        known = {**data, **{key: value for key, value in asked.items() if value}}
        context = {
            "ec2:instancetype": str(known.get("InstanceType", "m1.small")),
            "ec2:metadatahttptokens": str((known.get("MetadataOptions") or {}).get("HttpTokens", "optional")),
            "ec2:tenancy": str((known.get("Placement") or {}).get("Tenancy", "default")),
        }
        if template is not None:
            arn = self._arn("ec2", f"launch-template/{template.id}")
            context["ec2:launchtemplate"] = arn
            yield arn, {f"aws:resourcetag/{tag['key'].lower()}": tag["value"] for tag in template.get_tags()}
        yield self._arn("ec2", "instance/*"), context
        for context in _volumes(data.get("BlockDeviceMappings") or (), asked.get("BlockDeviceMappings") or ()):
            yield self._arn("ec2", "volume/*"), context
        yield f"arn:aws:ec2:{self._region}::image/{known.get('ImageId', '*')}", {}
        subnets = list(self._subnet(str(known.get("SubnetId") or "")))
        # Without a subnet it would be the default VPC's.
        yield from subnets or [(self._arn("ec2", "subnet/default"), {})]
        yield self._arn("ec2", "network-interface/*"), subnets[0][1] if subnets else {}
        yield from self._groups(known.get("SecurityGroupIds") or ())
        if known.get("KeyName"):
            yield self._arn("ec2", f"key-pair/{known['KeyName']}"), {}

    def _template(self, asked: Asked) -> tuple[Any, Mapping[str, Any]]:
        wanted = asked.get("LaunchTemplate") or {}
        for template in self._state.ec2.launch_templates.values():
            if wanted and (template.id, template.name)[not wanted.get("LaunchTemplateId")] in wanted.values():
                version = template.get_version(wanted.get("Version") or "$Default")
                return template, version.data
        return None, {}

    def _tagged(self, asked: Asked) -> Iterator[Resource]:
        for resource_id in asked.get("Resources") or ():
            kind = _KINDS.get(resource_id.rpartition("-")[0], "*")
            yield self._arn("ec2", f"{kind}/{resource_id}"), {}

    def _passed(self, action: str, asked: Asked) -> Iterator[tuple[str, str]]:
        """Roles that a call hands to a service."""
        if action == "ecs:RegisterTaskDefinition":
            for key in ("taskRoleArn", "executionRoleArn"):
                if role := asked.get(key):
                    arn = role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT_ID}:role/{role}"
                    yield arn, "ecs-tasks.amazonaws.com"
        if action == "ec2:RunInstances":
            _, data = self._template(asked)
            profile = asked.get("IamInstanceProfile") or data.get("IamInstanceProfile") or {}
            if name := profile.get("Name") or str(profile.get("Arn", "")).rpartition("/")[2]:
                yield f"arn:aws:iam::{ACCOUNT_ID}:role/{name}", "ec2.amazonaws.com"

    # -- everything else

    def _group_of_instances(self, asked: Asked) -> Iterator[Resource]:
        name, instance_id = asked.get("AutoScalingGroupName"), asked.get("InstanceId")
        context = _of_group(asked)
        for group in self._state.autoscaling.autoscaling_groups.values():
            ids = {state.instance.id for state in group.instance_states}
            if group.name == name or instance_id in ids:
                yield group.arn, context

    def _named_by_arn(self, asked: Asked) -> Iterator[Resource]:
        for key in ("TargetGroupArn", "LoadBalancerArn", "ListenerArn"):
            if asked.get(key):
                yield asked[key], {}

    def _tasks(self, asked: Asked) -> Iterator[Resource]:
        cluster = str(asked.get("cluster") or "default").rpartition("/")[2]
        named = {"service": "service", "task": "task", "containerInstance": "container-instance"}
        found = [(kind, asked[key]) for key, kind in named.items() if asked.get(key)]
        found += [("container-instance", one) for one in asked.get("containerInstances") or ()]
        for kind, value in found:
            yield self._arn("ecs", f"{kind}/{cluster}/{str(value).rpartition('/')[2]}"), {}

    def _database(self, asked: Asked) -> Iterator[Resource]:
        keys = {
            "rds:databaseclass": "DBInstanceClass", "rds:storagesize": "AllocatedStorage", "rds:multiaz": "MultiAZ",
            "rds:piops": "Iops",
        }  # fmt: skip
        context = {key: str(asked[name]).lower() for key, name in keys.items() if asked.get(name) is not None}
        for kind, name in (
            ("db", "DBInstanceIdentifier"),
            ("pg", "DBParameterGroupName"),
            ("subgrp", "DBSubnetGroupName"),
        ):
            if asked.get(name):
                yield self._arn("rds", f"{kind}:{asked[name]}"), context

    def _parameter_group(self, asked: Asked) -> Iterator[Resource]:
        yield self._arn("rds", f"pg:{asked.get('DBParameterGroupName', '')}"), {}

    def _log_groups(self, asked: Asked) -> Iterator[Resource]:
        names = [asked[key] for key in ("logGroupName", "logGroupIdentifier") if asked.get(key)]
        for key in ("logGroupNames", "logGroupIdentifiers"):
            names += asked.get(key) or ()
        for name in names:
            yield name if name.startswith("arn:") else self._arn("logs", f"log-group:{name}"), {}

    def _command(self, asked: Asked) -> Iterator[Resource]:
        ids = [*(asked.get("InstanceIds") or ()), *([asked["Target"]] if asked.get("Target") else ())]
        yield from self._instances({"InstanceIds": ids})
        name = asked.get("DocumentName") or "SSM-SessionManagerRunShell"
        owner = "" if name.startswith("AWS-") else ACCOUNT_ID
        yield f"arn:aws:ssm:{self._region}:{owner}:document/{name}", {}


def _volumes(*mappings: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """The condition keys of each volume of a launch; the last mapping to say something of a device wins."""
    disks: dict[str, dict[str, Any]] = {}
    for one in chain(*mappings):
        disks.setdefault(str(one.get("DeviceName")), {}).update(one.get("Ebs") or {})
    keys = {
        "ec2:volumesize": "VolumeSize", "ec2:volumetype": "VolumeType", "ec2:volumeiops": "Iops",
        "ec2:volumethroughput": "Throughput", "ec2:encrypted": "Encrypted",
    }  # fmt: skip
    for disk in disks.values() or [{}]:
        yield {key: str(disk[name]).lower() for key, name in keys.items() if disk.get(name) is not None}


def _of_group(asked: Asked) -> dict[str, str]:
    """The condition keys of a change to an auto scaling group, each of which is there only if the call says it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
    """
    mixed = (asked.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    template = asked.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    types = [one["InstanceType"] for one in mixed.get("Overrides") or () if one.get("InstanceType")]
    context = {
        "autoscaling:maxsize": asked.get("MaxSize"),
        "autoscaling:launchconfigurationname": asked.get("LaunchConfigurationName"),
        "autoscaling:instancetypes": ",".join(types) or None,
        "autoscaling:launchtemplateversionspecified": None
        if template is None
        else str(template.get("Version", "$Default") not in ("$Default", "$Latest")).lower(),
    }
    return {key: str(value) for key, value in context.items() if value is not None}


def _named(service: str, *actions: str) -> list[str]:
    return [f"{service}:{action}" for action in actions]


_GROUP_RULES = _named(
    "ec2", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "DeleteSecurityGroup",
    "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress", "UpdateSecurityGroupRuleDescriptionsEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
)  # fmt: skip
_ACLS = _named(
    "ec2", "CreateNetworkAclEntry", "DeleteNetworkAclEntry", "ReplaceNetworkAclEntry", "ReplaceNetworkAclAssociation"
)
_ROUTES = _named(
    "ec2", "AssociateRouteTable", "CreateRoute", "DeleteRoute", "ReplaceRoute", "ReplaceRouteTableAssociation"
)
_INSTANCES = _named("ec2", "RebootInstances", "StartInstances", "StopInstances", "TerminateInstances")
_CAPACITY = _named(
    "autoscaling", "AttachInstances", "AttachLoadBalancerTargetGroups", "DetachInstances", "EnterStandby",
    "ExitStandby", "ResumeProcesses", "SetDesiredCapacity", "SetInstanceHealth", "SuspendProcesses",
    "TerminateInstanceInAutoScalingGroup", "UpdateAutoScalingGroup",
)  # fmt: skip
_BALANCING = _named(
    "elasticloadbalancing", "DeregisterTargets", "ModifyListener", "ModifyTargetGroup", "ModifyTargetGroupAttributes",
    "RegisterTargets", "SetSecurityGroups", "SetSubnets",
)  # fmt: skip
_TASKS = _named(
    "ecs", "DeregisterContainerInstance", "ExecuteCommand", "StopTask", "UpdateContainerInstancesState", "UpdateService"
)
_DATABASE = _named("rds", "ModifyDBInstance", "RebootDBInstance", "StartDBInstance", "StopDBInstance")
_PARAMETERS = _named("rds", "ModifyDBParameterGroup", "ResetDBParameterGroup")
_LOGS = _named("logs", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents", "StartLiveTail", "StartQuery")
_SESSIONS = _named("ssm", "ResumeSession", "TerminateSession")
_KINDS = {
    "sg": "security-group", "sgr": "security-group-rule", "i": "instance", "vol": "volume", "eni": "network-interface",
    "vpc": "vpc", "subnet": "subnet", "acl": "network-acl", "rtb": "route-table", "lt": "launch-template",
}  # fmt: skip
