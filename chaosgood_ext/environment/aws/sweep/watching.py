"""What is written down of it, and what warns."""

from __future__ import annotations

from collections.abc import Iterator

from chaosgood_ext.environment.aws.asking import Aws


def trails(aws: Aws) -> Iterator[str]:
    """Names of the trails."""
    for trail in aws["cloudtrail"].describe_trails(includeShadowTrails=False)["trailList"]:
        (told,) = aws["cloudtrail"].list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"]
        if aws.is_ours(told["TagsList"]):
            yield trail["Name"]


def buckets(aws: Aws) -> Iterator[str]:
    """Names of the buckets."""
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


def delete_bucket(aws: Aws, name: str) -> None:
    """Delete a bucket with every version of all that it stores."""
    for page in aws["s3"].get_paginator("list_object_versions").paginate(Bucket=name):
        stored = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if stored:
            objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in stored]
            aws["s3"].delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
    aws["s3"].delete_bucket(Bucket=name)


def alarms(aws: Aws) -> Iterator[str]:
    """Names of the alarms."""
    for one in aws.every("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=f"{aws.game}-"):
        if aws.is_ours(aws["cloudwatch"].list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]):
            yield one["AlarmName"]


def topics(aws: Aws) -> Iterator[str]:
    """ARNs of the topics."""
    for one in aws.every("sns", "list_topics", "Topics"):
        if aws.is_ours(aws["sns"].list_tags_for_resource(ResourceArn=one["TopicArn"])["Tags"]):
            yield one["TopicArn"]


def _account(aws: Aws) -> str:
    return str(aws["sts"].get_caller_identity()["Account"])


def budgets(aws: Aws) -> Iterator[str]:
    """Names of the budgets."""
    account = _account(aws)
    for one in aws.every("budgets", "describe_budgets", "Budgets", AccountId=account):
        name = one["BudgetName"]
        arn = f"arn:aws:budgets::{account}:budget/{name}"
        if name.startswith(f"{aws.game}-") and aws.is_ours(
            aws["budgets"].list_tags_for_resource(ResourceARN=arn).get("ResourceTags")
        ):
            yield name


def delete_budget(aws: Aws, name: str) -> None:
    """Delete a budget with its actions."""
    asked = {"AccountId": _account(aws), "BudgetName": name}
    for one in aws.every("budgets", "describe_budget_actions_for_budget", "Actions", **asked):
        aws["budgets"].delete_budget_action(**asked, ActionId=one["ActionId"])
    aws["budgets"].delete_budget(**asked)


def log_groups(aws: Aws) -> Iterator[str]:
    """By the beginnings of their names, which nothing else uses: a late writer makes a group anew, without a tag."""
    for prefix in (f"/{aws.game}/", f"/aws/rds/instance/{aws.game}/"):
        for group in aws.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            yield group["logGroupName"]


def documents(aws: Aws) -> Iterator[str]:
    """Names of the session documents."""
    filters = [{"Key": "Owner", "Values": ["Self"]}, {"Key": "tag:game", "Values": [aws.game]}]
    yield from (one["Name"] for one in aws.every("ssm", "list_documents", "DocumentIdentifiers", Filters=filters))


def schedules(aws: Aws) -> Iterator[str]:
    """Names of the groups of schedules that are not being deleted."""
    for one in aws.every("scheduler", "list_schedule_groups", "ScheduleGroups", NamePrefix=f"{aws.game}-"):
        told = aws["scheduler"].list_tags_for_resource(ResourceArn=one["Arn"])
        if one["State"] != "DELETING" and aws.is_ours(told["Tags"]):
            yield one["Name"]
