"""Whose everything is, and until when: the tags of all that costs or grants something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from chaosgood_ext.governance.asking import Aws, Seen, tags_of
from chaosgood_ext.governance.network import databases

Tagged = tuple[str, dict[str, str]]
EXPIRY = "expires-at"


def tagged(aws: Aws, vpc_id: str, prefix: str, wanted: Sequence[str]) -> Iterator[Seen]:
    """Everything of the environment carries the tags `wanted`."""
    for name, tags in everything(aws, vpc_id, prefix):
        lacking = [key for key in wanted if not tags.get(key)]
        remedy = f"its tags {', '.join(f'{key}=…' for key in lacking)}: make aws-up, or chaos reset on the twin"
        yield Seen(name, f"lacks the tag {', '.join(lacking)}" if lacking else "", remedy)


def unexpired(aws: Aws, vpc_id: str, prefix: str, now: datetime) -> Iterator[Seen]:
    """Everything that says when it expires says a time, and one that is ahead."""
    for name, tags in everything(aws, vpc_id, prefix):
        if until := tags.get(EXPIRY):
            yield Seen(name, _over(until, now), "chaos aws down, or chaos aws up --hours N for more time")


def _over(until: str, now: datetime) -> str:
    try:
        end = datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return f"has {EXPIRY}={until}, which is no time in UTC"
    return f"expired at {until}, and is still there" if end <= now else ""


def everything(aws: Aws, vpc_id: str, prefix: str) -> Iterator[Tagged]:
    """All that belongs to the environment, by its VPC or by a name that begins with `prefix`, with its tags."""
    yield from _in_vpc(aws, vpc_id)
    yield from _load_balancing(aws, vpc_id)
    yield from _containers(aws, prefix)
    for one in databases(aws, vpc_id):
        yield f"database {one['DBInstanceIdentifier']}", tags_of(one.get("TagList"))
    for group in aws.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/{prefix}/"):
        name = group["logGroupName"]
        arn = group["arn"].removesuffix(":*")
        yield f"log group {name}", aws["logs"].list_tags_for_resource(resourceArn=arn)["tags"]
    for role in aws.every("iam", "list_roles", "Roles"):
        if role["RoleName"].startswith(prefix):
            listed = aws["iam"].list_role_tags(RoleName=role["RoleName"])["Tags"]
            yield f"role {role['RoleName']}", tags_of(listed)


def _in_vpc(aws: Aws, vpc_id: str) -> Iterator[Tagged]:
    filters = aws.vpc(vpc_id)
    kinds = (
        ("describe_vpcs", "Vpcs", "VpcId"),
        ("describe_subnets", "Subnets", "SubnetId"),
        ("describe_security_groups", "SecurityGroups", "GroupId"),
    )
    for operation, key, name in kinds:
        for one in aws.every("ec2", operation, key, Filters=filters):
            # AWS's own, which nobody can delete.
            if one.get("GroupName") != "default":
                yield one[name], tags_of(one.get("Tags"))
    ids = []
    for instance in aws.instances(vpc_id):
        ids.append(instance["InstanceId"])
        yield instance["InstanceId"], tags_of(instance.get("Tags"))
    attached = [{"Name": "attachment.instance-id", "Values": ids}]
    for volume in aws.every("ec2", "describe_volumes", "Volumes", Filters=attached) if ids else ():
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
    for group in aws.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        if group["AutoScalingGroupName"].startswith(prefix):
            yield f"auto scaling group {group['AutoScalingGroupName']}", tags_of(group.get("Tags"))
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
