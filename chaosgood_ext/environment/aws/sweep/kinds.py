"""Every kind of thing that an environment consists of: how the environment's are found, and how one is deleted.

What costs or is in the way of other things comes first. Where AWS refuses for now (something is still in use, or being
deleted), the next round asks again; so nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chaosgood_ext.environment.aws import rules
from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.sweep import identities

_DEAD = {"terminated", "shutting-down"}


@dataclass(frozen=True)
class Kind:
    """What people call it, which ids or names of it are the environment's, and the deletion of one.

    `arns` are beginnings of `SERVICE:RESOURCE` in ARNs: of these, `find` knows better than AWS's tagging API, which
    lists things for hours after their end.
    """

    name: str
    find: Callable[[Aws], Iterable[str]]
    delete: Callable[[Aws, str], object]
    arns: tuple[str, ...] = ()


# -- containers


def _scalable_targets(aws: Aws) -> Iterator[str]:
    found = aws.every("application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs")
    yield from (one["ResourceId"] for one in found if one["ResourceId"].startswith(f"service/{aws.game}/"))


def _deregister(aws: Aws, service: str) -> None:
    aws["application-autoscaling"].deregister_scalable_target(
        ServiceNamespace="ecs", ResourceId=service, ScalableDimension="ecs:service:DesiredCount"
    )


def _clusters(aws: Aws) -> Iterator[str]:
    for arn in aws.every("ecs", "list_clusters", "clusterArns"):
        (cluster,) = aws["ecs"].describe_clusters(clusters=[arn], include=["TAGS"])["clusters"]
        if cluster["status"] != "INACTIVE" and aws.is_ours(cluster.get("tags")):
            yield arn


def _services(aws: Aws) -> Iterator[str]:
    for cluster in _clusters(aws):
        yield from aws.every("ecs", "list_services", "serviceArns", cluster=cluster)


def _delete_service(aws: Aws, arn: str) -> None:
    aws["ecs"].delete_service(cluster=arn.split("/")[-2], service=arn, force=True)


def _container_instances(aws: Aws) -> Iterator[str]:
    for cluster in _clusters(aws):
        yield from aws.every("ecs", "list_container_instances", "containerInstanceArns", cluster=cluster)


def _deregister_container_instance(aws: Aws, arn: str) -> None:
    aws["ecs"].deregister_container_instance(cluster=arn.split("/")[-2], containerInstance=arn, force=True)


def _task_definitions(aws: Aws) -> Iterator[str]:
    """Revisions for tasks of the environment; a responder's carry no tag, but name a role of its tasks."""
    for arn in aws.every("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
        known = aws["ecs"].describe_task_definition(taskDefinition=arn, include=["TAGS"])
        roles = (known["taskDefinition"].get(key, "") for key in ("executionRoleArn", "taskRoleArn"))
        if aws.is_ours(known.get("tags")) or any(f":role/{aws.game}-" in role for role in roles):
            yield arn


# -- hosts


def _groups(aws: Aws) -> Iterator[str]:
    found = aws.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", Filters=aws.tag)
    yield from (one["AutoScalingGroupName"] for one in found)


def _instances(aws: Aws) -> Iterator[str]:
    for reservation in aws.ec2("describe_instances", "Reservations"):
        yield from (one["InstanceId"] for one in reservation["Instances"] if one["State"]["Name"] not in _DEAD)


def _templates(aws: Aws) -> Iterator[str]:
    for one in aws.every("ec2", "describe_launch_templates", "LaunchTemplates", Filters=aws.tag):
        yield one["LaunchTemplateId"]


def _key_pairs(aws: Aws) -> Iterator[str]:
    # No pages: AWS lists them all.
    yield from (one["KeyName"] for one in aws["ec2"].describe_key_pairs(Filters=aws.tag)["KeyPairs"])


def _volumes(aws: Aws) -> Iterator[str]:
    unused = [*aws.tag, {"Name": "status", "Values": ["available"]}]
    yield from (one["VolumeId"] for one in aws.every("ec2", "describe_volumes", "Volumes", Filters=unused))


# -- the database


def _databases(aws: Aws) -> Iterator[str]:
    for one in aws.every("rds", "describe_db_instances", "DBInstances"):
        if aws.is_ours(one.get("TagList")):
            yield one["DBInstanceIdentifier"]


def _delete_database(aws: Aws, name: str) -> None:
    rds = aws["rds"]
    (known,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    if known["DBInstanceStatus"] == "deleting":
        return
    if known.get("DeletionProtection"):
        rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)


def _of_rds(operation: str, key: str, name: str) -> Callable[[Aws], Iterator[str]]:
    def find(aws: Aws) -> Iterator[str]:
        for one in aws.every("rds", operation, key):
            arn = one[name.replace("Name", "Arn")]
            if aws.is_ours(aws["rds"].list_tags_for_resource(ResourceName=arn)["TagList"]):
                yield one[name]

    return find


# -- load balancers


def _of_elb(operation: str, key: str, arn: str) -> Callable[[Aws], Iterator[str]]:
    def find(aws: Aws) -> Iterator[str]:
        for one in aws.every("elbv2", operation, key):
            (told,) = aws["elbv2"].describe_tags(ResourceArns=[one[arn]])["TagDescriptions"]
            if aws.is_ours(told["Tags"]):
                yield one[arn]

    return find


# -- names


def _of_cloud_map(operation: str, key: str) -> Callable[[Aws], Iterator[str]]:
    def find(aws: Aws) -> Iterator[str]:
        for one in aws.every("servicediscovery", operation, key):
            if aws.is_ours(aws["servicediscovery"].list_tags_for_resource(ResourceARN=one["Arn"])["Tags"]):
                yield one["Id"]

    return find


def _delete_discovery(aws: Aws, service: str) -> None:
    for one in aws.every("servicediscovery", "list_instances", "Instances", ServiceId=service):
        aws["servicediscovery"].deregister_instance(ServiceId=service, InstanceId=one["Id"])
    aws["servicediscovery"].delete_service(Id=service)


def _zones(aws: Aws) -> Iterator[str]:
    for zone in aws.every("route53", "list_hosted_zones", "HostedZones"):
        zone_id = zone["Id"].rpartition("/")[2]
        told = aws["route53"].list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id)
        # Cloud Map deletes its own.
        if "LinkedService" not in zone and aws.is_ours(told["ResourceTagSet"]["Tags"]):
            yield zone_id


