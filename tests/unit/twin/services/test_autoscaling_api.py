"""The Auto Scaling API refuses what AWS refuses, in its words, and writes into activities what AWS writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.base_backend import BackendDict

from chaosgood_ext.twin.cloud import mends
from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.mends.ec2 import set_state
from chaosgood_ext.twin.cloud.state import State
from chaosgood_ext.twin.cloud.tap import Tap
from chaosgood_ext.twin.cloud.trail import Trail
from chaosgood_ext.twin.services.autoscaling import AutoScaling


@dataclass
class Lab:
    """An account with one VPC, an image and a launch template; `sick` are the instances with a failed status check."""

    client: Any
    ec2: Any
    history: Any
    state: State
    controller: AutoScaling
    subnet: str = ""
    image: str = ""
    template: str = ""
    sick: set[str] = field(default_factory=set)

    def create(self, **values: Any) -> None:
        self.client.create_auto_scaling_group(
            **{
                "AutoScalingGroupName": "web",
                "MinSize": 1,
                "MaxSize": 3,
                "DesiredCapacity": 2,
                "LaunchTemplate": {"LaunchTemplateId": self.template, "Version": "$Latest"},
                "VPCZoneIdentifier": self.subnet,
                **values,
            }
        )

    def settle(self) -> None:
        """Let everything happen that is to happen: health is looked at, hosts come up and go."""
        self.controller.ledger.look_now("web")
        for _ in range(20):
            again = self.controller.reconcile()
            for reservation in self.state.ec2.reservations.values():
                for instance in reservation.instances:
                    after = {"pending": "running", "shutting-down": "terminated", "stopping": "stopped"}
                    if instance.state in after:
                        set_state(instance, after[instance.state])
                        again = True
            if not again:
                return
        raise AssertionError("the group does not settle")

    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_auto_scaling_groups()["AutoScalingGroups"][0]
        return found

    def members(self) -> dict[str, str]:
        return {one["InstanceId"]: one["LifecycleState"] for one in self.group()["Instances"]}

    def activities(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.describe_scaling_activities(AutoScalingGroupName="web")["Activities"]
        return found

    def refused(self, call: str, **values: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as problem:
            getattr(self.client, call)(**values)
        error = problem.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture
def lab() -> Iterator[Lab]:
    mends.install()
    tap, state = Tap(), State("us-east-1")
    clients = Clients(tap, tap.identities.create_user("facilitator"), "us-east-1", "203.0.113.10")
    sick: set[str] = set()
    trail = Trail()
    tap.handle("cloudtrail", "LookupEvents", trail.lookup)
    controller = AutoScaling(tap, state, lambda _: {}, lambda one: one.id in sick, 10, trail)
    ec2 = clients.client("ec2")
    made = Lab(clients.client("autoscaling"), ec2, clients.client("cloudtrail"), state, controller, sick=sick)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made.subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    made.image = ec2.register_image(Name="host")["ImageId"]
    data = {"ImageId": made.image, "InstanceType": "t3.micro"}
    created = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
    made.template = created["LaunchTemplate"]["LaunchTemplateId"]
    yield made
    for backend in list(BackendDict._instances):
        backend.reset()


def test_nothing_is_launched_within_the_call(lab: Lab) -> None:
    lab.create()
    assert lab.members() == {}
    lab.settle()
    assert list(lab.members().values()) == ["InService", "InService"]


def test_the_activity_of_a_launch_says_who_wanted_it_and_why(lab: Lab) -> None:
    lab.create()
    lab.settle()
    activity = lab.activities()[0]
    instance = sorted(lab.members())
    assert activity["Description"] in [f"Launching a new EC2 instance: {one}" for one in instance]
    assert "a user request created an AutoScalingGroup changing the desired capacity from 0 to 2." in activity["Cause"]
    assert activity["Cause"].endswith(
        "an instance was started in response to a difference between desired and actual capacity, "
        "increasing the capacity from 0 to 2."
    )
    assert (activity["StatusCode"], activity["Progress"]) == ("Successful", 100)
    assert json.loads(activity["Details"])["Subnet ID"] == lab.subnet


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("terminate", "an EC2 health check indicating it has been terminated or stopped."),
        ("stop", "an EC2 health check indicating it has been terminated or stopped."),
        ("impair", "an EC2 instance status checks failure."),
        ("mark", "a user health-check."),
    ],
)
def test_a_lost_instance_is_replaced_and_the_activities_say_why(lab: Lab, change: str, cause: str) -> None:
    lab.create()
    lab.settle()
    lost = min(lab.members())
    if change == "terminate":
        lab.ec2.terminate_instances(InstanceIds=[lost])
    elif change == "stop":
        lab.ec2.stop_instances(InstanceIds=[lost])
    elif change == "impair":
        lab.sick.add(lost)
    else:
        lab.client.set_instance_health(InstanceId=lost, HealthStatus="Unhealthy")
    assert lost in lab.members()
    for _ in ("found by one look", "replaced by the next"):
        lab.settle()
    assert lost not in lab.members()
    assert list(lab.members().values()) == ["InService", "InService"]
    launched, terminated = lab.activities()[:2]
    assert launched["Cause"].endswith(
        "an instance was launched in response to an unhealthy instance needing to be replaced."
    )
    assert terminated["Description"] == f"Terminating EC2 instance: {lost}"
    assert terminated["Cause"].endswith(f"an instance was taken out of service in response to {cause}")


def test_what_a_group_calls_of_ec2_is_in_the_history_as_the_services(lab: Lab) -> None:
    lab.create()
    lab.settle()
    lost = min(lab.members())
    lab.client.set_instance_health(InstanceId=lost, HealthStatus="Unhealthy")
    lab.settle()
    by = [{"AttributeKey": "Username", "AttributeValue": "AutoScaling"}]
    found = lab.history.lookup_events(LookupAttributes=by)["Events"]
    records = [json.loads(event["CloudTrailEvent"]) for event in found]
    assert {record["eventName"] for record in records} == {"RunInstances", "TerminateInstances"}
    for record in records:
        assert record["userIdentity"]["invokedBy"] == record["sourceIPAddress"] == "autoscaling.amazonaws.com"
        assert record["userIdentity"]["arn"].endswith(":assumed-role/AWSServiceRoleForAutoScaling/AutoScaling")
        assert not record["readOnly"]
    (ended,) = [record for record in records if record["eventName"] == "TerminateInstances"]
    assert ended["requestParameters"] == {"instancesSet": {"items": [{"instanceId": lost}]}}
    started = [item for event in found if event["EventName"] == "RunInstances" for item in event["Resources"]]
    assert {item["ResourceName"] for item in started} >= set(lab.members())


def test_a_group_whose_launch_template_is_gone_says_so_in_its_activities_and_goes_on_when_it_has_another(
    lab: Lab,
) -> None:
    lab.create()
    lab.settle()
    lab.ec2.delete_launch_template(LaunchTemplateId=lab.template)
    lab.client.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=3)
    lab.settle()
    failed = lab.activities()[0]
    message = (
        f"You must use a valid fully-formed launch template. The specified launch template, with template ID "
        f"{lab.template}, does not exist. Launching EC2 instance failed."
    )
    assert (failed["StatusCode"], failed["StatusMessage"]) == ("Failed", message)
    assert failed["Description"] == f"Launching a new EC2 instance.  Status Reason: {message}"
    assert len(lab.members()) == 2
    data = {"ImageId": lab.image, "InstanceType": "t3.micro"}
    other = lab.ec2.create_launch_template(LaunchTemplateName="other", LaunchTemplateData=data)["LaunchTemplate"]
    lab.client.update_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateId": other["LaunchTemplateId"]}
    )
    lab.settle()
    assert len(lab.members()) == 3


def test_the_version_that_is_meant_is_that_of_the_launch(lab: Lab) -> None:
    lab.create(DesiredCapacity=1)
    lab.settle()
    lab.ec2.create_launch_template_version(
        LaunchTemplateId=lab.template, LaunchTemplateData={"ImageId": lab.image, "InstanceType": "t3.small"}
    )
    lab.client.set_desired_capacity(AutoScalingGroupName="web", DesiredCapacity=2)
    lab.settle()
    found = {one["InstanceType"]: one["LaunchTemplate"]["Version"] for one in lab.group()["Instances"]}
    assert found == {"t3.micro": "1", "t3.small": "2"}


def test_tags_are_those_to_be_propagated_and_aws_s_own(lab: Lab) -> None:
    tags = [
        {"Key": "tier", "Value": "web", "PropagateAtLaunch": True},
        {"Key": "owner", "Value": "me", "PropagateAtLaunch": False},
    ]
    lab.create(DesiredCapacity=1, Tags=tags)
    lab.settle()
    instance = lab.ec2.describe_instances()["Reservations"][0]["Instances"][0]
    assert {tag["Key"]: tag["Value"] for tag in instance["Tags"]} == {
        "tier": "web",
        "aws:autoscaling:groupName": "web",
        "aws:ec2launchtemplate:id": lab.template,
        "aws:ec2launchtemplate:version": "1",
    }


def test_terminating_with_a_decrement_shrinks_the_group_and_not_below_its_minimum(lab: Lab) -> None:
    lab.create()
    lab.settle()
    one, other = sorted(lab.members())
    activity = lab.client.terminate_instance_in_auto_scaling_group(InstanceId=one, ShouldDecrementDesiredCapacity=True)
    assert activity["Activity"]["Cause"].endswith(
        f"instance {one} was taken out of service in response to a user request, shrinking the capacity from 2 to 1."
    )
    lab.settle()
    assert list(lab.members()) == [other]
    code, message = lab.refused(
        "terminate_instance_in_auto_scaling_group", InstanceId=other, ShouldDecrementDesiredCapacity=True
    )
    assert code == "ValidationError"
    assert "Terminating instance without replacement will violate group's min size constraint" in message


def test_a_detached_instance_goes_on_running_and_can_be_attached_again(lab: Lab) -> None:
    lab.create()
    lab.settle()
    one = min(lab.members())
    lab.client.detach_instances(AutoScalingGroupName="web", InstanceIds=[one], ShouldDecrementDesiredCapacity=True)
    lab.settle()
    instance = lab.ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["Instances"][0]
    assert instance["State"]["Name"] == "running"
    assert "aws:autoscaling:groupName" not in {tag["Key"] for tag in instance["Tags"]}
    assert (len(lab.members()), lab.group()["DesiredCapacity"]) == (1, 1)
    lab.client.attach_instances(AutoScalingGroupName="web", InstanceIds=[one])
    lab.settle()
    assert (lab.members()[one], lab.group()["DesiredCapacity"]) == ("InService", 2)


def test_an_instance_in_standby_is_no_capacity_until_it_is_back(lab: Lab) -> None:
    lab.create()
    lab.settle()
    one = min(lab.members())
    lab.client.enter_standby(AutoScalingGroupName="web", InstanceIds=[one], ShouldDecrementDesiredCapacity=True)
    lab.settle()
    assert (lab.members()[one], lab.group()["DesiredCapacity"], len(lab.members())) == ("Standby", 1, 2)
    lab.client.exit_standby(AutoScalingGroupName="web", InstanceIds=[one])
    lab.settle()
    assert (lab.members()[one], lab.group()["DesiredCapacity"]) == ("InService", 2)


def test_suspended_processes_say_since_when_and_resuming_one_leaves_the_others(lab: Lab) -> None:
    lab.create()
    lab.client.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch", "ReplaceUnhealthy"])
    lab.client.resume_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    (one,) = lab.group()["SuspendedProcesses"]
    assert one["ProcessName"] == "ReplaceUnhealthy"
    assert one["SuspensionReason"].startswith("User suspended at 2")


def test_a_group_with_instances_is_deleted_by_force_only_and_then_its_instances_end(lab: Lab) -> None:
    lab.create()
    lab.settle()
    code, message = lab.refused("delete_auto_scaling_group", AutoScalingGroupName="web")
    assert (code, message.split(" while")[0]) == ("ResourceInUse", "You cannot delete an AutoScalingGroup")
    lab.client.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    assert lab.group()["Status"] == "Delete in progress"
    lab.settle()
    assert lab.client.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    told = lab.client.describe_scaling_activities(IncludeDeletedGroups=True)["Activities"]
    assert told[0]["AutoScalingGroupState"] == "Deleted"


REFUSED = {
    "Max bound, 1, must be greater than or equal to min bound, 2": {"MinSize": 2, "MaxSize": 1},
    "Desired capacity:5 must be between the specified min size:1 and max size:3": {"DesiredCapacity": 5},
    "You must use a valid fully-formed launch template. The specified launch template, with template ID lt-0, does not "
    "exist.": {"LaunchTemplate": {"LaunchTemplateId": "lt-0"}},
    "You must use a valid fully-formed launch template. Could not find launch template version.": {
        "LaunchTemplate": {"LaunchTemplateName": "web", "Version": "7"}
    },
    "Valid requests must contain either launchTemplateId or LaunchTemplateName": {"LaunchTemplate": {"Version": "1"}},
    "The subnet ID 'subnet-0' does not exist": {"VPCZoneIdentifier": "subnet-0"},
    "Invalid Health Check Type : PING. Valid health check types are : [EC2, ELB]": {"HealthCheckType": "PING"},
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_group_that_cannot_be_is_refused(lab: Lab, message: str) -> None:
    with pytest.raises(ClientError) as problem:
        lab.create(**REFUSED[message])
    assert problem.value.response["Error"]["Code"] == "ValidationError"
    assert problem.value.response["Error"]["Message"] == message
    assert lab.client.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_an_instance_class_that_does_not_exist_is_named(lab: Lab) -> None:
    data = {"ImageId": lab.image, "InstanceType": "t9.huge"}
    lab.ec2.create_launch_template(LaunchTemplateName="huge", LaunchTemplateData=data)
    with pytest.raises(ClientError, match=r"Invalid value 't9\.huge' for InstanceType\."):
        lab.create(LaunchTemplate={"LaunchTemplateName": "huge"})


def test_the_same_name_twice_is_refused(lab: Lab) -> None:
    lab.create()
    with pytest.raises(ClientError, match="AlreadyExists"):
        lab.create()


def test_a_desired_capacity_outside_the_bounds_is_refused(lab: Lab) -> None:
    lab.create()
    assert lab.refused("set_desired_capacity", AutoScalingGroupName="web", DesiredCapacity=9) == (
        "ValidationError",
        "New SetDesiredCapacity value 9 is above max value 3 for the AutoScalingGroup.",
    )
    assert lab.refused("set_desired_capacity", AutoScalingGroupName="web", DesiredCapacity=0)[1] == (
        "New SetDesiredCapacity value 0 is below min value 1 for the AutoScalingGroup."
    )


def test_what_is_not_there_is_refused(lab: Lab) -> None:
    assert lab.refused("set_desired_capacity", AutoScalingGroupName="no", DesiredCapacity=1) == (
        "ValidationError",
        "AutoScalingGroup name not found - AutoScalingGroup 'no' not found",
    )
    assert lab.refused("set_instance_health", InstanceId="i-0", HealthStatus="Healthy") == (
        "ValidationError",
        "Instance Id not found - No managed instance found for instance ID: i-0",
    )
    lab.create()
    code, _ = lab.refused("suspend_processes", AutoScalingGroupName="web", ScalingProcesses=["Lunch"])
    assert code == "ValidationError"


def test_what_nothing_would_follow_from_is_refused_by_name(lab: Lab) -> None:
    lab.create()
    assert lab.refused(
        "put_lifecycle_hook", AutoScalingGroupName="web", LifecycleHookName="wait",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
    ) == ("NotImplemented", "The twin does not implement autoscaling:PutLifecycleHook.")  # fmt: skip
    _, message = lab.refused("update_auto_scaling_group", AutoScalingGroupName="web", MaxInstanceLifetime=86400)
    assert (
        message
        == "The twin does not implement the parameter MaxInstanceLifetime of autoscaling:UpdateAutoScalingGroup."
    )
