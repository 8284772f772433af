"""Every planned value is one that AWS takes: held against botocore's models, whose limits botocore itself never checks.

Planned into an account with nothing in it, a value is what is configured, or what only AWS can tell and so unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from .conftest import State
from .test_configuration import TAGS

MADE_BY = {
    "aws_appautoscaling_policy": "application-autoscaling:PutScalingPolicy",
    "aws_appautoscaling_target": "application-autoscaling:RegisterScalableTarget",
    "aws_autoscaling_group": "autoscaling:CreateAutoScalingGroup",
    "aws_budgets_budget": "budgets:CreateBudget.Budget budgets:CreateNotification budgets:CreateBudget",
    "aws_budgets_budget_action": "budgets:CreateBudgetAction",
    "aws_cloudtrail": "cloudtrail:CreateTrail",
    "aws_cloudwatch_log_group": "logs:CreateLogGroup logs:PutRetentionPolicy",
    "aws_cloudwatch_metric_alarm": "cloudwatch:PutMetricAlarm",
    "aws_db_instance": "rds:CreateDBInstance rds:ModifyDBInstance rds:DeleteDBInstance",
    "aws_db_parameter_group": "rds:CreateDBParameterGroup rds:ModifyDBParameterGroup",
    "aws_db_subnet_group": "rds:CreateDBSubnetGroup",
    "aws_default_security_group": "ec2:CreateTags",
    "aws_ecs_cluster": "ecs:CreateCluster",
    "aws_ecs_service": "ecs:CreateService",
    "aws_ecs_task_definition": "ecs:RegisterTaskDefinition",
    "aws_flow_log": "ec2:CreateFlowLogs",
    "aws_iam_instance_profile": "iam:CreateInstanceProfile iam:AddRoleToInstanceProfile",
    "aws_iam_openid_connect_provider": "iam:CreateOpenIDConnectProvider",
    "aws_iam_policy": "iam:CreatePolicy",
    "aws_iam_role": "iam:CreateRole",
    "aws_iam_role_policy": "iam:PutRolePolicy",
    "aws_iam_role_policy_attachment": "iam:AttachRolePolicy",
    "aws_instance": "ec2:RunInstances",
    "aws_internet_gateway": "ec2:CreateInternetGateway",
    "aws_key_pair": "ec2:ImportKeyPair",
    "aws_launch_template": "ec2:CreateLaunchTemplate.LaunchTemplateData ec2:CreateLaunchTemplate",
    "aws_lb": "elbv2:CreateLoadBalancer",
    "aws_lb_listener": "elbv2:CreateListener",
    "aws_lb_target_group": "elbv2:CreateTargetGroup",
    "aws_route": "ec2:CreateRoute",
    "aws_route53_record": "route53:ChangeResourceRecordSets.ChangeBatch.Changes.ResourceRecordSet",
    "aws_route53_zone": "route53:CreateHostedZone route53:ChangeTagsForResource",
    "aws_route_table": "ec2:CreateRouteTable",
    "aws_route_table_association": "ec2:AssociateRouteTable",
    "aws_s3_bucket": "s3:CreateBucket s3:PutBucketTagging",
    "aws_s3_bucket_policy": "s3:PutBucketPolicy",
    "aws_s3_bucket_public_access_block": "s3:PutPublicAccessBlock.PublicAccessBlockConfiguration",
    "aws_s3_object": "s3:PutObjectTagging s3:PutObject",
    "aws_scheduler_schedule": "scheduler:CreateSchedule",
    "aws_scheduler_schedule_group": "scheduler:CreateScheduleGroup",
    "aws_security_group": "ec2:CreateSecurityGroup",
    "aws_service_discovery_private_dns_namespace": "servicediscovery:CreatePrivateDnsNamespace",
    "aws_service_discovery_service": "servicediscovery:CreateService",
    "aws_sns_topic": "sns:CreateTopic",
    "aws_sns_topic_policy": "sns:SetTopicAttributes",
    "aws_sns_topic_subscription": "sns:Subscribe",
    "aws_ssm_document": "ssm:CreateDocument",
    "aws_subnet": "ec2:CreateSubnet ec2:ModifySubnetAttribute",
    "aws_vpc": "ec2:CreateVpc ec2:ModifyVpcAttribute",
    "aws_vpc_security_group_egress_rule": (
        "ec2:AuthorizeSecurityGroupEgress.IpPermissions ec2:AuthorizeSecurityGroupEgress"
    ),
    "aws_vpc_security_group_ingress_rule": (
        "ec2:AuthorizeSecurityGroupIngress.IpPermissions ec2:AuthorizeSecurityGroupIngress"
    ),
}
"""The calls that make a resource of each type, and where in them its arguments are: all types that are in use."""

NAMED = {
    "aws_autoscaling_group.initial_lifecycle_hook": "LifecycleHookSpecificationList",
    "aws_autoscaling_group.initial_lifecycle_hook.name": "LifecycleHookName",
    "aws_autoscaling_group.instance_refresh": "autoscaling:StartInstanceRefresh",
    "aws_budgets_budget.limit_amount": "BudgetLimit.Amount",
    "aws_budgets_budget.limit_unit": "BudgetLimit.Unit",
    "aws_budgets_budget.notification.subscriber_email_addresses": "budgets:CreateSubscriber.Subscriber.Address",
    "aws_db_instance.enabled_cloudwatch_logs_exports": "EnableCloudwatchLogsExports",
    "aws_db_instance.instance_class": "DBInstanceClass",
    "aws_db_instance.parameter_group_name": "DBParameterGroupName",
    "aws_db_instance.username": "MasterUsername",
    "aws_ecs_service.ordered_placement_strategy": "placementStrategy",
    "aws_instance.ami": "ImageId",
    "aws_instance.iam_instance_profile": "IamInstanceProfile.Name",
    "aws_instance.root_block_device": "BlockDeviceMappings.Ebs",
    "aws_instance.root_block_device.tags": "ec2:RunInstances.TagSpecifications.Tags",
    "aws_instance.vpc_security_group_ids": "SecurityGroupIds",
    "aws_key_pair.public_key": "PublicKeyMaterial",
    "aws_launch_template.vpc_security_group_ids": "SecurityGroupIds",
    "aws_lb.load_balancer_type": "Type",
    "aws_lb_target_group.health_check": "elbv2:CreateTargetGroup",
    "aws_lb_target_group.health_check.matcher": "Matcher.HttpCode",
    "aws_route53_record.alias": "AliasTarget",
    "aws_route53_record.records": "ResourceRecords.Value",
    "aws_route53_zone.comment": "HostedZoneConfig.Comment",
    "aws_sns_topic_policy.policy": "AttributeValue",
    "aws_vpc_security_group_egress_rule.cidr_ipv4": "IpRanges.CidrIp",
    "aws_vpc_security_group_egress_rule.description": "IpRanges.Description",
    "aws_vpc_security_group_ingress_rule.cidr_ipv4": "IpRanges.CidrIp",
    "aws_vpc_security_group_ingress_rule.description": "IpRanges.Description",
}
"""Arguments that terraform calls otherwise than the API does, beyond :func:`_spellings`."""

WITHOUT_A_MODEL = {
    "aws_autoscaling_group": {"force_delete", "min_elb_capacity", "wait_for_capacity_timeout"},
    "aws_ecs_service": {"force_delete", "wait_for_steady_state"},
    "aws_instance": {"user_data_replace_on_change"},
    "aws_launch_template": {"update_default_version"},
    "aws_lb": {"drop_invalid_header_fields", "enable_deletion_protection", "idle_timeout", "internal"},
    "aws_lb_target_group": {"deregistration_delay"},
    "aws_iam_role": {"force_detach_policies"},
    "aws_route53_zone": {"force_destroy"},
    "aws_s3_bucket": {"force_destroy"},
    "aws_s3_object": {"source", "source_hash"},
    "aws_service_discovery_service": {"force_destroy"},
}
"""Arguments that are terraform's own, or go to AWS as a name with a text, of which the models say no more."""

