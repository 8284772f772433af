"""Our own faults on a real twin: what they do to a host, and that their inverses end it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from chaosgood_ext.aws import actions
from chaosgood_ext.errors import EnvironmentUnavailable, GameError
from chaosgood_ext.game import inverses
from chaosgood_ext.game.inverses import Outcome
from chaosgood_ext.game.inverses.hosts import longest_running
from chaosgood_ext.game.place import Chain, Place
from chaosgood_ext.twin.launcher import RunningTwin

pytestmark = pytest.mark.usefixtures("left_alone")

WORKSTATION = [{"Name": "tag:tier", "Values": ["workstation"]}]
WEB = [{"Name": "tag:tier", "Values": ["web"]}]


@pytest.fixture
def configuration(twin: RunningTwin, resources: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    keys = twin.outputs["credentials"]["facilitator"]
    for name, value in {
        "AWS_ENDPOINT_URL": twin.outputs["endpoint_url"], "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"], "AWS_SESSION_TOKEN": keys["session_token"],
        "AWS_REGION": twin.outputs["region"], "AWS_DEFAULT_REGION": twin.outputs["region"],
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    return {
        "aws_region": twin.outputs["region"], "aws_assume_role_arn": resources["injector_role_arn"],
        "aws_assume_role_session_name": "deploy-pipeline",
    }  # fmt: skip


@pytest.fixture
def clients(configuration: dict[str, str]) -> Chain:
    return Chain(Place("twin", configuration["aws_region"]))


@pytest.fixture
def curl(clients: Chain, resources: dict[str, str], on: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Ask an instance of the web tier for its health, from the workstation, which is let in for once."""
    ec2 = clients.client("ec2")
    pair = [{"GroupId": resources["workstation_security_group_id"]}]
    rule = {
        "GroupId": resources["web_security_group_id"],
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": pair}],
    }
    ec2.authorize_security_group_ingress(**rule)

    def ask(instance: str, options: str = "--max-time 1") -> Any:
        (found,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        assert found["Instances"][0]["State"]["Name"] == "running"
        address = found["Instances"][0]["PrivateIpAddress"]
        return on("workstation", f"curl -s {options} http://{address}/health")

    yield ask
    ec2.revoke_security_group_ingress(**rule)


def test_a_crashed_instance_is_silent_until_it_is_rebooted(
    configuration: dict[str, str], clients: Chain, curl: Callable[..., Any], eventually: Any
) -> None:
    asked = {"filters": WEB}
    instance = longest_running(WEB, clients)
    inverse = inverses.plan(actions.__name__, "crash_instance", asked, clients)
    assert inverses.play(inverse, clients) is Outcome.NOT_NEEDED
    assert actions.crash_instance(**asked, configuration=configuration) == instance
    try:
        eventually(lambda: curl(instance).returncode == 28, 15, "it falls silent")
    finally:
        undone = inverses.play(inverse, clients)
    assert undone is Outcome.RESTORED
    eventually(lambda: curl(instance).returncode == 0, 30, "it serves again")
    assert inverses.play(inverse, clients) is Outcome.NOT_NEEDED


def test_a_frozen_program_accepts_and_never_answers(
    configuration: dict[str, str], clients: Chain, curl: Callable[..., Any], eventually: Any
) -> None:
    asked = {"filters": WEB, "program": "nginx"}
    inverse = inverses.plan(actions.__name__, "freeze_program", asked, clients)
    instance = actions.freeze_program(**asked, configuration=configuration)
    try:
        asked_it = curl(instance, "--max-time 2 -w '%{time_connect}'")
    finally:
        undone = inverses.play(inverse, clients)
    assert asked_it.returncode == 28, "no answer in time"
    assert 0 < float(asked_it.stdout) < 1, "though it was connected"
    assert undone is Outcome.RESTORED
    eventually(lambda: curl(instance).returncode == 0, 15, "it answers")
    assert inverses.play(inverse, clients) is Outcome.NOT_NEEDED


def test_a_program_that_does_not_run_and_an_instance_that_there_is_not_are_told(configuration: dict[str, str]) -> None:
    with pytest.raises(EnvironmentUnavailable, match="came to Failed"):
        actions.freeze_program(WORKSTATION, "postgres", configuration)
    with pytest.raises(GameError, match="is running"):
        actions.crash_instance([{"Name": "tag:tier", "Values": ["nothing"]}], configuration)
