"""One real twin for all the contract tests; each test leaves it as it found it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    running = launcher.boot(private=True)
    yield running
    launcher.shut_down(running)


@pytest.fixture(scope="session")
def resources(twin: RunningTwin) -> dict[str, str]:
    return dict(twin.outputs["resources"])


@pytest.fixture(scope="session")
def client(twin: RunningTwin) -> Callable[[str], Any]:
    keys = twin.outputs["credentials"]["facilitator"]
    session = boto3.Session(
        keys["access_key_id"], keys["secret_access_key"], keys["session_token"], twin.outputs["region"]
    )
    return lambda service: session.client(service, endpoint_url=twin.outputs["endpoint_url"])


@pytest.fixture(scope="session")
def on(twin: RunningTwin) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a bash script on a host, as `chaos shell HOST -- …` does."""

    def run(host: str, script: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
        argv = twin.argv_in(host, ["bash", "-c", script])
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, stdin=subprocess.DEVNULL)

    return run


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """Wait for a condition to return something true, and return that."""

    def wait(condition: Callable[[], Any], within_s: float = 10, what: str = "") -> Any:
        deadline = time.monotonic() + within_s
        while not (found := condition()):
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what or condition}"
            time.sleep(0.02)
        return found

    return wait


@pytest.fixture
def left_alone(client: Callable[[str], Any], resources: dict[str, str], eventually: Any) -> Iterator[None]:
    """No auto scaling group looks at what a test breaks, or replaces it, until all is well again."""
    autoscaling, ec2, processes = client("autoscaling"), client("ec2"), ["HealthCheck", "ReplaceUnhealthy"]
    names = [resources[f"{tier}_auto_scaling_group_name"] for tier in ("web", "app")]

    def well() -> bool:
        groups = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]
        ids = [one["InstanceId"] for group in groups for one in group["Instances"]]
        told = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
        checks = [one[check]["Status"] for one in told for check in ("InstanceStatus", "SystemStatus")]
        targets = [
            one["TargetHealth"]["State"]
            for tier in ("web", "app")
            for one in client("elbv2").describe_target_health(TargetGroupArn=resources[f"{tier}_target_group_arn"])[
                "TargetHealthDescriptions"
            ]
        ]
        return len(told) == len(ids) and {*checks} == {"ok"} and {*targets} == {"healthy"}

    for name in names:
        autoscaling.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=processes)
    yield
    eventually(well, 60, "all is well again")
    for name in names:
        autoscaling.resume_processes(AutoScalingGroupName=name, ScalingProcesses=processes)
