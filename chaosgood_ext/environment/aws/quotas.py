"""What an environment needs of the account's quotas, and where to ask for more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chaosgood_ext.twin.machine import Finding

Topology = Mapping[str, Any]
_STANDARD = "acdhimrtz"
"""The families of instances that the quota of vCPUs counts."""
_ALIVE = ("pending", "running")


@dataclass(frozen=True)
class Quota:
    """A quota of a service; `refusal` is a regular expression of how AWS refuses what is beyond it.

    https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
    """

    service: str
    code: str
    name: str
    refusal: str

    def page(self, region: str) -> str:
        """Where the console shows it and takes the wish for more."""
        return f"https://{region}.console.aws.amazon.com/servicequotas/home/services/{self.service}/quotas/{self.code}"


VCPUS = Quota("ec2", "L-1216C47A", "vCPUs of On-Demand Standard instances", r"VcpuLimitExceeded|current vCPU limit")
# There may be as many internet gateways as VPCs: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
VPCS = Quota("vpc", "L-F678F1CE", "VPCs", r"VpcLimitExceeded|InternetGatewayLimitExceeded")
BALANCERS = Quota("elasticloadbalancing", "L-53DA6B97", "Application Load Balancers", r"TooManyLoadBalancers")
DATABASES = Quota("rds", "L-7B6409FD", "DB instances", r"InstanceQuotaExceeded")
ALL = (VCPUS, VPCS, BALANCERS, DATABASES)


@dataclass(frozen=True)
class Need:
    """How much of a quota an environment takes, how much when players scale everything up, and what others use."""

    quota: Quota
    wanted: int
    at_most: int
    others: int


def examine(session: Any, topology: Topology) -> list[Finding]:
    """Say of each quota whether the environment has room, or that AWS does not say.

    What an environment that is up uses itself is not counted.
    """
    region = topology["region"]
    try:
        needs = _needs(session, topology)
    except ClientError as refused:
        return [Finding("quotas", None, f"AWS does not say what is in use: {_said(refused)}")]
    except BotoCoreError as silent:
        return [Finding("quotas", None, f"AWS does not say what is in use: {silent}")]
    client = session.client("service-quotas", region_name=region)
    return [_finding(need, client, region) for need in needs]


def _finding(need: Need, client: Any, region: str) -> Finding:
    name = f"quota of {need.quota.name}"
    needed = f"{need.wanted} needed" + (f", {need.at_most} to scale up" if need.at_most > need.wanted else "")
    try:
        limit = _limit(client, need.quota)
    except ClientError as refused:
        return Finding(name, None, f"{needed}; AWS does not say how many there may be: {_said(refused)}")
    except BotoCoreError as silent:
        return Finding(name, None, f"{needed}; AWS does not say how many there may be: {silent}")
    free = max(0, int(limit) - need.others)
    remedy = f"Ask for {need.others + need.at_most} {need.quota.name}: {need.quota.page(region)}"
    return Finding(name, free >= need.wanted, f"{free} of {int(limit)} free, {needed}", remedy)


def _limit(client: Any, quota: Quota) -> float:
    """What the account may have; a quota that was never changed is known by its default alone."""
    asked = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        return float(client.get_service_quota(**asked)["Quota"]["Value"])
    except client.exceptions.NoSuchResourceException:
        return float(client.get_aws_default_service_quota(**asked)["Quota"]["Value"])


def _said(refused: ClientError) -> str:
    error = refused.response["Error"]
    return f"{error['Code']} {' '.join(error.get('Message', '').split())[:100]}".strip()


def _needs(session: Any, topology: Topology) -> list[Need]:
    ours, region = topology["name"], topology["region"]
    clients = {name: session.client(name, region_name=region) for name in ("ec2", "elbv2", "rds")}
    pages = (
        clients["ec2"]
        .get_paginator("describe_instances")
        .paginate(Filters=[{"Name": "instance-state-name", "Values": list(_ALIVE)}])
    )
    hosts = [host for page in pages for reservation in page["Reservations"] for host in reservation["Instances"]]
    wanted, at_most = _hosts(topology)
    others = [
        host["InstanceType"]
        for host in hosts
        if not _ours(host, ours) and host["InstanceType"][0] in _STANDARD and "InstanceLifecycle" not in host
    ]
    vcpus = _vcpus(clients["ec2"], {*wanted, *at_most, *others})
    vpcs = [vpc for page in clients["ec2"].get_paginator("describe_vpcs").paginate() for vpc in page["Vpcs"]]
    balancers = [
        one
        for page in clients["elbv2"].get_paginator("describe_load_balancers").paginate()
        for one in page["LoadBalancers"]
        if one["Type"] == "application" and not one["LoadBalancerName"].startswith(f"{ours}-")
    ]
    databases = [
        one
        for page in clients["rds"].get_paginator("describe_db_instances").paginate()
        for one in page["DBInstances"]
        if {"Key": "game", "Value": ours} not in one.get("TagList", [])
    ]
    balanced, stored = len(topology["load_balancers"]), len(topology["db_instances"])
    return [
        Need(VCPUS, *(sum(vcpus[kind] for kind in kinds) for kinds in (wanted, at_most, others))),
        Need(VPCS, 1, 1, sum(not _ours(vpc, ours) for vpc in vpcs)),
        Need(BALANCERS, balanced, balanced, len(balancers)),
        Need(DATABASES, stored, stored, len(databases)),
    ]


def _hosts(topology: Topology) -> tuple[list[str], list[str]]:
    """Instance types of the hosts as they are built, and when every group is at its largest."""
    single = [host["instance_type"] for host in topology["instances"].values()]
    groups = topology["auto_scaling_groups"].values()
    return (
        single + [group["instance_type"] for group in groups for _ in range(group["desired_capacity"])],
        single + [group["instance_type"] for group in groups for _ in range(group["max_size"])],
    )


def _vcpus(ec2: Any, kinds: set[str]) -> dict[str, int]:
    pages = ec2.get_paginator("describe_instance_types").paginate(InstanceTypes=sorted(kinds))
    return {kind["InstanceType"]: kind["VCpuInfo"]["DefaultVCpus"] for page in pages for kind in page["InstanceTypes"]}


def _ours(resource: Mapping[str, Any], game: str) -> bool:
    return {"Key": "game", "Value": game} in resource.get("Tags", [])