_TAGS = ("tags", "tagspecifications", "tagslist", "resourcetags", "addtags", "tagging")
_CLASSES = {
    r"\p{L}": "A-Za-z", r"\p{N}": "0-9", r"\p{Z}": " ", r"\p{Print}": "[ -~]",
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF", "(?i)": "",
}  # fmt: skip
"""What the models' patterns have of Java's that Python has not; letters as far as ASCII goes, which is all in use."""


@dataclass(frozen=True)
class Problem:
    """A value that AWS would refuse, or an argument that it does not know."""

    where: str
    value: object
    allowed: object


@cache
def model(path: str) -> Shape:
    """The shape of `service:Operation.Member.Member`, through lists to what they hold."""
    service, _, rest = path.partition(":")
    operation, *members = rest.split(".")
    return _each(_within(_service(service).operation_model(operation).input_shape, members))


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def _within(shape: Shape, members: list[str]) -> Shape:
    for member in members:
        shape = _each(shape).members[member]
    return shape


def _each(shape: Shape) -> Any:
    return _each(shape.member) if isinstance(shape, ListShape) else shape


def resource_problems(address: str, kind: str, arguments: Mapping[str, Any]) -> Iterator[Problem]:
    """What AWS would say against the arguments of a resource."""
    shapes = [model(path) for path in MADE_BY[kind].split()]
    known = {name: value for name, value in arguments.items() if name not in WITHOUT_A_MODEL.get(kind, ())}
    yield from _block(address, kind, known, shapes, _nouns(kind))


