"""EC2 and Auto Scaling: what the API says of instances is what there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chaosgood_ext.twin.launcher import RunningTwin

Client = Callable[[str], Any]


def states(ec2: Any, *names: str) -> dict[str, str]:
    filters = [{"Name": "instance-state-name", "Values": list(names)}] if names else []
    return {
        instance["InstanceId"]: instance["State"]["Name"]
        for reservation in ec2.describe_instances(Filters=filters)["Reservations"]
        for instance in reservation["Instances"]
    }


def hosts(twin: RunningTwin) -> dict[str, dict[str, Any]]:
    return {host["name"]: host for host in twin.status()["hosts"] if host["name"].startswith("i-")}


def test_every_running_instance_is_a_host_with_its_private_address(twin: RunningTwin, client: Client) -> None:
    ec2 = client("ec2")
    described = {
        instance["InstanceId"]: instance["PrivateIpAddress"]
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] == "running"
    }
    assert described == {name: host["address"] for name, host in hosts(twin).items()}
    assert len(set(described.values())) == len(described)


def test_an_auto_scaling_group_spreads_over_both_zones(client: Client, resources: dict[str, str]) -> None:
    for tier in ("web", "app"):
        name = resources[f"{tier}_auto_scaling_group_name"]
        group = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]
        assert {instance["AvailabilityZone"] for instance in group["Instances"]} == {"us-east-1a", "us-east-1b"}
        assert {instance["LifecycleState"] for instance in group["Instances"]} == {"InService"}


def test_an_instance_is_pending_until_its_host_is_up_and_gone_when_it_is_terminated(
    twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Any, on: Any
) -> None:
    ec2 = client("ec2")
    image = ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    made = ec2.run_instances(
        ImageId=image,
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        SubnetId=resources["workstation_subnet_ids"].split(",")[1],
        SecurityGroupIds=[resources["workstation_security_group_id"]],
    )["Instances"][0]
    name, address = made["InstanceId"], made["PrivateIpAddress"]
    assert made["State"]["Name"] == "pending"
    assert address.startswith("10.0.43.")
    eventually(lambda: states(ec2)[name] == "running")
    eventually(lambda: name in hosts(twin))
    assert on(name, "hostname").stdout.strip() == f"ip-{address.replace('.', '-')}"
    stopped = ec2.stop_instances(InstanceIds=[name])["StoppingInstances"][0]
    assert stopped["CurrentState"]["Name"] == "stopping"
    eventually(lambda: states(ec2)[name] == "stopped")
    eventually(lambda: name not in hosts(twin))
    ec2.start_instances(InstanceIds=[name])
    eventually(lambda: states(ec2)[name] == "running")
    ended = ec2.terminate_instances(InstanceIds=[name])["TerminatingInstances"][0]
    assert ended["CurrentState"]["Name"] == "shutting-down"
    eventually(lambda: states(ec2)[name] == "terminated")
    eventually(lambda: name not in hosts(twin))


def test_a_terminated_web_instance_is_replaced_and_its_target_with_it(
    twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Any
) -> None:
    ec2, elb, autoscaling = client("ec2"), client("elbv2"), client("autoscaling")
    group = resources["web_auto_scaling_group_name"]

    def healthy() -> set[str]:
        told = elb.describe_target_health(TargetGroupArn=resources["web_target_group_arn"])
        return {
            one["Target"]["Id"] for one in told["TargetHealthDescriptions"] if one["TargetHealth"]["State"] == "healthy"
        }

    def members() -> set[str]:
        found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"][0]
        return {one["InstanceId"] for one in found["Instances"] if one["LifecycleState"] == "InService"}

    before = members()
    assert healthy() == before
    lost = min(before)
    ec2.terminate_instances(InstanceIds=[lost])
    eventually(lambda: len(members()) == 2 and lost not in members())
    eventually(lambda: healthy() == members(), within_s=20)
    eventually(lambda: {"web-1", "web-2"} <= {alias for host in hosts(twin).values() for alias in host["aliases"]})


def test_the_groups_of_an_instance_are_those_it_was_given_last(client: Client, resources: dict[str, str]) -> None:
    ec2 = client("ec2")
    name = resources["workstation_instance_id"]
    own, other = resources["workstation_security_group_id"], resources["monitoring_security_group_id"]

    def groups() -> tuple[list[str], list[str]]:
        instance = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
        interface = instance["NetworkInterfaces"][0]
        return [one["GroupId"] for one in instance["SecurityGroups"]], [one["GroupId"] for one in interface["Groups"]]

    ec2.modify_instance_attribute(InstanceId=name, Groups=[other])
    assert groups() == ([other], [other])
    ec2.modify_instance_attribute(InstanceId=name, Groups=[own])
    assert groups() == ([own], [own])


def test_what_the_twin_lacks_is_named(client: Client) -> None:
    ssm = client("ssm")
    with pytest.raises(ssm.exceptions.ClientError, match=r"The twin does not implement ssm:StartSession\."):
        ssm.start_session(Target="i-0")
