"""What AWS documents of EC2 and Systems Manager, each with the page that says so, through boto3 and the stock AWS CLI.

They run against the twin. Against an account of AWS (which costs a few cents) they run with these variables set:
`CHAOSGOOD_CONTRACT_SUBNET` (a public subnet of a VPC with DNS), `CHAOSGOOD_CONTRACT_IMAGE` (an image with cloud-init
and the SSM Agent, such as Amazon Linux 2023), `CHAOSGOOD_CONTRACT_PROFILE` (an instance profile with
AmazonSSMManagedInstanceCore), and AWS's own for credentials and region.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chaosgood_ext.twin import launcher

DONE = ("Success", "Failed", "TimedOut", "Cancelled")
FIRST_BOOT = "#!/bin/bash\necho $((1 + $(cat /var/lib/boots 2>/dev/null || echo 0))) >/var/lib/boots\necho hello\n"


@dataclass(frozen=True)
class Account:
    """Where the contract is tried: an account, and how much faster its time passes than AWS's."""

    client: Callable[[str], Any]
    image: str
    subnet: str
    profile: str
    time_scale: float
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def ec2(self) -> Any:
        """EC2 through boto3."""
        return self.client("ec2")

    @property
    def ssm(self) -> Any:
        """Systems Manager through boto3."""
        return self.client("ssm")

    def cli(self, *words: str) -> Any:
        """Run the stock AWS CLI; return what it printed as JSON, or what it said of its failure."""
        argv = [sys.executable, "-m", "awscli", *words, "--output", "json"]
        done = subprocess.run(argv, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60)
        return (json.loads(done.stdout) if done.stdout.strip() else None) if done.returncode == 0 else done.stderr

    def await_that(self, condition: Callable[[], Any], within_s: float = 300) -> Any:
        """Wait up to `within_s` seconds of AWS, and a few of this machine, for a true value; return it."""
        deadline = time.monotonic() + within_s / self.time_scale + 30
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not within {within_s:g} s of AWS"
            time.sleep(0.5 / self.time_scale)
        return found

    def run(self, **more: Any) -> str:
        """Run an instance, and return its id at once."""
        asked = {
            "ImageId": self.image,
            "InstanceType": "t3.nano",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": self.subnet,
            "IamInstanceProfile": {"Name": self.profile},
            **more,
        }
        return str(self.ec2.run_instances(**asked)["Instances"][0]["InstanceId"])

    def describe(self, instance: str) -> dict[str, Any]:
        """The instance as DescribeInstances tells of it."""
        told: dict[str, Any] = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return told

    def state(self, instance: str) -> str:
        """The name of the instance's state."""
        return str(self.describe(instance)["State"]["Name"])

    def status(self, instance: str) -> tuple[str, str]:
        """The summaries of the instance status and of the system status."""
        asked = {"InstanceIds": [instance], "IncludeAllInstances": True}
        told = self.ec2.describe_instance_status(**asked)["InstanceStatuses"][0]
        return told["InstanceStatus"]["Status"], told["SystemStatus"]["Status"]

    def await_state(self, instance: str, state: str) -> None:
        """Wait for the instance's state."""
        self.await_that(lambda: self.state(instance) == state, 600)

    def end(self, instance: str) -> None:
        """Terminate the instance, and wait until it is."""
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.await_state(instance, "terminated")

    def await_agent(self, instance: str) -> None:
        """Wait until the instance is managed."""
        key = [{"Key": "InstanceIds", "Values": [instance]}]
        told = self.ssm.describe_instance_information
        self.await_that(lambda: told(Filters=key)["InstanceInformationList"], 600)

    def send(self, instance: str, *commands: str, **parameters: list[str]) -> str:
        """Send a command to the instance, and return its id."""
        return str(
            self.ssm.send_command(
                InstanceIds=[instance],
                DocumentName="AWS-RunShellScript",
                Parameters={"commands": list(commands), **parameters},
            )["Command"]["CommandId"]
        )

    def result(self, command: str, instance: str) -> dict[str, Any]:
        """Wait until a command has ended, and return what GetCommandInvocation says of it."""

        def told() -> dict[str, Any] | None:
            try:
                one: dict[str, Any] = self.ssm.get_command_invocation(CommandId=command, InstanceId=instance)
            except self.ssm.exceptions.InvocationDoesNotExist:
                return None
            return one if one["Status"] in DONE else None

        found: dict[str, Any] = self.await_that(told)
        return found

    def shell(self, instance: str, *commands: str) -> str:
        """Run commands on the instance and return what they printed."""
        told = self.result(self.send(instance, *commands), instance)
        assert told["Status"] == "Success", told
        return str(told["StandardOutputContent"])


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest) -> Account:
    if subnet := os.environ.get("CHAOSGOOD_CONTRACT_SUBNET"):
        image, profile = os.environ["CHAOSGOOD_CONTRACT_IMAGE"], os.environ["CHAOSGOOD_CONTRACT_PROFILE"]
        return Account(boto3.Session().client, image, subnet, profile, 1)
    twin, client = request.getfixturevalue("twin"), request.getfixturevalue("client")
    image = client("ec2").describe_images(Owners=["self"])["Images"][0]["ImageId"]
    return Account(
        client,
        image,
        twin.outputs["resources"]["workstation_subnet_ids"].split(",")[1],
        "chaosgood-workstation",
        twin.outputs["timing"]["time_scale"],
        launcher.exports(twin.outputs, "facilitator"),
    )