def _nouns(kind: str) -> list[str]:
    words = kind.split("_")
    return ["".join(words[start:]) for start in range(1, len(words))]


def _block(
    where: str, path: str, arguments: Mapping[str, Any], shapes: list[Shape], nouns: list[str]
) -> Iterator[Problem]:
    for name, value in arguments.items():
        if value not in (None, "", [], {}):
            shape = _shape(f"{path}.{name}", name, shapes, nouns)
            if shape is None:
                yield Problem(
                    f"{where}.{name}", value, sorted(set().union(*(getattr(s, "members", {}) for s in shapes)))
                )
            else:
                yield from _value(f"{where}.{name}", f"{path}.{name}", value, shape)


def _shape(path: str, name: str, shapes: list[Shape], nouns: list[str]) -> Shape | None:
    named = NAMED.get(path, "")
    if ":" in named:
        return model(named)
    for shape in shapes:
        members = {member.lower(): found for member, found in getattr(shape, "members", {}).items()}
        if named and named.split(".")[0].lower() in members:
            return _within(shape, named.split("."))
        for spelling in _TAGS if name == "tags" else _spellings(name, nouns):
            if spelling in members:
                return _holder_of_tags(members[spelling]) if name == "tags" else members[spelling]
    return None


def _holder_of_tags(shape: Shape) -> Shape:
    """Where tags are, which some calls have a level further down."""
    each = shape.member if isinstance(shape, ListShape) else shape
    below = [member for member in getattr(each, "members", {}).values() if isinstance(member, ListShape)]
    return _holder_of_tags(below[0]) if below else shape


def _spellings(name: str, nouns: list[str]) -> Iterator[str]:
    """An argument as the API may spell it: `subscriber` as Subscribers, `name` of a role as RoleName."""
    word = name.replace("_", "").lower()
    for stem in (*(noun + word for noun in nouns), word):
        for suffix in ("", "s", "seconds", "count", "document", "name"):
            yield stem + suffix


def _value(where: str, path: str, value: Any, shape: Shape) -> Iterator[Problem]:
    if isinstance(shape, ListShape):
        listed = _listed(value, shape.member)
        yield from _limits(where, listed, shape)
        for one in listed:
            yield from _value(where, path, one, shape.member)
    elif isinstance(value, list):
        for one in value:
            yield from _value(where, path, one, shape)
    elif isinstance(value, dict) and isinstance(shape, MapShape):
        for key, one in value.items():
            yield from _limits(where, key, shape.key)
            yield from _value(f"{where}.{key}", path, one, shape.value)
    elif isinstance(value, dict) and path.endswith(".tags"):
        for one in _pairs(value, shape):
            yield from _block(where, "", one, [shape], [])
    elif isinstance(value, dict):
        yield from _block(where, path, value, [shape], [path.rpartition(".")[2].replace("_", "")])
    else:
        yield from _limits(where, value, shape)


def _listed(value: Any, each: Shape) -> list[Any]:
    """A value as the API's list of it."""
    if isinstance(value, dict):
        return _pairs(value, each)
    return value if isinstance(value, list) else [value]


def _pairs(mapping: dict[str, Any], each: Shape) -> list[dict[str, Any]]:
    """A map where the API has a list of names (or keys), each with its value."""
    assert isinstance(each, StructureShape)
    return [dict(zip(each.members, pair, strict=False)) for pair in mapping.items()]


def _limits(where: str, value: Any, shape: Shape) -> Iterator[Problem]:
    """What enumeration, pattern, and least and most (characters, items, or the number itself) say."""
    if value is None or isinstance(value, bool):  # not known before it is made; either is allowed
        return
    facts = shape.metadata
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield Problem(where, value, shape.enum)
    pattern = facts.get("pattern")
    if pattern and not re.fullmatch(_in_python(pattern), str(value)) and "enum" not in facts:
        yield Problem(where, value, pattern)
    numeric = shape.type_name in ("integer", "long", "float", "double")
    if numeric and not re.fullmatch(r"-?[0-9.]+", str(value)):
        yield Problem(where, value, "a number")
        return
    size = float(value) if numeric else len(value) if isinstance(value, list) else len(str(value))
    if not facts.get("min", size) <= size <= facts.get("max", size):
        yield Problem(where, value, {key: facts[key] for key in ("min", "max") if key in facts})


