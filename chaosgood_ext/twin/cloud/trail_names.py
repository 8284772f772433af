"""How CloudTrail writes parameters: names in lower camel case, and EC2's lists in sets of items.

Source: the sample records in "Log Amazon EC2 API calls using AWS CloudTrail".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

# EC2's lists of plain ids: the set's name, and the name of each item's one field.
_EC2_SETS = {
    "InstanceIds": ("instancesSet", "instanceId"),
    "GroupIds": ("securityGroupIdSet", "groupId"),
    "GroupNames": ("securityGroupSet", "groupName"),
    "SecurityGroupIds": ("groupSet", "groupId"),
    "Groups": ("groupSet", "groupId"),
    "SubnetIds": ("subnetSet", "subnetId"),
    "VpcIds": ("vpcSet", "vpcId"),
    "Resources": ("resourcesSet", "resourceId"),
    "VolumeIds": ("volumeSet", "volumeId"),
    "ImageIds": ("imagesSet", "imageId"),
    "NetworkInterfaceIds": ("networkInterfaceIdSet", "networkInterfaceId"),
    "NetworkAclIds": ("networkAclIdSet", "networkAclId"),
    "RouteTableIds": ("routeTableIdSet", "routeTableId"),
    "Values": ("valueSet", "value"),
}
_EC2_NAMES = {
    "Filters": "filterSet",
    "Tags": "tagSet",
    "UserIdGroupPairs": "groups",
    "TagSpecifications": "tagSpecificationSet",
    "Instances": "instancesSet",
}
_TYPES = {
    "i": "AWS::EC2::Instance",
    "sg": "AWS::EC2::SecurityGroup",
    "sgr": "AWS::EC2::SecurityGroupRule",
    "subnet": "AWS::EC2::Subnet",
    "vpc": "AWS::EC2::VPC",
    "acl": "AWS::EC2::NetworkAcl",
    "rtb": "AWS::EC2::RouteTable",
    "igw": "AWS::EC2::InternetGateway",
    "eni": "AWS::EC2::NetworkInterface",
    "ami": "AWS::EC2::Ami",
}
_EC2_ID = re.compile(rf"^({'|'.join(_TYPES)})-[0-9a-f]{{8,17}}$")
_NAMED = {
    "dBInstanceIdentifier": "AWS::RDS::DBInstance",
    "targetGroupArn": "AWS::ElasticLoadBalancingV2::TargetGroup",
    "loadBalancerArn": "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "autoScalingGroupName": "AWS::AutoScaling::AutoScalingGroup",
    "cluster": "AWS::ECS::Cluster",
    "service": "AWS::ECS::Service",
    "serviceName": "AWS::ECS::Service",
    "roleArn": "AWS::IAM::Role",
    "roleName": "AWS::IAM::Role",
    "logGroupName": "AWS::Logs::LogGroup",
}


def elements(service: str, values: Any) -> Any:
    """Return parameters or results, in the names of botocore's model, as CloudTrail writes them."""
    if isinstance(values, dict):
        return dict(_element(service, name, value) for name, value in values.items())
    if isinstance(values, (list, tuple)):
        return [elements(service, value) for value in values]
    if isinstance(values, datetime):
        return values.replace(tzinfo=UTC).strftime("%b %d, %Y, %I:%M:%S %p")
    return values.decode("utf-8", "replace") if isinstance(values, bytes) else values


def _element(service: str, name: str, value: Any) -> tuple[str, Any]:
    if service != "ec2" or not isinstance(value, (list, tuple)):
        return name[:1].lower() + name[1:], elements(service, value)
    if value and not isinstance(value[0], dict):
        set_name, field = _EC2_SETS.get(name, (name[:1].lower() + name[1:], "value"))
        return set_name, {"items": [{field: elements(service, item)} for item in value]}
    set_name = _EC2_NAMES.get(name, name[:1].lower() + name[1:])
    return set_name, {"items": [elements(service, item) for item in value]} if value else {}


def resources(*records: Any) -> list[dict[str, str]]:
    """Return type and name of each resource that the records name, each once."""
    found = dict.fromkeys(pair for record in records for pair in _resources(record))
    return [{"ResourceType": kind, "ResourceName": name} for kind, name in found]


def _resources(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _resources(inner, name)
    elif isinstance(value, list):
        for item in value:
            yield from _resources(item, key)
    elif isinstance(value, str):
        match = _EC2_ID.match(value)
        if match:
            yield _TYPES[match[1]], value
        elif key in _NAMED:
            yield _NAMED[key], value
