"""EC2 and Auto Scaling: what the API says of instances is what there is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaosgood_ext.errors import TwinError
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


@pytest.fixture
def launched(client: Client, resources: dict[str, str], eventually: Any) -> Iterator[dict[str, Any]]:
    """An instance that a person ran, as RunInstances described it; it runs."""
    ec2 = client("ec2")
    made: dict[str, Any] = ec2.run_instances(
        ImageId=ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"],
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        SubnetId=resources["workstation_subnet_ids"].split(",")[1],
        SecurityGroupIds=[resources["workstation_security_group_id"]],
        IamInstanceProfile={"Name": "chaosgood-web"},
    )["Instances"][0]
    eventually(lambda: states(ec2)[made["InstanceId"]] == "running")
    yield made
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
    eventually(lambda: states(ec2)[made["InstanceId"]] == "terminated", within_s=20)


def described_as(ec2: Any, name: str) -> dict[str, Any]:
    instance: dict[str, Any] = ec2.describe_instances(InstanceIds=[name])["Reservations"][0]["Instances"][0]
    return instance


def status(ec2: Any, name: str) -> tuple[str, str]:
    """Instance status and system status."""
    told = ec2.describe_instance_status(InstanceIds=[name], IncludeAllInstances=True)["InstanceStatuses"][0]
    return told["InstanceStatus"]["Status"], told["SystemStatus"]["Status"]


def test_an_instance_is_pending_until_its_host_is_up_and_gone_when_it_is_terminated(
    twin: RunningTwin, client: Client, launched: dict[str, Any], eventually: Any, on: Any
) -> None:
    ec2, name, address = client("ec2"), launched["InstanceId"], launched["PrivateIpAddress"]
    assert launched["State"]["Name"] == "pending"
    assert launched["StateReason"] == {"Code": "pending", "Message": "pending"}
    assert address.startswith("10.0.43.")
    eventually(lambda: name in hosts(twin))
    assert on(name, "hostname").stdout.strip() == f"ip-{address.replace('.', '-')}"
    assert on("internet", f"ping -c 1 -W 1 {address}").returncode  # no rule lets it in
    ended = ec2.terminate_instances(InstanceIds=[name])["TerminatingInstances"][0]
    assert (ended["PreviousState"]["Name"], ended["CurrentState"]["Name"]) == ("running", "shutting-down")
    eventually(lambda: states(ec2)[name] == "terminated")
    eventually(lambda: name not in hosts(twin))
    gone = described_as(ec2, name)
    assert gone["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert gone["StateTransitionReason"].startswith("User initiated (")
    assert "PrivateIpAddress" not in gone
    assert not gone["NetworkInterfaces"]


def test_a_stopped_instance_keeps_its_disk_and_its_private_address(
    twin: RunningTwin, client: Client, launched: dict[str, Any], eventually: Any, on: Any
) -> None:
    ec2, name = client("ec2"), launched["InstanceId"]
    before = described_as(ec2, name)
    kept = ("/etc/kept", "/var/lib/kept", "/home/admin/kept")
    eventually(lambda: name in hosts(twin))
    assert on(name, f"for file in {' '.join(kept)} /tmp/lost /run/lost; do echo here >$file; done").returncode == 0
    assert on(name, "sed -i s/127.0.0.1/127.0.0.2/ /etc/hosts").returncode == 0
    stopping = ec2.stop_instances(InstanceIds=[name])["StoppingInstances"][0]
    assert (stopping["PreviousState"]["Name"], stopping["CurrentState"]["Name"]) == ("running", "stopping")
    eventually(lambda: states(ec2)[name] == "stopped")
    eventually(lambda: name not in hosts(twin))
    stopped = described_as(ec2, name)
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert stopped.get("PublicIpAddress", "") == ""
    assert stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    ec2.start_instances(InstanceIds=[name])
    eventually(lambda: states(ec2)[name] == "running")
    started = described_as(ec2, name)
    assert started["LaunchTime"] > before["LaunchTime"]
    assert started["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert started["PublicIpAddress"] not in ("", before["PublicIpAddress"])
    assert on(name, f"cat {' '.join(kept)}").stdout == "here\n" * 3
    assert on(name, "grep -c 127.0.0.2 /etc/hosts").stdout == "1\n"
    assert on(name, "ls /tmp/lost /run/lost").returncode


@pytest.mark.usefixtures("left_alone")
def test_a_reboot_restarts_what_runs_and_keeps_the_addresses(
    twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Any, on: Any
) -> None:
    ec2, name = client("ec2"), twin.host("web-2")["name"]
    before = described_as(ec2, name)
    up_s = float(on("web-2", "touch /var/lib/kept; cut -d' ' -f1 /proc/uptime").stdout)
    pid = hosts(twin)[name]["pid"]
    ec2.reboot_instances(InstanceIds=[name])
    eventually(lambda: hosts(twin).get(name, {}).get("pid", pid) != pid)
    assert states(ec2)[name] == "running"
    assert float(on("web-2", "cut -d' ' -f1 /proc/uptime").stdout) < up_s + 10
    assert on("web-2", "ls /var/lib/kept").returncode == 0
    after = described_as(ec2, name)
    for same in ("LaunchTime", "PrivateIpAddress", "PublicIpAddress"):
        assert after[same] == before[same]
    eventually(lambda: on("web-2", "pgrep -x nginx").returncode == 0, what="nginx runs again")
    eventually(lambda: unhealthy(client, resources) == set(), within_s=20)


@pytest.mark.usefixtures("left_alone")
def test_nothing_answers_once_an_instance_has_crashed_its_kernel_and_a_reboot_brings_it_back(
    twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Any, on: Any
) -> None:
    ec2, host = client("ec2"), twin.host("web-1")
    name, address = host["name"], host["address"]
    eventually(lambda: status(ec2, name) == ("ok", "ok"), within_s=30)
    ask = f"curl -s -o /dev/null -m 2 http://{address}:3903/metrics; echo $?"
    assert on("monitoring", ask).stdout == "0\n"
    on("web-1", "nohup sh -c 'sleep 0.2; echo c >/run/sysrq-trigger' >/dev/null 2>&1 &")
    eventually(lambda: name not in hosts(twin))
    assert on("monitoring", ask).stdout == "28\n"  # timed out: silence, neither refused nor unreachable
    assert states(ec2)[name] == "running"
    with pytest.raises(TwinError, match=rf"{name} \(web-1\) is not connected"):
        on("web-1", "true")
    eventually(lambda: status(ec2, name) == ("impaired", "ok"), within_s=30)
    told = ec2.describe_instance_status(Filters=[{"Name": "instance-status.status", "Values": ["impaired"]}])
    assert [one["InstanceId"] for one in told["InstanceStatuses"]] == [name]
    details = told["InstanceStatuses"][0]["InstanceStatus"]["Details"][0]
    assert (details["Name"], details["Status"]) == ("reachability", "failed")
    assert details["ImpairedSince"]
    eventually(lambda: unhealthy(client, resources) == {name})
    ec2.reboot_instances(InstanceIds=[name])
    eventually(lambda: name in hosts(twin), within_s=20)
    eventually(lambda: status(ec2, name)[0] == "initializing")
    eventually(lambda: unhealthy(client, resources) == set(), within_s=20)


def test_an_instance_that_halts_by_itself_is_stopped_and_one_that_restarts_by_itself_goes_on(
    twin: RunningTwin, client: Client, launched: dict[str, Any], eventually: Any, on: Any
) -> None:
    ec2, name = client("ec2"), launched["InstanceId"]
    pid = eventually(lambda: hosts(twin).get(name))["pid"]
    on(name, "nohup sh -c 'sleep 0.2; reboot -f' >/dev/null 2>&1 &")
    eventually(lambda: hosts(twin).get(name, {}).get("pid", pid) != pid)
    assert states(ec2)[name] == "running"
    on(name, "nohup sh -c 'sleep 0.2; poweroff -f' >/dev/null 2>&1 &")
    eventually(lambda: states(ec2)[name] == "stopped")
    assert described_as(ec2, name)["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_dead_hardware_fails_both_checks_and_a_stop_and_a_start_move_the_instance_off_it(
    twin: RunningTwin, client: Client, launched: dict[str, Any], eventually: Any
) -> None:
    ec2, name = client("ec2"), launched["InstanceId"]
    pid = eventually(lambda: hosts(twin).get(name))["pid"]
    outside = ["nsenter", "-t", str(twin.init_pid), "--user", "--preserve-credentials", "-m", "-p", "--"]
    subprocess.run([*outside, "kill", "-KILL", str(pid)], check=True)
    eventually(lambda: status(ec2, name) == ("impaired", "impaired"), within_s=30)
    assert states(ec2)[name] == "running"
    ec2.stop_instances(InstanceIds=[name], Force=True)
    eventually(lambda: states(ec2)[name] == "stopped")
    ec2.start_instances(InstanceIds=[name])
    eventually(lambda: status(ec2, name) == ("initializing", "initializing"))
    eventually(lambda: name in hosts(twin))


def test_an_interface_that_is_down_fails_the_instance_check(
    client: Client, launched: dict[str, Any], eventually: Any, on: Any
) -> None:
    ec2, name = client("ec2"), launched["InstanceId"]
    eventually(lambda: on(name, "ip link set eth0 down").returncode == 0)
    eventually(lambda: status(ec2, name) == ("impaired", "ok"), within_s=30)


@pytest.mark.usefixtures("left_alone")
def test_the_tasks_of_a_crashed_container_instance_are_replaced_once_the_load_balancer_misses_them(
    twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Any
) -> None:
    ec2, ecs, ssm, name = client("ec2"), client("ecs"), client("ssm"), twin.host("app-1")["name"]
    cluster, service = resources["ecs_cluster_name"], resources["ecs_service_name"]

    def tasks() -> dict[str, str]:
        """The container instance's agent and each task that is to run, by EC2 instance."""
        listed = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
        told = ecs.describe_container_instances(cluster=cluster, containerInstances=listed)["containerInstances"]
        machines = {one["containerInstanceArn"]: one["ec2InstanceId"] for one in told}
        arns = ecs.list_tasks(cluster=cluster, serviceName=service)["taskArns"]
        described = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        return {one["taskArn"]: machines[one["containerInstanceArn"]] for one in described}

    def container_instances() -> set[str]:
        """Those whose agent is connected."""
        listed = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
        told = ecs.describe_container_instances(cluster=cluster, containerInstances=listed)["containerInstances"]
        return {one["ec2InstanceId"] for one in told if one["agentConnected"]}

    def healthy() -> list[str]:
        told = client("elbv2").describe_target_health(TargetGroupArn=resources["app_target_group_arn"])
        each = told["TargetHealthDescriptions"]
        return [one["Target"]["Id"] for one in each if one["TargetHealth"]["State"] == "healthy"]

    eventually(lambda: sorted(healthy()) == sorted({*tasks().values()}) and len(healthy()) == 2, within_s=30)
    lost = next(arn for arn, machine in tasks().items() if machine == name)
    ssm.send_command(
        InstanceIds=[name],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["echo c > /proc/sysrq-trigger"]},
    )
    eventually(lambda: name not in hosts(twin))
    assert ecs.describe_tasks(cluster=cluster, tasks=[lost])["tasks"][0]["lastStatus"] == "RUNNING"  # nobody says else
    eventually(lambda: len(healthy()) == 2 and name not in healthy(), within_s=40)
    ec2.reboot_instances(InstanceIds=[name])
    eventually(lambda: name in hosts(twin), within_s=20)
    eventually(lambda: ecs.describe_tasks(cluster=cluster, tasks=[lost])["tasks"][0]["lastStatus"] == "STOPPED")
    # Nothing spreads tasks anew by itself; the next one that is placed goes where there is none.
    eventually(lambda: name in container_instances())
    ecs.stop_task(cluster=cluster, task=next(iter(tasks())))
    eventually(lambda: sorted(healthy()) == sorted({*tasks().values()}) and len(healthy()) == 2, within_s=40)


