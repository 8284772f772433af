"""All that belongs to an environment, by its VPC or by its name: tags are what is asked for, so they cannot find it.

The kinds have the names that the sweep has for them (:mod:`chaosgood_ext.environment.aws.sweep.kinds`).
"""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.governance.asking import Aws, tags_of
from chaosgood_ext.governance.network import databases

Tagged = tuple[str, dict[str, str]]


def everything(aws: Aws, vpc_id: str, prefix: str) -> Iterator[Tagged]:
    """What people call each thing of the VPC, or called `prefix` or `prefix`-something, and its tags.

    Network interfaces and container instances are not among them: each comes and goes with what it is of; nor are
    scalable targets, which are a setting of their service.
    """
    yield from _in_vpc(aws, vpc_id)
    yield from _load_balancing(aws, vpc_id)
    yield from _hosts(aws, prefix)
    yield from _containers(aws, prefix)
    yield from _databases(aws, vpc_id, prefix)
    yield from _names(aws, vpc_id)
    yield from _discovery(aws, prefix)
    yield from _records(aws, prefix)
    yield from _warnings(aws, prefix)
    yield from _identities(aws, prefix)


def is_called(name: str, prefix: str) -> bool:
    """Whether a thing of that name belongs to the environment `prefix`; `prefix`2 is another one."""
    return name == prefix or name.startswith(f"{prefix}-")


def _in_vpc(aws: Aws, vpc_id: str) -> Iterator[Tagged]:
    filters = aws.vpc(vpc_id)
    kinds = (
        ("VPC", "describe_vpcs", "Vpcs", "VpcId"),
        ("subnet", "describe_subnets", "Subnets", "SubnetId"),
        ("security group", "describe_security_groups", "SecurityGroups", "GroupId"),
        ("route table", "describe_route_tables", "RouteTables", "RouteTableId"),
    )
    for kind, operation, key, name in kinds:
        for one in aws.every("ec2", operation, key, Filters=filters):
            # AWS's own come and go with the VPC.
            main = any(each.get("Main") for each in one.get("Associations", ()))
            if one.get("GroupName") != "default" and not main:
                yield f"{kind} {one[name]}", tags_of(one.get("Tags"))
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    for one in aws.every("ec2", "describe_internet_gateways", "InternetGateways", Filters=attached):
        yield f"internet gateway {one['InternetGatewayId']}", tags_of(one.get("Tags"))
    of_vpc = [{"Name": "resource-id", "Values": [vpc_id]}]
    for one in aws.every("ec2", "describe_flow_logs", "FlowLogs", Filter=of_vpc):
        yield f"flow log {one['FlowLogId']}", tags_of(one.get("Tags"))
    ids = []
    for instance in aws.instances(vpc_id):
        ids.append(instance["InstanceId"])
        yield f"instance {instance['InstanceId']}", tags_of(instance.get("Tags"))
    of_instances = [{"Name": "attachment.instance-id", "Values": ids}]
    for volume in aws.every("ec2", "describe_volumes", "Volumes", Filters=of_instances) if ids else ():
        yield f"volume {volume['VolumeId']}", tags_of(volume.get("Tags"))


def _load_balancing(aws: Aws, vpc_id: str) -> Iterator[Tagged]:
    balancers = aws.every("elbv2", "describe_load_balancers", "LoadBalancers")
    groups = aws.every("elbv2", "describe_target_groups", "TargetGroups")
    names = {one["LoadBalancerArn"]: one["LoadBalancerName"] for one in balancers if one.get("VpcId") == vpc_id}
    names |= {one["TargetGroupArn"]: one["TargetGroupName"] for one in groups if one.get("VpcId") == vpc_id}
    if names:
        for one in aws["elbv2"].describe_tags(ResourceArns=list(names))["TagDescriptions"]:
            kind = "target group" if ":targetgroup/" in one["ResourceArn"] else "load balancer"
            yield f"{kind} {names[one['ResourceArn']]}", tags_of(one["Tags"])


