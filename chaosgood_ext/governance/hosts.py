"""Instances and disks: metadata, encryption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chaosgood_ext.governance.asking import Aws, Seen
from chaosgood_ext.governance.network import databases

_HOPS = 1
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-new-instances.html"""


def metadata(aws: Aws, vpc_id: str) -> Iterator[Seen]:
    """Every instance of the VPC, and every launch template of its auto scaling groups, demands IMDSv2 within a hop."""
    for instance in aws.instances(vpc_id):
        remedy = (
            f"aws ec2 modify-instance-metadata-options --instance-id {instance['InstanceId']} "
            f"--http-tokens required --http-put-response-hop-limit {_HOPS}"
        )
        yield Seen(instance["InstanceId"], _fault(instance.get("MetadataOptions") or {}), remedy)
    subnets = {one["SubnetId"] for one in aws.every("ec2", "describe_subnets", "Subnets", Filters=aws.vpc(vpc_id))}
    for group in aws.every("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"):
        template = group.get("LaunchTemplate")
        if not template or not subnets & set(group["VPCZoneIdentifier"].split(",")):
            continue
        name = template["LaunchTemplateName"]
        versions = aws["ec2"].describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=[template.get("Version") or "$Default"]
        )["LaunchTemplateVersions"]
        options = versions[0]["LaunchTemplateData"].get("MetadataOptions") or {}
        remedy = "a new version of it with MetadataOptions={HttpTokens=required,HttpPutResponseHopLimit=1}"
        yield Seen(f"launch template {name}", _fault(options), remedy)


def _fault(options: Mapping[str, Any]) -> str:
    if options.get("HttpEndpoint") == "disabled":
        return ""
    if options.get("HttpTokens") != "required":
        return "answers IMDSv1, which needs no token"
    hops = options.get("HttpPutResponseHopLimit", 1)
    return f"lets metadata tokens travel {hops} hops, so that containers get them" if hops > _HOPS else ""


def volumes(aws: Aws, vpc_id: str) -> Iterator[Seen]:
    """Every volume of the VPC's instances is encrypted."""
    ids = [instance["InstanceId"] for instance in aws.instances(vpc_id)]
    filters = [{"Name": "attachment.instance-id", "Values": ids}]
    for volume in aws.every("ec2", "describe_volumes", "Volumes", Filters=filters) if ids else ():
        on = ", ".join(one["InstanceId"] for one in volume["Attachments"])
        remedy = "an encrypted copy of its snapshot in its place (aws ec2 copy-snapshot --encrypted), or a new instance"
        yield Seen(f"{volume['VolumeId']} of {on}", "" if volume["Encrypted"] else "is not encrypted", remedy)


def encrypted_databases(aws: Aws, vpc_id: str) -> Iterator[Seen]:
    """Every DB instance of the VPC has encrypted storage."""
    for one in databases(aws, vpc_id):
        name = one["DBInstanceIdentifier"]
        remedy = "a restore of an encrypted copy of its snapshot: storage is encrypted at creation or never"
        yield Seen(f"database {name}", "" if one["StorageEncrypted"] else "has storage that is not encrypted", remedy)