def unhealthy(client: Client, resources: dict[str, str]) -> set[str]:
    """The instances of the web tier's target group that are not healthy."""
    told = client("elbv2").describe_target_health(TargetGroupArn=resources["web_target_group_arn"])
    return {
        one["Target"]["Id"] for one in told["TargetHealthDescriptions"] if one["TargetHealth"]["State"] != "healthy"
    }


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
    aliases = hosts(twin)[lost]["aliases"]
    ec2.terminate_instances(InstanceIds=[lost])
    eventually(lambda: len(members()) == 2 and lost not in members())
    eventually(lambda: healthy() == members(), within_s=20)
    eventually(lambda: any(host["aliases"] == aliases for name, host in hosts(twin).items() if name != lost))


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


def test_the_groups_given_to_an_interface_decide_about_its_packets(
    client: Client, resources: dict[str, str], eventually: Any, on: Any
) -> None:
    ec2, own = client("ec2"), resources["workstation_security_group_id"]
    vpc, what = resources["vpc_id"], "From the workstation"
    group = ec2.create_security_group(GroupName=what, Description=what, VpcId=vpc)["GroupId"]
    allowed = {"IpProtocol": "tcp", "FromPort": 7777, "ToPort": 7777, "UserIdGroupPairs": [{"GroupId": own}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[allowed])
    made = ec2.run_instances(
        ImageId=ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"],
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[
            {
                "DeviceIndex": 0,
                "SubnetId": resources["monitoring_subnet_ids"].split(",")[0],
                "Groups": [group],
                "AssociatePublicIpAddress": False,
            }
        ],
        UserData=f"#!/bin/sh\ncd /tmp && {sys.executable} -m http.server 7777\n",
    )["Instances"][0]
    name, interface = made["InstanceId"], made["NetworkInterfaces"][0]["NetworkInterfaceId"]

    def answer() -> str:
        asked = f"curl -s -o /dev/null -m 1 http://{made['PrivateIpAddress']}:7777/; echo $?"
        return str(on("workstation", asked).stdout).strip()

    try:
        eventually(lambda: answer() == "0", within_s=20)
        assert "PublicIpAddress" not in described_as(ec2, name)
        ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Groups=[own])
        eventually(lambda: answer() == "28")
        ec2.modify_instance_attribute(InstanceId=name, Groups=[own, group])
        eventually(lambda: answer() == "0")
    finally:
        ec2.terminate_instances(InstanceIds=[name])
        eventually(lambda: states(ec2)[name] == "terminated")
        ec2.delete_security_group(GroupId=group)


