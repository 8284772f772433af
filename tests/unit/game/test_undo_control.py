"""Any experiment that names the control has its faults undone; Chaos Toolkit itself plays them here, on moto."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from chaoslib.experiment import run_experiment
from moto import mock_aws

from chaosgood_ext.game import undo_control
from chaosgood_ext.game.left_behind import recover
from chaosgood_ext.game.undo import UndoLog, read
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.twin.cloud.mends import security_groups


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("CHAOSGOOD_GAMES", str(tmp_path / "games"))
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    security_groups.install()
    with mock_aws():
        ec2 = boto3.client("ec2", "us-east-1")
        made = str(ec2.create_security_group(GroupName="database", Description="d")["GroupId"])
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[rule])
        yield made
    undo_control.cleanup_control()


def admitted(group: str) -> list[str]:
    (found,) = boto3.client("ec2", "us-east-1").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return [one["CidrIp"] for permission in found["IpPermissions"] for one in permission["IpRanges"]]


def experiment(*activities: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    control = {"type": "python", "module": "chaosgood_ext.game.undo_control", "arguments": arguments}
    return {
        "title": "Any experiment", "description": "x", "method": list(activities), "rollbacks": [],
        "controls": [{"name": "undo", "provider": control}], "configuration": {"cidr": "10.0.0.0/8"},
    }  # fmt: skip


def action(name: str, func: str, module: str = "chaosaws.ec2.actions", **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": "action", "name": name, "provider": provider}


def revoking(group: str) -> dict[str, Any]:
    return action(
        "it breaks", "revoke_security_group_ingress", requested_security_group_id=group, ip_protocol="tcp",
        from_port=5432, to_port=5432, cidr_ip="${cidr}",
    )  # fmt: skip


def folders() -> list[GameFolder]:
    return [GameFolder(path) for path in sorted(Path(os.environ["CHAOSGOOD_GAMES"]).glob("*"))]


def test_a_fault_acts_and_is_undone_at_the_end(group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from chaosaws.ec2 import actions

    during: list[list[str]] = []
    real = actions.revoke_security_group_ingress

    def revoke(**arguments: Any) -> Any:
        (open_now,) = read(folders()[0].undo).open
        assert open_now.fault == "it breaks", "its inverse is on disk before the fault acts"
        result = real(**arguments)
        during.append(admitted(group))
        return result

    monkeypatch.setattr(actions, "revoke_security_group_ingress", lambda *_, **named: revoke(**named))
    journal = run_experiment(experiment(revoking(group)))
    assert during == [[]]
    assert journal["status"] == "completed"
    assert admitted(group) == ["10.0.0.0/8"]
    (folder,) = folders()
    assert read(folder.undo).open == ()
    assert not folder.running


def test_an_action_that_nobody_can_undo_is_not_played_unless_it_is_called_irreversible(group: str) -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    image = ec2.register_image(Name="host", Architecture="x86_64", RootDeviceName="/dev/xvda")["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

    def state() -> str:
        found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    ending = action("it ends", "terminate_instance", instance_id=instance)
    assert run_experiment(experiment(ending))["status"] == "interrupted"
    assert state() == "running"
    assert run_experiment(experiment(ending, irreversible=["it ends"]))["status"] == "completed"
    assert state() in ("shutting-down", "terminated")


def test_a_program_is_not_run_unless_it_is_called_irreversible(group: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    program = {"type": "process", "path": "touch", "arguments": str(made)}
    touching = {"type": "action", "name": "it touches", "provider": program}
    assert run_experiment(experiment(touching))["status"] == "interrupted"
    assert not made.exists()
    assert run_experiment(experiment(touching, irreversible=["it touches"]))["status"] == "completed"
    assert made.exists()


def test_an_experiment_that_leaves_something_behind_fails_and_is_recovered_later(
    group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = UndoLog.play
    monkeypatch.setattr(UndoLog, "play", lambda *_, **__: [])
    run_experiment(experiment(revoking(group)))
    assert admitted(group) == []
    monkeypatch.setattr(UndoLog, "play", real)
    (done,) = recover()
    assert [fault.outcome for fault in done.faults] == ["restored"]
    assert admitted(group) == ["10.0.0.0/8"]
    assert recover() == []


def test_no_fault_no_folder(group: str) -> None:
    run_experiment(experiment(action("wait", "pause_for_a_while", duration=0)))
    assert folders() == []
    assert admitted(group) == ["10.0.0.0/8"]