@cache
def _in_python(pattern: str) -> str:
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return pattern


@pytest.fixture(scope="module")
def planned(tested: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What would be made in an account with nothing in it, with everything that is optional."""
    plan = next(line["test_plan"] for line in tested if line["type"] == "test_plan")
    return [each for each in plan["resource_changes"] if each["mode"] == "managed"]


def arguments(planned: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a planned resource that are known, with the tags that the provider adds."""
    change = planned["change"]
    assert change["actions"] == ["create"], "only then is nothing in it AWS's own"
    found = dict(change["after"])
    if "tags_all" in change["after_unknown"]:
        found["tags"] = TAGS | (found.get("tags") or {})
    return found


def test_every_type_that_is_used_is_looked_at(planned: list[dict[str, Any]]) -> None:
    assert {each["type"] for each in planned} == set(MADE_BY)


def test_values_are_those_that_aws_takes(planned: list[dict[str, Any]]) -> None:
    assert [
        problem for each in planned for problem in resource_problems(each["address"], each["type"], arguments(each))
    ] == []


CONTAINERS = "ecs:RegisterTaskDefinition.containerDefinitions"


def test_containers_are_what_ecs_takes(state: State) -> None:
    for one in json.loads(state.one("aws_ecs_task_definition")["container_definitions"]):
        assert list(_block("container", "", one, [model(CONTAINERS)], [])) == []


def test_what_ends_the_environment_is_called_with_values_that_each_api_takes(state: State) -> None:
    for schedule in state.all("aws_scheduler_schedule").values():
        service, call = schedule["target"][0]["arn"].removeprefix("arn:aws:scheduler:::aws-sdk:").split(":")
        service = service.replace("elasticloadbalancingv2", "elbv2")
        operation = next(name for name in _service(service).operation_names if name.lower() == call.lower())
        sent = json.loads(schedule["target"][0]["input"])
        assert list(_block(schedule["name"], "", sent, [model(f"{service}:{operation}")], [])) == []


# Limits that the models tell in prose only.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
@pytest.mark.parametrize("kind", ["aws_lb", "aws_lb_target_group"])
def test_load_balancing_has_short_names(kind: str, state: State) -> None:
    names = [each["name"] for each in state.all(kind).values()]
    assert [
        name for name in names if not re.fullmatch(r"(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?", name)
    ] == []


@pytest.mark.parametrize(
    ("kind", "wrong", "where", "allowed"),
    [
        ("aws_lb", {"load_balancer_type": "aplication"}, "load_balancer_type", "application"),
        ("aws_instance", {"instance_type": "t3.mini"}, "instance_type", "t3.micro"),
        ("aws_iam_role", {"max_session_duration": 600}, "max_session_duration", "3600"),
        ("aws_iam_role", {"name": "who breaks"}, "name", r"[\w+=,.@-]+"),
        ("aws_iam_role", {"tags": {"ends": "18:30 (UTC)"}}, "tags.Value", r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"),
        ("aws_scheduler_schedule", {"name": "s" * 65}, "name", "64"),
        (
            "aws_scheduler_schedule",
            {"target": [{"retry_policy": [{"maximum_retry_attempts": 186}]}]},
            "target.retry_policy.maximum_retry_attempts",
            "185",
        ),
        ("aws_lb_target_group", {"health_check": [{"interval": 301}]}, "health_check.interval", "300"),
        ("aws_budgets_budget", {"notification": [{"threshold_type": "EUR"}]}, "notification.threshold_type", "PERCENT"),
        ("aws_db_parameter_group", {"parameter": [{"apply_method": "now"}]}, "parameter.apply_method", "immediate"),
        ("aws_ecs_service", {"desired_count": "two"}, "desired_count", "a number"),
        ("aws_vpc", {"cidr": "10.0.0.0/16"}, "cidr", "CidrBlock"),
    ],
)
def test_a_wrong_value_is_found_and_told_with_what_is_allowed(
    kind: str, wrong: dict[str, Any], where: str, allowed: str
) -> None:
    (problem,) = resource_problems("there", kind, wrong)
    assert problem.where == f"there.{where}"
    assert allowed in str(problem.allowed)