def _containers(aws: Aws, prefix: str) -> Iterator[Tagged]:
    for arn in aws.every("ecs", "list_clusters", "clusterArns"):
        cluster = arn.rpartition("/")[2]
        if not is_called(cluster, prefix):
            continue
        known = aws["ecs"].describe_clusters(clusters=[cluster], include=["TAGS"])["clusters"][0]
        yield f"ECS cluster {cluster}", tags_of(known.get("tags"))
        services = list(aws.every("ecs", "list_services", "serviceArns", cluster=cluster))
        # Ten at a time is all that the call takes.
        for start in range(0, len(services), 10):
            part = services[start : start + 10]
            listed = aws["ecs"].describe_services(cluster=cluster, services=part, include=["TAGS"])["services"]
            yield from ((f"ECS service {one['serviceName']}", tags_of(one.get("tags"))) for one in listed)
    for arn in aws.every("ecs", "list_task_definitions", "taskDefinitionArns", status="ACTIVE"):
        known = aws["ecs"].describe_task_definition(taskDefinition=arn, include=["TAGS"])
        # Its family is called after what runs in it; its roles are the environment's.
        roles = (known["taskDefinition"].get(key, "") for key in ("executionRoleArn", "taskRoleArn"))
        if any(is_called(role.rpartition("/")[2], prefix) for role in roles):
            yield f"task definition {arn.rpartition('/')[2]}", tags_of(known.get("tags"))


def _hosts(aws: Aws, prefix: str) -> Iterator[Tagged]:
    for group in aws.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        if is_called(group["AutoScalingGroupName"], prefix):
            yield f"auto scaling group {group['AutoScalingGroupName']}", tags_of(group.get("Tags"))
    for one in aws.every("ec2", "describe_launch_templates", "LaunchTemplates"):
        if is_called(one["LaunchTemplateName"], prefix):
            yield f"launch template {one['LaunchTemplateName']}", tags_of(one.get("Tags"))
    for one in aws["ec2"].describe_key_pairs()["KeyPairs"]:
        if is_called(one["KeyName"], prefix):
            yield f"key pair {one['KeyName']}", tags_of(one.get("Tags"))


def _databases(aws: Aws, vpc_id: str, prefix: str) -> Iterator[Tagged]:
    for one in databases(aws, vpc_id):
        yield f"database {one['DBInstanceIdentifier']}", tags_of(one.get("TagList"))
    kinds = (
        ("DB subnet group", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroup"),
        ("DB parameter group", "describe_db_parameter_groups", "DBParameterGroups", "DBParameterGroup"),
    )
    for kind, operation, key, part in kinds:
        for one in aws.every("rds", operation, key):
            name = one[f"{part}Name"]
            if is_called(name, prefix):
                listed = aws["rds"].list_tags_for_resource(ResourceName=one[f"{part}Arn"])["TagList"]
                yield f"{kind} {name}", tags_of(listed)


def _names(aws: Aws, vpc_id: str) -> Iterator[Tagged]:
    region = aws["ec2"].meta.region_name
    for zone in aws["route53"].list_hosted_zones_by_vpc(VPCId=vpc_id, VPCRegion=region)["HostedZoneSummaries"]:
        # Cloud Map keeps the zone of its namespace itself.
        if "OwningService" not in zone["Owner"]:
            asked = {"ResourceType": "hostedzone", "ResourceId": zone["HostedZoneId"]}
            listed = aws["route53"].list_tags_for_resource(**asked)["ResourceTagSet"]["Tags"]
            yield f"hosted zone {zone['Name']}", tags_of(listed)


def _discovery(aws: Aws, prefix: str) -> Iterator[Tagged]:
    """Namespaces of Cloud Map below a domain called `prefix`, and their services."""
    known = aws["servicediscovery"]
    for space in aws.every("servicediscovery", "list_namespaces", "Namespaces"):
        if prefix not in space["Name"].split("."):
            continue
        listed = known.list_tags_for_resource(ResourceARN=space["Arn"])["Tags"]
        yield f"Cloud Map namespace {space['Name']}", tags_of(listed)
        within = [{"Name": "NAMESPACE_ID", "Values": [space["Id"]]}]
        for one in aws.every("servicediscovery", "list_services", "Services", Filters=within):
            listed = known.list_tags_for_resource(ResourceARN=one["Arn"])["Tags"]
            yield f"Cloud Map service {one['Name']}", tags_of(listed)


def _records(aws: Aws, prefix: str) -> Iterator[Tagged]:
    """What is written down, and where."""
    for beginning in (f"/{prefix}/", f"/aws/rds/instance/{prefix}/"):
        for group in aws.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=beginning):
            arn = group["arn"].removesuffix(":*")
            yield f"log group {group['logGroupName']}", aws["logs"].list_tags_for_resource(resourceArn=arn)["tags"]
    own = [{"Key": "Owner", "Values": ["Self"]}]
    for one in aws.every("ssm", "list_documents", "DocumentIdentifiers", Filters=own):
        if is_called(one["Name"], prefix):
            listed = aws["ssm"].list_tags_for_resource(ResourceType="Document", ResourceId=one["Name"])["TagList"]
            yield f"session document {one['Name']}", tags_of(listed)
    for trail in aws["cloudtrail"].describe_trails(includeShadowTrails=False)["trailList"]:
        if is_called(trail["Name"], prefix):
            (told,) = aws["cloudtrail"].list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"]
            yield f"trail {trail['Name']}", tags_of(told["TagsList"])
    for bucket in aws["s3"].list_buckets()["Buckets"]:
        if bucket["Name"].startswith(f"{prefix}-"):
            yield f"bucket {bucket['Name']}", _tags_of_bucket(aws, bucket["Name"])