def _delete_zone(aws: Aws, zone_id: str) -> None:
    records = aws.every("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone_id)
    changes = [{"Action": "DELETE", "ResourceRecordSet": one} for one in records if one["Type"] not in ("NS", "SOA")]
    if changes:
        aws["route53"].change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
    aws["route53"].delete_hosted_zone(Id=zone_id)


# -- the network


def _security_groups(aws: Aws) -> Iterator[str]:
    # The default one goes with its VPC.
    found = aws.ec2("describe_security_groups", "SecurityGroups")
    yield from (one["GroupId"] for one in found if one["GroupName"] != "default")


def _delete_security_group(aws: Aws, group_id: str) -> None:
    """Revoke its rules, then delete it: groups name each other, so that some go in the next round only."""
    of_group = [{"Name": "group-id", "Values": [group_id]}]
    for rule in list(aws.every("ec2", "describe_security_group_rules", "SecurityGroupRules", Filters=of_group)):
        rules.revoke(aws, rule)
    aws["ec2"].delete_security_group(GroupId=group_id)


def _interfaces(aws: Aws) -> Iterator[str]:
    found = aws.ec2("describe_network_interfaces", "NetworkInterfaces")
    yield from (one["NetworkInterfaceId"] for one in found if one["Status"] == "available")


def _flow_logs(aws: Aws) -> Iterator[str]:
    yield from (one["FlowLogId"] for one in aws.every("ec2", "describe_flow_logs", "FlowLogs", Filter=aws.tag))


def _subnets(aws: Aws) -> Iterator[str]:
    yield from (one["SubnetId"] for one in aws.ec2("describe_subnets", "Subnets"))


def _route_tables(aws: Aws) -> Iterator[str]:
    # The main one goes with its VPC.
    for table in aws.ec2("describe_route_tables", "RouteTables"):
        if not any(one.get("Main") for one in table["Associations"]):
            yield table["RouteTableId"]


def _delete_route_table(aws: Aws, table_id: str) -> None:
    (table,) = aws["ec2"].describe_route_tables(RouteTableIds=[table_id])["RouteTables"]
    for one in table["Associations"]:
        aws["ec2"].disassociate_route_table(AssociationId=one["RouteTableAssociationId"])
    aws["ec2"].delete_route_table(RouteTableId=table_id)


def _gateways(aws: Aws) -> Iterator[str]:
    found = aws.ec2("describe_internet_gateways", "InternetGateways", "attachment.vpc-id")
    yield from (one["InternetGatewayId"] for one in found)


def _delete_gateway(aws: Aws, gateway_id: str) -> None:
    (gateway,) = aws["ec2"].describe_internet_gateways(InternetGatewayIds=[gateway_id])["InternetGateways"]
    for one in gateway["Attachments"]:
        aws["ec2"].detach_internet_gateway(InternetGatewayId=gateway_id, VpcId=one["VpcId"])
    aws["ec2"].delete_internet_gateway(InternetGatewayId=gateway_id)


# -- what is written down, and what warns


def _trails(aws: Aws) -> Iterator[str]:
    for trail in aws["cloudtrail"].describe_trails(includeShadowTrails=False)["trailList"]:
        (told,) = aws["cloudtrail"].list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"]
        if aws.is_ours(told["TagsList"]):
            yield trail["Name"]


def _buckets(aws: Aws) -> Iterator[str]:
    for bucket in aws.every("s3", "list_buckets", "Buckets"):
        name = bucket["Name"]
        if name.startswith(f"{aws.game}-") and aws.is_ours(_tags_of_bucket(aws, name)):
            yield name


def _tags_of_bucket(aws: Aws, name: str) -> list[dict[str, str]]:
    from botocore.exceptions import ClientError

    try:
        return list(aws["s3"].get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] in ("NoSuchTagSet", "NoSuchBucket"):
            return []
        raise


def _delete_bucket(aws: Aws, name: str) -> None:
    for page in aws["s3"].get_paginator("list_object_versions").paginate(Bucket=name):
        stored = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if stored:
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in stored]
            aws["s3"].delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
    aws["s3"].delete_bucket(Bucket=name)


