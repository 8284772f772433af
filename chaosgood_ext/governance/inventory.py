"""All that belongs to an environment, by its VPC or by its name: tags are what is asked for, so they cannot find it."""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.governance.asking import Aws, tags_of
from chaosgood_ext.governance.network import databases

Tagged = tuple[str, dict[str, str]]


def everything(aws: Aws, vpc_id: str, prefix: str) -> Iterator[Tagged]:
    """What people call each thing of the VPC, or with a name that begins with `prefix`, and its tags.

    Network interfaces are not among them: each comes and goes with what it is of.
    """
    yield from _in_vpc(aws, vpc_id)
    yield from _load_balancing(aws, vpc_id)
    yield from _hosts(aws, prefix)
    yield from _containers(aws, prefix)
    yield from _databases(aws, vpc_id, prefix)
    yield from _names(aws, vpc_id)
    yield from _records(aws, prefix)
    yield from _warnings(aws, prefix)
    yield from _identities(aws, prefix)


def _in_vpc(aws: Aws, vpc_id: str) -> Iterator[Tagged]:
    filters = aws.vpc(vpc_id)
    kinds = (
        ("describe_vpcs", "Vpcs", "VpcId"),
        ("describe_subnets", "Subnets", "SubnetId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
        ("describe_route_tables", "RouteTables", "RouteTableId"),
    )
    for operation, key, name in kinds:
        for one in aws.every("ec2", operation, key, Filters=filters):
            # AWS's own come and go with the VPC.
            main = any(each.get("Main") for each in one.get("Associations", ()))
            if one.get("GroupName") != "default" and not main:
                yield one[name], tags_of(one.get("Tags"))
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    for one in aws.every("ec2", "describe_internet_gateways", "InternetGateways", Filters=attached):
        yield one["InternetGatewayId"], tags_of(one.get("Tags"))
    of_vpc = [{"Name": "resource-id", "Values": [vpc_id]}]
    for one in aws.every("ec2", "describe_flow_logs", "FlowLogs", Filter=of_vpc):
        yield one["FlowLogId"], tags_of(one.get("Tags"))
    ids = []
    for instance in aws.instances(vpc_id):
        ids.append(instance["InstanceId"])
        yield instance["InstanceId"], tags_of(instance.get("Tags"))
    of_instances = [{"Name": "attachment.instance-id", "Values": ids}]
    for volume in aws.every("ec2", "describe_volumes", "Volumes", Filters=of_instances) if ids else ():
        yield volume["VolumeId"], tags_of(volume.get("Tags"))


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
        if not cluster.startswith(prefix):
            continue
        known = aws["ecs"].describe_clusters(clusters=[cluster], include=["TAGS"])["clusters"][0]
        yield f"cluster {cluster}", tags_of(known.get("tags"))
        services = list(aws.every("ecs", "list_services", "serviceArns", cluster=cluster))
        # Ten at a time is all that the call takes.
        for start in range(0, len(services), 10):
            part = services[start : start + 10]
            listed = aws["ecs"].describe_services(cluster=cluster, services=part, include=["TAGS"])["services"]
            yield from ((f"service {one['serviceName']}", tags_of(one.get("tags"))) for one in listed)


def _hosts(aws: Aws, prefix: str) -> Iterator[Tagged]:
    for group in aws.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        if group["AutoScalingGroupName"].startswith(prefix):
            yield f"auto scaling group {group['AutoScalingGroupName']}", tags_of(group.get("Tags"))
    for one in aws.every("ec2", "describe_launch_templates", "LaunchTemplates"):
        if one["LaunchTemplateName"].startswith(prefix):
            yield f"launch template {one['LaunchTemplateName']}", tags_of(one.get("Tags"))


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
            if name.startswith(prefix):
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


def _records(aws: Aws, prefix: str) -> Iterator[Tagged]:
    """What is written down, and where."""
    for group in aws.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/{prefix}/"):
        name = group["logGroupName"]
        arn = group["arn"].removesuffix(":*")
        yield f"log group {name}", aws["logs"].list_tags_for_resource(resourceArn=arn)["tags"]
    for trail in aws["cloudtrail"].describe_trails(includeShadowTrails=False)["trailList"]:
        if trail["Name"].startswith(prefix):
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
        listed = aws["cloudwatch"].list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]
        yield f"alarm {one['AlarmName']}", tags_of(listed)
    for one in aws.every("sns", "list_topics", "Topics"):
        name = one["TopicArn"].rpartition(":")[2]
        if name.startswith(prefix):
            yield f"topic {name}", tags_of(aws["sns"].list_tags_for_resource(ResourceArn=one["TopicArn"])["Tags"])
    for one in aws.every("scheduler", "list_schedule_groups", "ScheduleGroups", NamePrefix=prefix):
        listed = aws["scheduler"].list_tags_for_resource(ResourceArn=one["Arn"])["Tags"]
        yield f"group of schedules {one['Name']}", tags_of(listed)


def _identities(aws: Aws, prefix: str) -> Iterator[Tagged]:
    iam = aws["iam"]
    for role in aws.every("iam", "list_roles", "Roles"):
        if role["RoleName"].startswith(prefix):
            yield f"role {role['RoleName']}", tags_of(iam.list_role_tags(RoleName=role["RoleName"])["Tags"])
    for policy in aws.every("iam", "list_policies", "Policies", Scope="Local"):
        if policy["PolicyName"].startswith(prefix):
            yield f"policy {policy['PolicyName']}", tags_of(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"])
    for profile in aws.every("iam", "list_instance_profiles", "InstanceProfiles"):
        name = profile["InstanceProfileName"]
        if name.startswith(prefix):
            known = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
            yield f"instance profile {name}", tags_of(known.get("Tags"))
