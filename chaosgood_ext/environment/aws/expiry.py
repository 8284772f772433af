"""The tag `expires-at` of hosts that are up when the end of the environment moves."""

from __future__ import annotations

from chaosgood_ext.environment.aws.account import answering
from chaosgood_ext.environment.aws.asking import Aws

_DEAD = {"terminated", "shutting-down"}


def move(aws: Aws, until: str) -> list[str]:
    """Tag the hosts that end at another time, with their disks and interfaces; return the ids of all of these.

    A group tags what it launches, and not what it launched before its tags changed.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html
    """
    stale: list[str] = []
    with answering("to tag the hosts anew"):
        reservations = aws.every("ec2", "describe_instances", "Reservations", Filters=aws.tag)
        for host in (host for reservation in reservations for host in reservation["Instances"]):
            if host["State"]["Name"] not in _DEAD and {"Key": "expires-at", "Value": until} not in host["Tags"]:
                disks = [disk["Ebs"]["VolumeId"] for disk in host["BlockDeviceMappings"] if "Ebs" in disk]
                interfaces = [one["NetworkInterfaceId"] for one in host["NetworkInterfaces"]]
                stale += [host["InstanceId"], *disks, *interfaces]
        if stale:
            aws["ec2"].create_tags(Resources=stale, Tags=[{"Key": "expires-at", "Value": until}])
    return stale