def _alarms(aws: Aws) -> Iterator[str]:
    for one in aws.every("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{aws.game}-"):
        if aws.is_ours(aws["cloudwatch"].list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]):
            yield one["AlarmName"]


def _topics(aws: Aws) -> Iterator[str]:
    for one in aws.every("sns", "list_topics", "Topics"):
        if aws.is_ours(aws["sns"].list_tags_for_resource(ResourceArn=one["TopicArn"])["Tags"]):
            yield one["TopicArn"]


def _account(aws: Aws) -> str:
    return str(aws["sts"].get_caller_identity()["Account"])


def _budgets(aws: Aws) -> Iterator[str]:
    account = _account(aws)
    for one in aws.every("budgets", "describe_budgets", "Budgets", AccountId=account):
        name = one["BudgetName"]
        arn = f"arn:aws:budgets::{account}:budget/{name}"
        if name.startswith(f"{aws.game}-") and aws.is_ours(
            aws["budgets"].list_tags_for_resource(ResourceARN=arn).get("ResourceTags")
        ):
            yield name


def _delete_budget(aws: Aws, name: str) -> None:
    account = _account(aws)
    asked = {"AccountId": account, "BudgetName": name}
    for one in aws.every("budgets", "describe_budget_actions_for_budget", "Actions", **asked):
        aws["budgets"].delete_budget_action(**asked, ActionId=one["ActionId"])
    aws["budgets"].delete_budget(**asked)


def _log_groups(aws: Aws) -> Iterator[str]:
    """By the beginnings of their names, which nothing else uses: a late writer makes a group anew, without a tag."""
    for prefix in (f"/{aws.game}/", f"/aws/rds/instance/{aws.game}/"):
        for group in aws.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            yield group["logGroupName"]


def _documents(aws: Aws) -> Iterator[str]:
    filters = [{"Key": "Owner", "Values": ["Self"]}, {"Key": "tag:game", "Values": [aws.game]}]
    yield from (one["Name"] for one in aws.every("ssm", "list_documents", "DocumentIdentifiers", Filters=filters))


def _schedules(aws: Aws) -> Iterator[str]:
    for one in aws.every("scheduler", "list_schedule_groups", "ScheduleGroups", NamePrefix=f"{aws.game}-"):
        told = aws["scheduler"].list_tags_for_resource(ResourceArn=one["Arn"])
        if one["State"] != "DELETING" and aws.is_ours(told["Tags"]):
            yield one["Name"]


