"""Whether hosts came up: what is asked of AWS, what is waited for, and what is said of those that did not."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.session
import pytest
from botocore.stub import ANY, Stubber

from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.booting import Boots
from chaosgood_ext.errors import EnvironmentUnavailable

WEB, OTHER, MONITORING = (f"i-{number:017x}" for number in (1, 2, 3))


@dataclass
class Clients:
    """Clients whose answers are held against AWS's own model of its services, and given in turn."""

    stubs: dict[str, Stubber] = field(default_factory=dict)

    def client(self, service_name: str, *, region_name: str) -> Any:
        return self.stub(service_name).client

    def stub(self, service: str) -> Stubber:
        if service not in self.stubs:
            made = botocore.session.get_session().create_client(
                service, region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none"
            )
            self.stubs[service] = Stubber(made)
            self.stubs[service].activate()
        return self.stubs[service]

    def has(
        self,
        hosts: dict[str, str],
        refreshes: tuple[str, ...] = (),
        *,
        silent: str = "",
        stale: bool = False,
        state: str = "",
        console: str = "",
    ) -> None:
        """Let one look find these hosts with these outcomes, and group chaosgood-web with such refreshes."""
        autoscaling, ec2, ssm = self.stub("autoscaling"), self.stub("ec2"), self.stub("ssm")
        group = {
            "AutoScalingGroupName": "chaosgood-web", "MinSize": 2, "MaxSize": 4, "DesiredCapacity": 2,
            "DefaultCooldown": 300, "AvailabilityZones": [], "HealthCheckType": "ELB", "CreatedTime": 0,
            "LaunchTemplate": {"LaunchTemplateId": "lt-00000000000000002"},
            "Instances": [
                {
                    "InstanceId": one, "AvailabilityZone": "us-east-1a", "LifecycleState": "InService",
                    "HealthStatus": "Healthy", "ProtectedFromScaleIn": False,
                    "LaunchTemplate": {"LaunchTemplateId": f"lt-0000000000000000{1 if stale else 2}"},
                }
                for one in hosts if one != MONITORING
            ],
        }  # fmt: skip
        autoscaling.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [group]})
        known = [{"Status": status, "StatusReason": "it says why"} for status in refreshes]
        asked: dict[str, Any] = {"AutoScalingGroupName": "chaosgood-web", "MaxRecords": 1}
        autoscaling.add_response("describe_instance_refreshes", {"InstanceRefreshes": known}, asked)
        instances = [
            {
                "InstanceId": instance,
                "State": {"Name": state if state and instance == MONITORING else "running"},
                "Tags": [{"Key": "tier", "Value": "monitoring" if instance == MONITORING else "web"}],
            }
            for instance in hosts
        ]
        ours = {"Filters": [{"Name": "tag:game", "Values": ["chaosgood"]}]}
        ec2.add_response("describe_instances", {"Reservations": [{"Instances": instances}]}, ours)
        online = [instance for instance in hosts if instance != silent]
        managed = [{"InstanceId": instance, "PingStatus": "Online"} for instance in online]
        managed += [{"InstanceId": silent, "PingStatus": "ConnectionLost"}] if silent else []
        ssm.add_response("describe_instance_information", {"InstanceInformationList": managed})
        asked_ones = sorted(i for i in online if not (state and i == MONITORING))
        asked = {
            "InstanceIds": asked_ones, "DocumentName": "AWS-RunShellScript", "TimeoutSeconds": 30, "Comment": ANY,
            "Parameters": {"commands": ["cat /var/log/first-boot"]},
        }  # fmt: skip
        command = "12345678-1234-1234-1234-123456789012"
        ssm.add_response("send_command", {"Command": {"CommandId": command}}, asked)
        said = [
            {"InstanceId": i, "Status": "Success", "CommandPlugins": [{"Output": f"{hosts[i]}\n"}]} for i in asked_ones
        ]
        # An agent answers a moment later.
        for answers in (said[:1], said):
            ssm.add_response("list_command_invocations", {"CommandInvocations": answers}, ANY_OF_COMMAND)
            if len(said) == 1:
                break
        if state == "stopped":
            ec2.add_response("start_instances", {"StartingInstances": []}, {"InstanceIds": [MONITORING]})
        if silent:
            output = {"Output": base64.b64encode(console.encode()).decode()} if console else {}
            ec2.add_response("get_console_output", output, {"InstanceId": silent, "Latest": True})


