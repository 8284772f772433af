"""`chaos aws`, with an AWS that lives in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import click
import pytest
from click.testing import CliRunner
from moto import mock_aws

from chaosgood_ext.cli.aws import _told, aws
from chaosgood_ext.environment.aws import settings
from chaosgood_ext.environment.aws.building import Planned
from chaosgood_ext.environment.aws.plans import Change
from chaosgood_ext.game.inverses import Inverse
from chaosgood_ext.game.place import Place
from chaosgood_ext.game.undo import UndoLog, read
from chaosgood_ext.record.folder import GameFolder

ROLE = "chaosgood-player"
HEAD = "Account 123456789012, until 2026-11-22T18:00:00Z"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    decided = settings.Settings(("123456789012",), "a@example.com")
    monkeypatch.setattr(settings, "to_destroy", lambda: decided)
    with mock_aws():
        iam = boto3.client("iam", region_name="us-east-1")
        document = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        )
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
        iam.create_policy(PolicyName="chaosgood-lockout", PolicyDocument=document)
        yield


def attached() -> list[str]:
    found = boto3.client("iam", region_name="us-east-1").list_attached_role_policies(RoleName=ROLE)
    return [policy["PolicyName"] for policy in found["AttachedPolicies"]]


def lock_out() -> None:
    arn = "arn:aws:iam::123456789012:policy/chaosgood-lockout"
    boto3.client("iam", region_name="us-east-1").attach_role_policy(RoleName=ROLE, PolicyArn=arn)


def test_a_player_who_is_locked_out_is_let_in_when_somebody_says_so() -> None:
    lock_out()
    refused = CliRunner().invoke(aws, ["unlock"])
    assert (refused.exit_code, attached()) == (2, ["chaosgood-lockout"])
    assert "locked out: the day's budget is spent" in refused.output
    done = CliRunner().invoke(aws, ["unlock", "--yes"])
    assert (done.exit_code, attached()) == (0, [])


def test_a_player_who_is_not_locked_out_stays_as_they_are() -> None:
    done = CliRunner().invoke(aws, ["unlock", "--yes"])
    assert (done.exit_code, done.output) == (0, "The player is not locked out in account 123456789012.\n")


def test_a_question_that_is_interrupted_is_no_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    lock_out()
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)

    def interrupted(*_: object, **__: object) -> bool:
        raise click.Abort

    monkeypatch.setattr(click, "confirm", interrupted)
    done = CliRunner().invoke(aws, ["unlock"])
    assert (done.exit_code, attached()) == (130, ["chaosgood-lockout"])
    assert "defect" not in done.output


def planned(*changes: Change, remarks: tuple[str, ...] = (), foreign: tuple[str, ...] = ()) -> Planned:
    decided = settings.Settings(("123456789012",), "a@example.com")
    return Planned(Path("plan"), changes, decided, "123456789012", "2026-11-22T18:00:00Z", remarks, foreign)


def test_a_plan_says_what_is_put_back_and_what_goes() -> None:
    group = Change("update", "module.web.aws_group.this", "aws_group", ("desired_capacity: 0 → 2",), drifted=True)
    foreign = "chaosgood-database: tcp 5432 from 0.0.0.0/0 (sgr-1) was not built, and goes"
    told = _told(planned(group, remarks=("It expired.",), foreign=(foreign,)))
    assert told.startswith(f"It expired.\n{HEAD}:\npart")
    assert told.endswith(
        f"Changed since it was built, and put back:\n  module.web.aws_group.this: desired_capacity: 0 → 2\n  {foreign}"
    )


def test_a_plan_of_a_new_environment_is_a_table_and_one_of_nothing_a_line() -> None:
    assert "put back" not in _told(planned(Change("create", "module.web.aws_group.this", "aws_group")))
    assert _told(planned()) == f"{HEAD}: nothing to change."
    assert "was not built" in _told(planned(foreign=("x was not built, and goes",)))


@pytest.fixture
def game_on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GameFolder:
    """A dead game in an environment on AWS, with a fault open."""
    monkeypatch.setenv("CHAOSGOOD_GAMES", str(tmp_path / "games"))
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))
    folder = GameFolder(tmp_path / "games/an-ordinary-monday")
    folder.path.mkdir(parents=True)
    (folder.path / "game.json").write_text("{}")
    undo = UndoLog(folder.undo, Place("aws us-east-1", "us-east-1"))
    undo.open("one", Inverse("ec2.start_instances", {"instance_ids": ["i-1"]}))
    return folder


def test_nothing_is_built_under_a_game_that_is_played(game_on_aws: GameFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "load", lambda: settings.Settings(("123456789012",), "a@example.com"))
    lock = game_on_aws.hold()
    done = CliRunner().invoke(aws, ["up", "--yes"])
    os.close(lock)
    assert done.exit_code == 2
    assert "The game an-ordinary-monday is being played there" in done.output


@pytest.mark.parametrize("played", [True, False])
def test_a_destroyed_environment_takes_the_faults_of_dead_games_along(
    played: bool, game_on_aws: GameFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaosgood_ext.environment.aws.building.take_down", lambda _: [])
    lock = game_on_aws.hold() if played else os.open(os.devnull, os.O_RDONLY)
    told = CliRunner().invoke(aws, ["down", "--yes"])
    os.close(lock)
    assert told.exit_code == 0
    assert ("an-ordinary-monday is being played there; it ends with its environment" in told.output) is played
    # A game that runs undoes its own.
    assert len(read(game_on_aws.undo).open) == played