def _tags_of_bucket(aws: Aws, name: str) -> dict[str, str]:
    from botocore.exceptions import ClientError

    try:
        return tags_of(aws["s3"].get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] == "NoSuchTagSet":
            return {}
        raise


def _warnings(aws: Aws, prefix: str) -> Iterator[Tagged]:
    """What tells of costs, and what ends them."""
    for one in aws.every("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=prefix):
        if not is_called(one["AlarmName"], prefix):
            continue
        listed = aws["cloudwatch"].list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]
        yield f"alarm {one['AlarmName']}", tags_of(listed)
    for one in aws.every("sns", "list_topics", "Topics"):
        name = one["TopicArn"].rpartition(":")[2]
        if is_called(name, prefix):
            yield f"topic {name}", tags_of(aws["sns"].list_tags_for_resource(ResourceArn=one["TopicArn"])["Tags"])
    for one in aws.every("scheduler", "list_schedule_groups", "ScheduleGroups", NamePrefix=prefix):
        if is_called(one["Name"], prefix):
            listed = aws["scheduler"].list_tags_for_resource(ResourceArn=one["Arn"])["Tags"]
            yield f"group of schedules {one['Name']}", tags_of(listed)
    yield from _budgets(aws, prefix)


def _budgets(aws: Aws, prefix: str) -> Iterator[Tagged]:
    """Budgets and their actions, which have tags of their own."""
    account = aws.account()
    for one in aws.every("budgets", "describe_budgets", "Budgets", AccountId=account):
        name = one["BudgetName"]
        if not is_called(name, prefix):
            continue
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html
        arn = f"arn:aws:budgets::{account}:budget/{name}"
        yield f"budget {name}", _tags_of_budget(aws, arn)
        asked = {"AccountId": account, "BudgetName": name}
        for action in aws.every("budgets", "describe_budget_actions_for_budget", "Actions", **asked):
            found = _tags_of_budget(aws, f"{arn}/action/{action['ActionId']}")
            yield f"budget {name}, its action {action['ActionId']}", found


def _tags_of_budget(aws: Aws, arn: str) -> dict[str, str]:
    return tags_of(aws["budgets"].list_tags_for_resource(ResourceARN=arn).get("ResourceTags"))


def _identities(aws: Aws, prefix: str) -> Iterator[Tagged]:
    iam = aws["iam"]
    for role in aws.every("iam", "list_roles", "Roles"):
        if is_called(role["RoleName"], prefix):
            yield f"role {role['RoleName']}", tags_of(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])
    for policy in aws.every("iam", "list_policies", "Policies", Scope="Local"):
        if is_called(policy["PolicyName"], prefix):
            yield f"policy {policy['PolicyName']}", tags_of(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])
    for profile in aws.every("iam", "list_instance_profiles", "InstanceProfiles"):
        name = profile["InstanceProfileName"]
        if is_called(name, prefix):
            known = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
            yield f"instance profile {name}", tags_of(known.get("Tags"))
    for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        listed = iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=one["Arn"])["Tags"]
        # It is called after its URL, and the account may have had it before: only its tag says whose it is.
        if tags_of(listed).get("game") == prefix:
            yield f"identity provider {one['Arn'].rpartition('/')[2]}", tags_of(listed)