ANY_OF_COMMAND = {"CommandId": ANY, "Details": True}


@pytest.fixture
def aws() -> Iterator[Clients]:
    made = Clients()
    yield made
    for stub in made.stubs.values():
        stub.assert_no_pending_responses()


def boots(aws: Clients, told: list[str] | None = None) -> Boots:
    return Boots(Aws(aws, "us-east-1", "chaosgood"), [].append if told is None else told.append, period_s=0.001)


def test_waits_until_every_host_has_booted(aws: Clients) -> None:
    aws.has({WEB: "done", MONITORING: "running"})
    aws.has({WEB: "done", MONITORING: "done"})
    told: list[str] = []
    boots(aws, told).wait()
    assert told == [f"waiting for monitoring {MONITORING}: running"]


def test_waits_until_a_group_has_replaced_its_hosts(aws: Clients) -> None:
    aws.has({WEB: "done"}, ("InProgress",), stale=True)
    aws.has({OTHER: "done"}, ("Successful",))
    told: list[str] = []
    boots(aws, told).wait()
    assert told == ["waiting for the refresh of chaosgood-web"]


def test_a_first_boot_that_failed_ends_the_wait_with_its_line_and_what_to_do(aws: Clients) -> None:
    aws.has({WEB: "done", MONITORING: "failed at line 38: retry apt-get update"})
    with pytest.raises(EnvironmentUnavailable) as caught:
        boots(aws).wait()
    assert caught.value.what == (
        f"Not all hosts came up. monitoring {MONITORING}: failed at line 38: retry apt-get update."
    )
    assert "chaos shell ID" in caught.value.remedy
    assert (
        "aws ec2 get-console-output --latest --output text --region us-east-1 --instance-id ID" in caught.value.remedy
    )
    assert "aws ec2 terminate-instances --region us-east-1 --instance-ids ID" in caught.value.remedy


def test_a_host_that_was_stopped_is_started(aws: Clients) -> None:
    aws.has({WEB: "done", MONITORING: "done"}, state="stopped")
    aws.has({WEB: "done", MONITORING: "done"})
    told: list[str] = []
    boots(aws, told).wait()
    assert told[0] == f"started monitoring {MONITORING}"


@pytest.mark.parametrize("how", [{"silent": MONITORING}, {"state": "stopping"}], ids=["silent", "stopping"])
def test_a_host_that_says_nothing_is_named_at_the_deadline(how: dict[str, str], aws: Clients) -> None:
    aws.has({WEB: "done", MONITORING: "done"}, **how)
    with pytest.raises(EnvironmentUnavailable, match=f"monitoring {MONITORING}: (does not answer|stopping)"):
        boots(aws).wait(deadline_s=-1)


def test_a_first_boot_that_failed_before_the_agent_was_there_is_known_from_the_console(aws: Clients) -> None:
    said = """[   31.1] cloud-init[612]: ++ echo 'failed at line 38: retry apt-get update'
[   31.1] cloud-init[612]: ++ tee /var/log/first-boot
[   31.2] cloud-init[612]: failed at line 38: retry apt-get update
[   31.9] cloud-init[612]: Cloud-init v. 22.4.2 finished\r
"""
    aws.has({WEB: "done", MONITORING: ""}, silent=MONITORING, console=said)
    with pytest.raises(EnvironmentUnavailable, match=f"monitoring {MONITORING}: failed at line 38: retry apt-get"):
        boots(aws).wait()


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_refresh_that_failed_is_named_with_its_reason_and_how_to_repeat_it(status: str, aws: Clients) -> None:
    aws.has({WEB: "done"}, (status,), stale=True)
    with pytest.raises(EnvironmentUnavailable, match=f"refresh of chaosgood-web: {status}: it says why") as caught:
        boots(aws).wait()
    assert "aws autoscaling start-instance-refresh" in caught.value.remedy


def test_a_refresh_that_a_player_cancelled_is_no_matter(aws: Clients) -> None:
    aws.has({WEB: "done"}, ("Cancelled",))
    boots(aws).wait()


def test_hosts_of_an_earlier_template_without_any_refresh_are_told(aws: Clients) -> None:
    aws.has({WEB: "done"}, stale=True)
    with pytest.raises(EnvironmentUnavailable, match="refresh of chaosgood-web: none"):
        boots(aws).wait()
