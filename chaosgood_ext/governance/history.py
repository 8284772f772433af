"""What is written down, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaosgood_ext.governance.asking import Aws, Seen

_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def trail(aws: Aws) -> Iterator[Seen]:
    """One trail of the account logs, in all regions, and lets its files be validated."""
    found = []
    for one in aws["cloudtrail"].describe_trails()["trailList"]:
        faults = []
        if not aws["cloudtrail"].get_trail_status(Name=one["TrailARN"])["IsLogging"]:
            faults.append(("does not log", f"aws cloudtrail start-logging --name {one['Name']}"))
        update = f"aws cloudtrail update-trail --name {one['Name']}"
        if not one.get("IsMultiRegionTrail"):
            faults.append(("logs one region only", f"{update} --is-multi-region-trail"))
        if not one.get("LogFileValidationEnabled"):
            faults.append(("writes files that nobody can validate", f"{update} --enable-log-file-validation"))
        said, remedies = ", ".join(fault for fault, _ in faults), "; ".join(remedy for _, remedy in faults)
        found.append(Seen(f"trail {one['Name']}", said, remedies))
    good = [one for one in found if not one.fault]
    yield from good or found


def trail_buckets(aws: Aws) -> Iterator[Seen]:
    """The bucket of every trail blocks public access in all four ways."""
    from botocore.exceptions import ClientError

    for bucket in sorted({one["S3BucketName"] for one in aws["cloudtrail"].describe_trails()["trailList"]}):
        try:
            block = aws["s3"].get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
                raise
            block = {}
        lacking = [switch for switch in _SWITCHES if not block.get(switch)]
        settings = ",".join(f"{switch}=true" for switch in _SWITCHES)
        remedy = f"aws s3api put-public-access-block --bucket {bucket} --public-access-block-configuration {settings}"
        yield Seen(f"bucket {bucket}", f"lacks {', '.join(lacking)}" if lacking else "", remedy)


def retention(aws: Aws, prefixes: Sequence[str], most_days: int) -> Iterator[Seen]:
    """Every log group whose name begins with one of `prefixes` is kept for a time, at most `most_days`."""
    for prefix in prefixes:
        for group in aws.every("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
            days = group.get("retentionInDays")
            fault = "keeps its events for ever" if days is None else ""
            if days is not None and days > most_days:
                fault = f"keeps its events for {days} days"
            name = group["logGroupName"]
            remedy = f"aws logs put-retention-policy --log-group-name {name} --retention-in-days {most_days}"
            yield Seen(f"log group {name}", fault, remedy)
