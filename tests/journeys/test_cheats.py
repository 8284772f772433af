"""Games of sg-break on a real twin that no responder wins; `make games` plays every cheat."""

import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from chaosgood_ext.record.folder import all_games
from chaosgood_ext.record.log import read
from chaosgood_ext.report.post_mortem import summary
from chaosgood_ext.scenario.load import load
from chaosgood_ext.twin import launcher
from tests.fakes.waiting import eventually

SCENARIO = Path(__file__).parents[2] / "experiments" / "sg-break.yaml"


@pytest.fixture(scope="module")
def twin():
    running = launcher.boot(private=True)
    yield running
    launcher.shut_down(running)


@pytest.fixture
def ec2(twin):
    keys = twin.outputs["credentials"]["facilitator"]
    session = boto3.Session(
        keys["access_key_id"], keys["secret_access_key"], keys["session_token"], twin.outputs["region"]
    )
    return session.client("ec2", endpoint_url=twin.outputs["endpoint_url"])


@pytest.fixture
def play(twin, tmp_path):
    """Start a game on the twin; what it returns waits for its end and gives status, summary and record."""

    def start(**variables):
        own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CHAOSGOOD_"))}
        if "CHAOSGOOD_CACHE" in os.environ:
            own["CHAOSGOOD_CACHE"] = os.environ["CHAOSGOOD_CACHE"]
        process = subprocess.Popen(
            [sys.executable, "-m", "chaostoolkit", "--no-version-check", "run", str(SCENARIO)],
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**own, "CHAOSGOOD_TWIN": twin.name, "CHAOSGOOD_GAMES": str(tmp_path / "games"), **variables},
        )  # fmt: skip

        def end():
            status = process.wait(240)
            (game,) = all_games(tmp_path / "games")
            return status, summary(game), list(read(game.events).events)

        return end

    return start


def app_rules(ec2, twin):
    resources = twin.outputs["resources"]
    (group,) = ec2.describe_security_groups(GroupIds=[resources["database_security_group_id"]])["SecurityGroups"]
    pairs = [pair["GroupId"] for permission in group["IpPermissions"] for pair in permission["UserIdGroupPairs"]]
    return pairs.count(resources["app_security_group_id"])


def test_an_outage_that_somebody_else_ends_healed_by_itself(play, twin, ec2, tmp_path):
    end = play(CHAOSGOOD_RESPONDER="command", CHAOSGOOD_COMMAND="true")

    def hurt():
        files = list((tmp_path / "games").glob("*/events.jsonl"))
        return files and "chaosgood.notification.sent" in files[0].read_text()

    eventually(hurt, 180, "users are hurt")
    resources = twin.outputs["resources"]
    pair = {"GroupId": resources["app_security_group_id"], "Description": "PostgreSQL from the application tier"}
    ec2.authorize_security_group_ingress(
        GroupId=resources["database_security_group_id"],
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [pair]}],
    )
    status, told, _ = end()
    assert (status, told["verdict"], told["healed_by"]) == (0, "resolved", "itself")


def test_who_does_nothing_times_out_and_the_fault_is_undone(play, twin, ec2):
    status, told, events = play(CHAOSGOOD_RESPONDER="command", CHAOSGOOD_COMMAND="true", CHAOSGOOD_TIME_LIMIT_S="20")()
    assert (status, told["verdict"]) == (1, "timed-out")
    assert any(event.type == "chaosgood.fault.undone" for event in events)
    assert app_rules(ec2, twin) == 1


def test_every_kind_of_cheat_is_there_to_be_played():
    names = {cheat.name for cheat in load(SCENARIO)[1].cheats}
    assert names == {
        "world-open", "two-halves", "world-open-by-ipv6", "every-protocol", "database-made-public",
        "health-check-says-yes", "shop-says-yes", "alert-deleted", "prometheus-stopped", "load-stopped",
    }  # fmt: skip