def run_command(client: Client, eventually: Any, instance_id: str, *commands: str, **more: Any) -> dict[str, Any]:
    """Send a command to an instance and return what became of it, in the words of GetCommandInvocation."""
    ssm = client("ssm")
    sent = ssm.send_command(
        InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": list(commands), **more}
    )["Command"]["CommandId"]

    def result() -> dict[str, Any] | None:
        told: dict[str, Any] = ssm.get_command_invocation(CommandId=sent, InstanceId=instance_id)
        return told if told["Status"] in ("Success", "Failed", "TimedOut", "Cancelled") else None

    found: dict[str, Any] = eventually(result)
    return found


def test_a_command_of_systems_manager_runs_on_the_host_as_root(
    twin: RunningTwin, client: Client, eventually: Any, on: Any
) -> None:
    host = twin.host("web-1")
    done = run_command(client, eventually, host["name"], "hostname; id -u", "echo oh >&2", "exit 3")
    assert (done["Status"], done["ResponseCode"]) == ("Failed", 3)
    assert done["StandardOutputContent"] == f"{host['hostname']}\n0\n"
    assert done["StandardErrorContent"] == "oh\nfailed to run commands: exit status 3"


def test_a_script_that_runs_too_long_is_ended_with_all_that_it_started(
    twin: RunningTwin, client: Client, eventually: Any, on: Any
) -> None:
    late = run_command(client, eventually, twin.host("web-1")["name"], "sleep 4321 | cat", executionTimeout=["1"])
    assert (late["Status"], late["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert on("web-1", "pgrep -f 'sleep 4321' | grep -v $$").stdout == ""


@pytest.mark.usefixtures("left_alone")
def test_an_instance_whose_nginx_is_halted_accepts_and_never_answers(
    twin: RunningTwin, client: Client, resources: dict[str, str], eventually: Any, on: Any
) -> None:
    host = twin.host("web-1")
    assert run_command(client, eventually, host["name"], "pkill -STOP nginx")["Status"] == "Success"
    assert on("web-1", "nc -z -w 1 127.0.0.1 80").returncode == 0
    assert on("web-1", "curl -s -m 1 http://127.0.0.1/health; echo $?").stdout == "28\n"
    eventually(lambda: unhealthy(client, resources) == {host["name"]})
    assert run_command(client, eventually, host["name"], "pkill -CONT nginx")["Status"] == "Success"
    eventually(lambda: unhealthy(client, resources) == set())


def test_of_a_command_that_crashes_its_host_nothing_more_is_heard(
    client: Client, launched: dict[str, Any], twin: RunningTwin, eventually: Any
) -> None:
    ssm, name = client("ssm"), launched["InstanceId"]
    eventually(lambda: name in nodes(ssm))
    sent = ssm.send_command(
        InstanceIds=[name],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["echo c > /proc/sysrq-trigger"], "executionTimeout": ["1"]},
        TimeoutSeconds=99,
    )["Command"]["CommandId"]
    eventually(lambda: name not in hosts(twin))
    second = ssm.send_command(InstanceIds=[name], DocumentName="AWS-RunShellScript", Parameters={"commands": ["id"]})

    def status(command_id: str) -> tuple[str, str]:
        told = ssm.get_command_invocation(CommandId=command_id, InstanceId=name)
        return told["Status"], told["StatusDetails"]

    assert status(sent) == ("InProgress", "InProgress")
    eventually(lambda: status(second["Command"]["CommandId"]) == ("Delayed", "Delayed"))
    eventually(lambda: status(sent) == ("TimedOut", "DeliveryTimedOut"), within_s=20)  # a tenth of 100 s
    client("ec2").terminate_instances(InstanceIds=[name])
    eventually(lambda: status(second["Command"]["CommandId"]) == ("Failed", "Undeliverable"))


def nodes(ssm: Any) -> dict[str, str]:
    """The managed instances and their ping status."""
    return {
        one["InstanceId"]: one["PingStatus"] for one in ssm.describe_instance_information()["InstanceInformationList"]
    }


def test_what_the_twin_lacks_is_named(client: Client) -> None:
    ssm = client("ssm")
    with pytest.raises(ssm.exceptions.ClientError, match=r"The twin does not implement ssm:StartSession\."):
        ssm.start_session(Target="i-0")
