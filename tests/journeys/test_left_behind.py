"""Games that die, on a twin that outlives them: `chaos recover` leaves nothing, and `chaos reset` sees all.

`python -m benchmarks.kills` does the first two hundred times at random moments.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from benchmarks.kills import kill_one, shared_twin
from chaosgood_ext.game.phases import Phase
from chaosgood_ext.game.place import here
from chaosgood_ext.game.resetting import look
from chaosgood_ext.game.undo import UndoLog, read
from chaosgood_ext.twin import launcher

CHAOS = [sys.executable, "-m", "chaostoolkit", "--no-version-check"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("left-behind") / "games"
    folder.mkdir()
    with shared_twin(folder) as variables:
        yield variables


@pytest.fixture
def ec2(environment: dict[str, str]) -> Any:
    outputs = launcher.find(environment["CHAOSGOOD_TWIN"]).outputs
    keys = outputs["credentials"]["facilitator"]
    session = boto3.Session(keys["access_key_id"], keys["secret_access_key"], keys["session_token"], outputs["region"])
    return session.client("ec2", endpoint_url=outputs["endpoint_url"])


def chaos(environment: dict[str, str], *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*CHAOS, *words], env=environment, capture_output=True, text=True, timeout=180, **more)


def database_rules(ec2: Any) -> list[dict[str, Any]]:
    wanted = [{"Name": "tag:tier", "Values": ["database"]}]
    rules = ec2.describe_security_group_rules(Filters=wanted)["SecurityGroupRules"]
    changing = ("SecurityGroupRuleId", "SecurityGroupRuleArn")
    return sorted(({k: v for k, v in rule.items() if k not in changing} for rule in rules), key=str)


@pytest.mark.parametrize(
    ("phase", "after_s", "number", "open_faults"),
    [
        (Phase.CALM, 0.5, signal.SIGKILL, 0),
        (Phase.OUTAGE, 1.0, signal.SIGKILL, 1),
        (Phase.OUTAGE, 1.5, signal.SIGHUP, 0),
    ],
    ids=["killed before the fault", "killed with the fault in", "terminal closed with the fault in"],
)
def test_nothing_is_left_of_a_game_that_dies(
    environment: dict[str, str], ec2: Any, phase: Phase, after_s: float, number: int, open_faults: int
) -> None:
    before = database_rules(ec2)
    kill = kill_one(environment, phase, after_s, number)
    assert (kill.left, kill.open_faults) == ((), open_faults)
    assert database_rules(ec2) == before


def revoke(ec2: Any, folder: Path) -> tuple[str, UndoLog]:
    """Break the database's rule as a game that died has, its undo log in `folder`; return what is open, too."""
    from chaosgood_ext.game import inverses
    from chaosgood_ext.game.place import reach

    groups = {one["GroupName"]: one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]}
    asked = {
        "requested_security_group_id": groups["chaosgood-database"], "ip_protocol": "tcp", "from_port": 5432,
        "to_port": 5432, "ingress_security_group_id": groups["chaosgood-app"],
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", ec2.meta.endpoint_url)
        place = here({"aws_region": "us-east-1"})
    clients = reach(place)
    assert clients is not None
    inverse = inverses.plan("chaosaws.ec2.actions", "revoke_security_group_ingress", asked, clients)
    assert inverse is not None
    folder.mkdir(parents=True)
    log = UndoLog(folder / "undo.jsonl", place)
    log.open("the rule is gone", inverse)
    database = groups["chaosgood-database"]
    ec2.revoke_security_group_ingress(GroupId=database, IpPermissions=[inverse.arguments["permission"]])
    return database, log


def test_a_fault_is_undone_on_a_full_disk_and_it_is_said_that_it_cannot_be_noted(
    environment: dict[str, str], ec2: Any, tmp_path: Path
) -> None:
    before = database_rules(ec2)
    _, log = revoke(ec2, tmp_path / "dead")
    with log.path.open("a") as file:
        file.write("\n" * (4096 - log.path.stat().st_size % 4096))  # so that not a byte more fits into its last page
    full, games = tmp_path / "full", tmp_path / "games"
    games.mkdir()
    full.write_text(
        f"mount -t tmpfs -o size=64k tmpfs {games} && cp -r {tmp_path}/dead {games}/ && touch {games}/dead/lock\n"
        f"cat /dev/zero > {games}/filler 2>/dev/null\n"
        f"{' '.join(CHAOS)} recover; echo status $?; rm {games}/filler; {' '.join(CHAOS)} recover; echo status $?\n"
    )
    own = {**environment, "CHAOSGOOD_GAMES": str(games)}
    argv = ["unshare", "--user", "--map-root-user", "--mount", "bash", str(full)]
    said = subprocess.run(argv, env=own, capture_output=True, text=True, timeout=180, check=False).stdout
    assert "status 1" in said, said
    first, second = said.split("status 1\n")
    assert "the rule is gone" in first
    assert "restored. It is undone, but that cannot be noted" in first
    assert "No space left on device" in first
    assert "it was back already" in second
    assert second.endswith("status 0\n")
    assert database_rules(ec2) == before
    assert len(read(log.path).open) == 1, "the copy on the full disk was closed, not this one"


def test_reset_shows_what_a_responder_left_and_builds_anew(environment: dict[str, str], ec2: Any) -> None:
    name = environment["CHAOSGOOD_TWIN"]
    assert look(name).differences == (), "a twin is what the topology says"
    group, _ = revoke(ec2, Path(environment["CHAOSGOOD_GAMES"]) / "dead")
    world = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[world])
    edited = chaos(environment, "shell", "web-1", "--", "bash", "-c", "echo '# hi' >> /etc/nginx/nginx.conf")
    assert edited.returncode == 0
    shown = chaos(environment, "reset", "--dry-run")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[1:] == [
        "  host web-1",
        "    - /etc/nginx/nginx.conf as it was built",
        "    + /etc/nginx/nginx.conf changed",
        "  security group chaosgood-database",
        "    - ingress tcp 5432 from chaosgood-app “PostgreSQL from the application tier”",
        "    + ingress tcp 5432 from 0.0.0.0/0 “”",
    ]
    refused = chaos(environment, "reset", stdin=subprocess.DEVNULL)
    assert (refused.returncode, "Say --yes" in refused.stderr) == (2, True)
    done = chaos(environment, "reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"Twin {name} is as it was built." in done.stdout
    assert look(name).differences == ()
    assert chaos(environment, "recover").stdout == "Nothing to do: nothing is left behind.\n"


def test_aws_is_reset_by_building_it_again(environment: dict[str, str]) -> None:
    refused = chaos({**environment, "CHAOSGOOD_ENVIRONMENT": "aws"}, "reset", environment["CHAOSGOOD_TWIN"])
    assert (refused.returncode, "make aws-up" in refused.stderr) == (2, True)


def test_a_twin_that_died_with_its_faults_is_noted(environment: dict[str, str], ec2: Any) -> None:
    """Last: it ends the twin."""
    folder = Path(environment["CHAOSGOOD_GAMES"]) / "orphan"
    revoke(ec2, folder)
    os.kill(launcher.find(environment["CHAOSGOOD_TWIN"]).init_pid, signal.SIGKILL)
    (told,) = json.loads(chaos(environment, "recover", "--json").stdout)["games"]
    assert [fault["outcome"] for fault in told["faults"]] == ["gone with the twin"]
    assert read(folder / "undo.jsonl").open == ()