THINGS = (
    Kind("scalable target", _scalable_targets, _deregister, ("application-autoscaling:",)),
    Kind("ECS service", _services, _delete_service, ("ecs:service/",)),
    Kind(
        "auto scaling group",
        _groups,
        lambda aws, name: aws["autoscaling"].delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True),
        ("autoscaling:",),
    ),
    Kind(
        "instance",
        _instances,
        lambda aws, one: aws["ec2"].terminate_instances(InstanceIds=[one]),
        ("ec2:instance/",),
    ),
    Kind("database", _databases, _delete_database, ("rds:db:",)),
    Kind(
        "load balancer",
        _of_elb("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        lambda aws, arn: aws["elbv2"].delete_load_balancer(LoadBalancerArn=arn),
        ("elasticloadbalancing:loadbalancer/", "elasticloadbalancing:listener"),
    ),
    Kind(
        "target group",
        _of_elb("describe_target_groups", "TargetGroups", "TargetGroupArn"),
        lambda aws, arn: aws["elbv2"].delete_target_group(TargetGroupArn=arn),
        ("elasticloadbalancing:targetgroup/",),
    ),
    Kind(
        "container instance",
        _container_instances,
        _deregister_container_instance,
        ("ecs:container-instance/", "ecs:task/"),
    ),
    Kind(
        "task definition",
        _task_definitions,
        lambda aws, arn: aws["ecs"].deregister_task_definition(taskDefinition=arn),
        ("ecs:task-definition/",),
    ),
    Kind("ECS cluster", _clusters, lambda aws, arn: aws["ecs"].delete_cluster(cluster=arn), ("ecs:cluster/",)),
    Kind(
        "launch template",
        _templates,
        lambda aws, one: aws["ec2"].delete_launch_template(LaunchTemplateId=one),
        ("ec2:launch-template/",),
    ),
    Kind("key pair", _key_pairs, lambda aws, one: aws["ec2"].delete_key_pair(KeyName=one), ("ec2:key-pair/",)),
    Kind("volume", _volumes, lambda aws, one: aws["ec2"].delete_volume(VolumeId=one), ("ec2:volume/",)),
    Kind(
        "DB subnet group",
        _of_rds("describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
        lambda aws, name: aws["rds"].delete_db_subnet_group(DBSubnetGroupName=name),
        ("rds:subgrp:",),
    ),
    Kind(
        "DB parameter group",
        _of_rds("describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroupName"),
        lambda aws, name: aws["rds"].delete_db_parameter_group(DBParameterGroupName=name),
        ("rds:pg:",),
    ),
    Kind(
        "Cloud Map service",
        _of_cloud_map("list_services", "Services"),
        _delete_discovery,
        ("servicediscovery:service/",),
    ),
    Kind(
        "Cloud Map namespace",
        _of_cloud_map("list_namespaces", "Namespaces"),
        lambda aws, one: aws["servicediscovery"].delete_namespace(Id=one),
        ("servicediscovery:namespace/",),
    ),
    Kind("hosted zone", _zones, _delete_zone, ("route53:hostedzone/",)),
    Kind(
        "network interface",
        _interfaces,
        lambda aws, one: aws["ec2"].delete_network_interface(NetworkInterfaceId=one),
        ("ec2:network-interface/",),
    ),
    Kind("security group", _security_groups, _delete_security_group, ("ec2:security-group",)),
    Kind(
        "flow log",
        _flow_logs,
        lambda aws, one: aws["ec2"].delete_flow_logs(FlowLogIds=[one]),
        ("ec2:vpc-flow-log/",),
    ),
    Kind("subnet", _subnets, lambda aws, one: aws["ec2"].delete_subnet(SubnetId=one), ("ec2:subnet/",)),
    Kind("route table", _route_tables, _delete_route_table, ("ec2:route-table/",)),
    Kind("internet gateway", _gateways, _delete_gateway, ("ec2:internet-gateway/",)),
    Kind("VPC", Aws.vpcs, lambda aws, one: aws["ec2"].delete_vpc(VpcId=one), ("ec2:vpc/",)),
    Kind("trail", _trails, lambda aws, name: aws["cloudtrail"].delete_trail(Name=name), ("cloudtrail:",)),
    Kind("bucket", _buckets, _delete_bucket, ("s3:",)),
    Kind("alarm", _alarms, lambda aws, name: aws["cloudwatch"].delete_alarms(AlarmNames=[name]), ("cloudwatch:",)),
    Kind("topic", _topics, lambda aws, arn: aws["sns"].delete_topic(TopicArn=arn), ("sns:",)),
    Kind("budget", _budgets, _delete_budget, ("budgets:",)),
    Kind("log group", _log_groups, lambda aws, name: aws["logs"].delete_log_group(logGroupName=name), ("logs:",)),
    Kind("session document", _documents, lambda aws, name: aws["ssm"].delete_document(Name=name), ("ssm:document/",)),
)

LAST = (
    Kind(
        "group of schedules",
        _schedules,
        lambda aws, name: aws["scheduler"].delete_schedule_group(Name=name),
        ("scheduler:",),
    ),
    Kind("instance profile", identities.profiles, identities.delete_profile, ("iam:instance-profile/",)),
    Kind("role", identities.roles, identities.delete_role, ("iam:role/",)),
    Kind("policy", identities.policies, identities.delete_policy, ("iam:policy/",)),
    Kind("identity provider", identities.providers, identities.delete_provider, ("iam:oidc-provider/",)),
)
"""What ends the environment at its time, if the sweep breaks off, and who may do so: these go when all else is gone."""

KINDS = (*THINGS, *LAST)

PLAYERS = tuple(kind for kind in THINGS if kind.name in ("instance", "security group"))
"""What players may make that keeps what terraform made from being deleted."""