@pytest.fixture(scope="module")
def instance(account: Account) -> Iterator[str]:
    """An instance that runs, is managed, and was launched with user data."""
    made = account.run(
        UserData=FIRST_BOOT,
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "contract", "Value": uuid.uuid4().hex}]}],
    )
    account.await_state(made, "running")
    account.await_agent(made)
    yield made
    account.end(made)


@pytest.fixture
def spare(account: Account) -> Iterator[str]:
    """An instance that a test may break; it runs and is managed."""
    made = account.run()
    account.await_state(made, "running")
    account.await_agent(made)
    yield made
    account.end(made)


def refused(call: Callable[..., Any], **asked: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(ClientError) as no:
        call(**asked)
    return str(no.value.response["Error"]["Code"])


# -- lifecycle


def test_a_launched_instance_is_pending_then_running(account: Account) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html"""
    made = account.ec2.run_instances(
        ImageId=account.image, InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=account.subnet
    )["Instances"][0]
    try:
        assert made["State"] == {"Code": 0, "Name": "pending"}
        account.await_state(made["InstanceId"], "running")
        assert account.describe(made["InstanceId"])["State"]["Code"] == 16
    finally:
        ended = account.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])["TerminatingInstances"][0]
    assert ended["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    account.await_state(made["InstanceId"], "terminated")
    assert account.describe(made["InstanceId"])["State"]["Code"] == 48


def test_a_stop_keeps_the_private_address_and_the_disk_and_gives_up_the_public_address(
    account: Account, instance: str
) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-stop-start-works.html"""
    account.shell(instance, "echo kept >/var/lib/kept")
    before = account.describe(instance)
    account.ec2.stop_instances(InstanceIds=[instance])
    account.await_state(instance, "stopped")
    stopped = account.describe(instance)
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert not stopped.get("PublicIpAddress")
    account.ec2.start_instances(InstanceIds=[instance])
    account.await_state(instance, "running")
    after = account.describe(instance)
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert after["LaunchTime"] > before["LaunchTime"]
    assert account.shell(instance, "cat /var/lib/kept") == "kept\n"


def test_a_reboot_keeps_addresses_and_disk(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-reboot.html"""
    before = account.describe(instance)
    booted = "cat /proc/sys/kernel/random/boot_id 2>/dev/null; stat -c %Y /proc/1"
    marked = account.shell(instance, "echo kept >/var/lib/kept; touch /run/before", booted)
    account.ec2.reboot_instances(InstanceIds=[instance])
    account.await_that(lambda: "gone" in account.shell(instance, "ls /run/before 2>/dev/null || echo gone"))
    assert account.shell(instance, booted) != marked
    after = account.describe(instance)
    for same in ("PrivateIpAddress", "PublicIpAddress", "LaunchTime", "State"):
        assert after[same] == before[same]
    assert account.shell(instance, "cat /var/lib/kept") == "kept\n"


def test_terminating_twice_succeeds_twice(account: Account, spare: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html"""
    account.ec2.terminate_instances(InstanceIds=[spare])
    account.await_state(spare, "terminated")
    again = account.ec2.terminate_instances(InstanceIds=[spare])["TerminatingInstances"][0]
    assert (again["PreviousState"]["Name"], again["CurrentState"]["Name"]) == ("terminated", "terminated")
    assert refused(account.ec2.start_instances, InstanceIds=[spare]) == "IncorrectInstanceState"
    account.ec2.reboot_instances(InstanceIds=[spare])  # "Requests to reboot terminated instances are ignored."
    assert account.state(spare) == "terminated"


def test_termination_protection_protects(account: Account, spare: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html"""
    account.ec2.modify_instance_attribute(InstanceId=spare, DisableApiTermination={"Value": True})
    assert refused(account.ec2.terminate_instances, InstanceIds=[spare]) == "OperationNotPermitted"
    assert account.state(spare) == "running"
    account.ec2.modify_instance_attribute(InstanceId=spare, DisableApiTermination={"Value": False})


def test_an_instance_that_shuts_itself_down_does_as_its_attribute_says(account: Account, spare: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingInstanceInitiatedShutdownBehavior.html"""
    asked = {"InstanceId": spare, "Attribute": "instanceInitiatedShutdownBehavior"}
    told = account.ec2.describe_instance_attribute(**asked)
    assert told["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"
    account.ec2.modify_instance_attribute(InstanceId=spare, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    account.send(spare, "poweroff -f")
    account.await_state(spare, "terminated")
    assert account.describe(spare)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


# -- status checks


def test_status_checks_are_initializing_and_then_ok(account: Account) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html"""
    made, seen = account.run(), []

    def passed() -> bool:
        seen.append(account.status(made))
        return seen[-1] == ("ok", "ok")

    try:
        account.await_that(passed, 900)
    finally:
        account.end(made)
    assert list(dict.fromkeys(one for one, _ in seen))[-2:] == ["initializing", "ok"]


def test_status_tells_of_running_instances_unless_asked_for_all(account: Account, spare: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html"""
    assert account.status(spare) in (("initializing", "initializing"), ("ok", "ok"))
    account.ec2.stop_instances(InstanceIds=[spare])
    account.await_state(spare, "stopped")
    assert account.ec2.describe_instance_status(InstanceIds=[spare])["InstanceStatuses"] == []
    assert account.status(spare) == ("not-applicable", "not-applicable")
    wrong = [{"Name": "nonsense", "Values": ["ok"]}]
    assert refused(account.ec2.describe_instance_status, Filters=wrong) == "InvalidParameterValue"


def test_a_panic_fails_the_instance_check_and_a_reboot_mends_it(account: Account, spare: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/TroubleshootingInstances.html"""
    account.await_that(lambda: account.status(spare) == ("ok", "ok"), 900)
    account.send(spare, "echo 1 >/proc/sys/kernel/sysrq 2>/dev/null", "echo c >/proc/sysrq-trigger")
    account.await_that(lambda: account.status(spare)[0] == "impaired", 900)
    assert account.state(spare) == "running"
    account.ec2.reboot_instances(InstanceIds=[spare])
    account.await_that(lambda: account.status(spare) == ("ok", "ok"), 1200)


# -- refusals


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ImageId": "image"}, "InvalidAMIID.Malformed"),
        ({"ImageId": "ami-00000000000000000"}, "InvalidAMIID.NotFound"),
        ({"InstanceType": "t3.enormous"}, "InvalidParameterValue"),
        ({"SubnetId": "subnet-00000000000000000"}, "InvalidSubnetID.NotFound"),
        ({"SecurityGroupIds": ["sg-00000000000000000"]}, "InvalidGroup.NotFound"),
        ({"KeyName": "nobody's"}, "InvalidKeyPair.NotFound"),
        ({"UserData": "#" * 16_385}, "InvalidParameterValue"),
        ({"MinCount": 2}, "InvalidParameterValue"),
        ({"PrivateIpAddress": "192.0.2.1"}, "InvalidParameterValue"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
)
def test_a_launch_that_cannot_be_is_refused(account: Account, changed: dict[str, Any], code: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    before = len(account.ec2.describe_instances()["Reservations"])
    asked = {
        "ImageId": account.image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1, "SubnetId": account.subnet,
    }  # fmt: skip
    assert refused(account.ec2.run_instances, **{**asked, **changed}) == code
    assert len(account.ec2.describe_instances()["Reservations"]) == before


def test_an_instance_that_is_not_there_is_named(account: Account) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    for action in ("describe_instances", "start_instances", "stop_instances", "reboot_instances"):
        call = getattr(account.ec2, action)
        assert refused(call, InstanceIds=["i-nonsense"]) == "InvalidInstanceID.Malformed"
        assert refused(call, InstanceIds=["i-00000000000000000"]) == "InvalidInstanceID.NotFound"
    said = account.cli("ec2", "stop-instances", "--instance-ids", "i-00000000000000000")
    assert "(InvalidInstanceID.NotFound)" in said
    assert "'i-00000000000000000' does not exist" in said


def test_some_attributes_want_the_instance_stopped(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html"""
    modify = account.ec2.modify_instance_attribute
    for attribute in ({"InstanceType": {"Value": "t3.micro"}}, {"UserData": {"Value": base64.b64encode(b"#!")}}):
        assert refused(modify, InstanceId=instance, **attribute) == "IncorrectInstanceState"


# -- security groups


def test_the_groups_of_an_instance_are_those_of_its_interface(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html"""
    described = account.describe(instance)
    interface, before = described["NetworkInterfaces"][0]["NetworkInterfaceId"], described["SecurityGroups"]
    name = f"contract-{uuid.uuid4().hex}"
    group = account.ec2.create_security_group(GroupName=name, Description="Contract", VpcId=described["VpcId"])
    try:
        account.ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[group["GroupId"]])
        assert [one["GroupId"] for one in account.describe(instance)["SecurityGroups"]] == [group["GroupId"]]
        wrong = ["sg-00000000000000000"]
        assert (
            refused(account.ec2.modify_instance_attribute, InstanceId=instance, Groups=wrong) == "InvalidGroup.NotFound"
        )
        assert refused(account.ec2.delete_security_group, GroupId=group["GroupId"]) == "DependencyViolation"
    finally:
        groups = [one["GroupId"] for one in before]
        account.ec2.modify_instance_attribute(InstanceId=instance, Groups=groups)
        account.ec2.delete_security_group(GroupId=group["GroupId"])
    assert account.describe(instance)["NetworkInterfaces"][0]["Groups"] == before


# -- user data


def test_user_data_runs_once_as_root_and_its_output_is_kept(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""
    account.await_that(lambda: "hello" in account.shell(instance, "cat /var/log/cloud-init-output.log"))
    assert account.shell(instance, "cat /var/lib/boots; stat -c %U /var/lib/boots") == "1\nroot\n"


def test_the_metadata_service_serves_user_data_to_who_has_a_token(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html"""
    at = "http://169.254.169.254/latest"
    token = f"$(curl -sX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {at}/api/token)"
    assert account.shell(instance, f'curl -s -H "X-aws-ec2-metadata-token: {token}" {at}/user-data') == FIRST_BOOT


def test_a_launch_template_gives_what_the_call_does_not(account: Account) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html"""
    name = f"contract-{uuid.uuid4().hex}"
    data = {
        "ImageId": account.image,
        "InstanceType": "t3.nano",
        "UserData": base64.b64encode(FIRST_BOOT.encode()).decode(),
        "IamInstanceProfile": {"Name": account.profile},
    }
    account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    launched = account.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": name}, MinCount=1, MaxCount=1, SubnetId=account.subnet
    )["Instances"][0]["InstanceId"]
    try:
        account.await_agent(launched)
        assert account.describe(launched)["InstanceType"] == "t3.nano"
        account.await_that(lambda: "hello" in account.shell(launched, "cat /var/log/cloud-init-output.log"))
    finally:
        account.end(launched)
        account.ec2.delete_launch_template(LaunchTemplateName=name)
    assert refused(
        account.ec2.run_instances, LaunchTemplate={"LaunchTemplateName": name}, MinCount=1, MaxCount=1
    ).startswith("InvalidLaunchTemplate")


# -- Run Command


def test_a_command_s_output_and_exit_status_come_back(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html"""
    told = account.result(account.send(instance, "id -u", "echo no >&2", "exit 7"), instance)
    assert (told["Status"], told["StatusDetails"], told["ResponseCode"]) == ("Failed", "Failed", 7)
    assert told["StandardOutputContent"] == "0\n"
    assert told["StandardErrorContent"].startswith("no\n")
    assert told["PluginName"] == "aws:runShellScript"
    long = account.result(account.send(instance, "head -c 30000 /dev/zero | tr '\\0' x"), instance)
    assert len(long["StandardOutputContent"]) == 24_000


def test_a_script_ends_when_its_execution_timeout_is_over(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html"""
    told = account.result(account.send(instance, "sleep 600", executionTimeout=["2"]), instance)
    assert told["Status"] == "TimedOut"


def test_targets_are_found_by_tag(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/send-commands-multiple.html"""
    value = next(tag["Value"] for tag in account.describe(instance)["Tags"] if tag["Key"] == "contract")
    sent = account.cli(
        "ssm", "send-command", "--document-name", "AWS-RunShellScript", "--parameters", "commands=hostname",
        "--targets", f"Key=tag:contract,Values={value}",
    )["Command"]["CommandId"]  # fmt: skip
    told = account.result(sent, instance)
    assert told["Status"] == "Success"
    listed = account.cli("ssm", "list-command-invocations", "--command-id", sent, "--details")["CommandInvocations"]
    assert [(one["InstanceId"], one["Status"]) for one in listed] == [(instance, "Success")]
    assert listed[0]["CommandPlugins"][0]["Output"] == told["StandardOutputContent"]


def test_what_cannot_be_sent_is_refused(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""
    send, what = account.ssm.send_command, {"Parameters": {"commands": ["id"]}}
    unknown = {"InstanceIds": ["i-00000000000000000"], "DocumentName": "AWS-RunShellScript"}
    assert refused(send, **unknown, **what) == "InvalidInstanceId"
    assert refused(send, InstanceIds=[instance], DocumentName="nobodys-document", **what) == "InvalidDocument"
    wrong = {"Parameters": {"command": ["id"]}}
    assert refused(send, InstanceIds=[instance], DocumentName="AWS-RunShellScript", **wrong) == "InvalidParameters"
    asked = {"CommandId": str(uuid.uuid4()), "InstanceId": instance}
    assert refused(account.ssm.get_command_invocation, **asked) == "InvocationDoesNotExist"


def test_a_managed_instance_is_online(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformation.html"""
    told = account.cli("ssm", "describe-instance-information", "--filters", f"Key=InstanceIds,Values={instance}")
    node = told["InstanceInformationList"][0]
    assert (node["PingStatus"], node["PlatformType"], node["ResourceType"]) == ("Online", "Linux", "EC2Instance")
    assert node["IPAddress"] == account.describe(instance)["PrivateIpAddress"]


def test_a_command_is_in_the_history_without_what_it_said(account: Account, instance: str) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-cloudtrail-logs.html"""
    sent = account.send(instance, "id")

    def found() -> dict[str, Any] | None:
        by_name = [{"AttributeKey": "EventName", "AttributeValue": "SendCommand"}]
        for event in account.client("cloudtrail").lookup_events(LookupAttributes=by_name, MaxResults=5)["Events"]:
            record: dict[str, Any] = json.loads(event["CloudTrailEvent"])
            if (record["responseElements"] or {}).get("command", {}).get("commandId") == sent:
                return record
        return None

    record = account.await_that(found, 900)
    assert record["requestParameters"]["instanceIds"] == [instance]
    assert record["requestParameters"]["parameters"] == "HIDDEN_DUE_TO_SECURITY_REASONS"
