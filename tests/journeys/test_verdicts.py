"""Whole games as `chaos run` plays them, in an environment that has a control plane only."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml

from chaosgood_ext.record.folder import all_games
from chaosgood_ext.record.log import read
from tests.journeys.conftest import SMALL

REPAIR = (
    "aws ec2 authorize-security-group-ingress --protocol tcp --port 5432 --source-group {0.app} --group-id {0.database}"
)
OPEN = "aws ec2 authorize-security-group-ingress --protocol tcp --port 5432 --cidr 0.0.0.0/0 --group-id {0.database}"


def changed(tmp_path, **changes):
    """small.yaml with other values, by path: `method.1.provider.func`."""
    document = yaml.safe_load(SMALL.read_text())
    for path, value in changes.items():
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = document
        for part in way:
            place = place[part]
        place[last] = value
    scenario = tmp_path / "changed.yaml"
    scenario.write_text(yaml.safe_dump(document))
    return scenario


def test_a_repair_is_resolved_and_nothing_is_left(play, environment, tmp_path):
    played = play(REPAIR.format(environment))
    assert played.wait() == 0, played.text()
    assert played.verdict[0] == "resolved"
    assert [one["phase"] for one in played.told("chaosgood.phase.started")] == [
        "boot", "steady state", "calm", "fault", "outage", "recovery", "verdict", "rollback", "report",
    ]  # fmt: skip
    assert json.loads((tmp_path / "journal.json").read_text())["status"] == "completed"
    assert environment.admits()
    text = played.game.post_mortem.read_text()
    assert "| Verdict | **resolved** |" in text
    assert not played.game.running
    assert list((tmp_path / "cache" / "games").iterdir()) == []


def test_a_cheat_is_rejected_with_the_guard_named(play, environment):
    played = play(OPEN.format(environment))
    assert played.wait() == 1, played.text()
    assert played.verdict[0] == "rejected"
    assert "admit 0.0.0.0/0" in played.verdict[1]
    assert "rejected" in played.text()


def test_who_does_nothing_times_out_and_the_fault_is_undone(play, environment, tmp_path):
    played = play("sleep 1000", changed(tmp_path, **{"extensions.0.time_limit_s": 6}))
    assert played.wait() == 1, played.text()
    assert played.verdict[0] == "timed-out"
    assert environment.admits()
    assert played.told("chaosgood.fault.undone")


def test_an_unhealthy_environment_is_told_so_and_nothing_is_broken(play, environment):
    environment.healthy = False
    played = play()
    assert played.wait() == 1, played.text()
    verdict, reason = played.verdict
    assert (verdict, "not healthy, so nothing was broken: the probe “requests succeed”" in reason) == ("aborted", True)
    assert not played.told("chaosgood.fault.started")


def test_a_fault_that_cannot_act_ends_the_game_with_its_reason(play, environment, tmp_path):
    played = play(scenario=changed(tmp_path, **{"configuration.port": 5433}))
    assert played.wait() == 1, played.text()
    assert "does not admit" in played.verdict[1]
    assert environment.admits()


def test_an_action_that_nobody_can_undo_is_not_played(play, environment, tmp_path):
    scenario = changed(
        tmp_path, **{"method.1.provider": {
            "type": "python", "module": "chaosaws.iam.actions", "func": "attach_role_policy",
            "arguments": {"arn": "arn:aws:iam::aws:policy/x", "role_name": "x"},
        }},
    )  # fmt: skip
    played = play(scenario=scenario)
    assert played.wait() == 1, played.text()
    assert "chaosaws.iam.actions.attach_role_policy" in played.verdict[1]


PROGRAM = {"type": "process", "path": "aws"}
REVOKE = (
    "ec2 revoke-security-group-ingress --protocol tcp --port 5432 --source-group ${app_security_group_id} "
    "--group-id ${database_security_group_id}"
)


def by_program(tmp_path, arguments=REVOKE, irreversible=()):
    return changed(
        tmp_path, **{
            "method.1.provider": {**PROGRAM, "arguments": arguments},
            "extensions.0.irreversible": list(irreversible), "extensions.0.time_limit_s": 6,
        },
    )  # fmt: skip


def test_a_program_that_nobody_can_undo_is_neither_checked_nor_played(play, environment, tmp_path):
    scenario = by_program(tmp_path)
    checked = subprocess.run(
        [sys.executable, "-m", "chaostoolkit", "--no-version-check", "check", str(scenario)], capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (checked.returncode, "no-inverse" in checked.stdout) == (1, True), checked.stdout
    played = play(scenario=scenario)
    assert played.wait() == 1
    assert "Nobody knows how to undo the program aws, so it is not played" in played.verdict[1]
    assert environment.admits()


def test_a_program_that_is_called_irreversible_acts_and_is_on_the_record(play, environment, tmp_path):
    played = play("sleep 1000", by_program(tmp_path, irreversible=["something happens"]))
    assert played.wait() == 1
    assert played.verdict[0] == "timed-out"
    (injected,) = played.told("chaosgood.fault.injected")
    assert injected["action"] == "the program aws"
    assert environment.database in injected["arguments"]["arguments"]


def test_a_program_that_fails_to_break_anything_ends_the_game(play, environment, tmp_path):
    played = play(scenario=by_program(tmp_path, REVOKE.replace("5432", "5433"), ["something happens"]))
    assert played.wait() == 1
    verdict, reason = played.verdict
    assert verdict == "aborted"
    assert "“something happens” failed: the program ended with status 25" in reason
    assert not played.told("chaosgood.fault.injected")


def test_a_rollback_that_fails_is_made_up_for_by_the_undo_log(play, environment, tmp_path):
    scenario = changed(
        tmp_path, **{"rollbacks.0.provider.arguments.ip_protocol": "nonsense", "extensions.0.time_limit_s": 5}
    )
    played = play("sleep 1000", scenario)
    assert played.wait() == 1, played.text()
    assert [one["outcome"] for one in played.told("chaosgood.fault.undone")] == ["restored"]
    assert environment.admits()


def test_a_tolerance_that_raises_leaves_no_fault_behind(play, environment, tmp_path):
    scenario = changed(tmp_path, **{"extensions.0.time_limit_s": 5})
    document = yaml.safe_load(scenario.read_text())
    document["steady-state-hypothesis"]["probes"].append({
        "name": "raises", "type": "probe", "tolerance": [0, 1],
        "provider": {"type": "python", "module": "tests.fakes.probes", "func": "number_at_first_then_none"},
    })  # fmt: skip
    scenario.write_text(yaml.safe_dump(document))
    played = play("sleep 1000", scenario, PYTHONPATH=str(SMALL.parents[2]), MARKER=str(tmp_path / "marker"))
    assert played.wait() == 1, played.text()
    assert environment.admits()
    assert played.game.post_mortem.exists()


def test_a_prometheus_that_hangs_ends_the_game_and_undoes_the_fault(play, environment):
    played = play("sleep 1000")
    played.reach("outage")
    environment.hang.set()
    assert played.wait() == 1, played.text()
    assert "Prometheus has not answered" in played.verdict[1]
    assert environment.admits()


@pytest.mark.parametrize(
    ("phase", "number", "reason"),
    [
        ("calm", signal.SIGKILL, "There are no users any more: the load was ended by SIGKILL"),
        ("outage", signal.SIGSEGV, "Locust ended by itself (SIGSEGV)"),
    ],
)
def test_load_that_dies_ends_the_game_at_once(play, environment, tmp_path, phase, number, reason):
    document = yaml.safe_load(changed(tmp_path, **{"method.0.provider.arguments.duration_s": 9}).read_text())
    load = {"type": "python", "module": "chaosgood_ext.load.actions", "func": "start_load"}
    load["arguments"] = {"url": environment.outputs["urls"]["application"]["url"], "users": 2, "requests_per_s": 2}
    document["method"].insert(0, {"name": "users come", "type": "action", "provider": load})
    scenario = tmp_path / "loaded.yaml"
    scenario.write_text(yaml.safe_dump(document))
    played = play("sleep 1000", scenario)
    played.reach(phase, 60)
    os.kill(json.loads((played.game.path / "load" / "pid.json").read_text())["pid"], number)
    began = time.monotonic()
    assert played.wait() == 1
    assert time.monotonic() - began < 20
    verdict, said = played.verdict
    assert (verdict, reason in said) == ("aborted", True), said
    assert environment.admits()


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        ("steady state", signal.SIGINT),
        ("calm", signal.SIGTERM),
        ("fault", signal.SIGTERM),
        ("fault", signal.SIGHUP),
        ("outage", signal.SIGINT),
        ("outage", signal.SIGTERM),
    ],
)
def test_a_signal_in_any_phase_undoes_the_fault_and_ends_the_game(play, environment, phase, number):
    played = play("trap '' TERM; sleep 1000")
    played.reach(phase)
    # On an idle machine it is one second; this one may be busy with other tests.
    assert played.interrupt(number) < 15
    assert played.process.returncode == 128 + number, played.text()
    assert played.verdict == ("aborted", f"{number.name} ended the game.")
    assert environment.admits()
    assert played.game.post_mortem.exists()
    assert played.game.read_journal()["status"] == "interrupted" or phase == "steady state"


ON_A_DISK = """
mount -t tmpfs -o size=1m tmpfs games
{
  until [ -e full ]; do sleep 0.05; done
  until [ -e over ]; do cat /dev/zero >> games/filler; sleep 0.05; done
} 2>/dev/null &
"$@"
status=$?
touch over; wait; rm games/filler; cp -r games/. saved
exit $status
"""


def test_a_disk_that_is_full_in_the_outage_ends_the_game_and_the_fault_is_undone(play, environment, tmp_path):
    for name in ("games", "saved"):
        (tmp_path / name).mkdir()
    disk = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", ON_A_DISK, "disk"]
    played = play(f"touch {tmp_path}/full; while true; do echo more; sleep 0.1; done", wrapper=disk)
    assert played.wait(90) == 1, played.text()
    said = " ".join(played.text().replace("║", " ").split())
    assert "events.jsonl cannot be written: " in said or "samples.jsonl cannot be written: " in said
    assert "Free some disk space" in said
    assert "Traceback" not in said, played.text()
    assert environment.admits()
    (game,) = all_games(tmp_path / "saved")
    kept = read(game.events)
    kinds = [event.type for event in kept.events]
    assert "chaosgood.responder.started" in kinds, "what was on the record is there still"
    assert kept.damaged <= 1
    assert "something happens" in game.undo.read_text()


def test_more_signals_change_nothing(play, environment):
    played = play("sleep 1000")
    played.reach("outage")
    for _ in range(5):
        if not played.ended():
            played.process.send_signal(signal.SIGINT)
    assert played.wait(10) == 130
    assert environment.admits()


def test_a_command_gets_page_and_environment_and_is_ended_with_the_game(play, environment, tmp_path):
    script = f"cat > {tmp_path}/stdin; env > {tmp_path}/variables; " + REPAIR.format(environment) + "; exec sleep 1000"
    played = play(script)
    assert played.wait() == 0, played.text()
    document = json.loads((tmp_path / "stdin").read_text())
    assert document["page"]["alert"] == "ShopDown"
    assert document["environment"]["resources"]["database_security_group_id"] == environment.database
    variables = (tmp_path / "variables").read_text()
    assert f"AWS_ENDPOINT_URL={environment.outputs['endpoint_url']}" in variables


VARIANTS = [
    {"name": "rule", "description": "The rule is gone.", "activities": ["something happens"]},
    {"name": "nothing", "description": "Nothing is gone.", "activities": []},
]


def test_a_variant_plays_its_own_activities_and_is_on_the_record(play, environment, tmp_path):
    scenario = changed(tmp_path, **{"extensions.0.variants": VARIANTS, "configuration.variant": "rule"})
    played = play(REPAIR.format(environment), scenario)
    assert played.wait() == 0, played.text()
    assert played.told("chaosgood.fault.injected")
    assert "(easy, variant rule)" in played.game.post_mortem.read_text()


def test_a_variant_does_not_play_the_activities_of_others(play, tmp_path):
    scenario = changed(tmp_path, **{"extensions.0.variants": VARIANTS, "configuration.variant": "nothing"})
    played = play(scenario=scenario)
    assert played.wait() == 1, played.text()
    assert "There is no fault to recover from" in played.verdict[1]
    assert [one["activity"]["name"] for one in played.game.read_journal()["run"]] == ["calm", "users are served again"]


def test_what_is_broken_before_the_calm_hurts_nobody_and_is_undone_with_the_rest(play, environment, tmp_path):
    elbv2, arn = environment.client("elbv2"), environment.outputs["resources"]["web_target_group_arn"]

    def interval_s():
        (group,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        return group["HealthCheckIntervalSeconds"]

    before = interval_s()
    scenario = changed(tmp_path, **{"configuration.web_target_group_arn": "from the environment"})
    document = yaml.safe_load(scenario.read_text())
    document["method"].insert(0, {
        "name": "maintenance", "type": "action", "provider": {
            "type": "python", "module": "chaosgood_ext.aws.actions", "func": "set_health_check",
            "arguments": {
                "target_group_arn": "${web_target_group_arn}", "interval_s": 300, "timeout_s": 60,
                "unhealthy_threshold": 10,
            },
        },
    })  # fmt: skip
    scenario.write_text(yaml.safe_dump(document))
    played = play(REPAIR.format(environment), scenario)
    played.reach("outage")
    assert interval_s() == 300
    assert played.wait() == 0, played.text()
    assert interval_s() == before
    assert [one["fault"] for one in played.told("chaosgood.fault.prepared")] == ["maintenance"]
    assert [one["fault"] for one in played.told("chaosgood.fault.injected")] == ["something happens"]
    undone = {one["fault"]: one["outcome"] for one in played.told("chaosgood.fault.undone")}
    assert undone == {"something happens": "it was back already", "maintenance": "restored"}
    phases = [one["phase"] for one in played.told("chaosgood.phase.started")]
    assert phases.count("fault") == 1


def test_a_dry_run_plays_no_game(play, tmp_path):
    played = play("true", SMALL, "--dry", "activities")
    played.wait()
    assert not (tmp_path / "games").exists()


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        ({"extensions.0.difficulty": "brutal"}, 2, "extensions[0].difficulty"),
        ({"configuration.variant": "other"}, 2, "The scenario has no variants"),
        ({"configuration.responder": "robot"}, 2, "There is no responder 'robot'"),
        ({"configuration.vpc": "from the environment"}, 2, "the environment has no vpc"),
    ],
)
def test_what_cannot_be_played_is_one_sentence_and_status_2(play, tmp_path, changes, status, message):
    played = play(scenario=changed(tmp_path, **changes))
    assert played.wait() == status, played.text()
    assert message in " ".join(played.text().replace("║", " ").split())
    assert "Traceback" not in played.text()


def test_an_environment_that_is_not_there_is_one_sentence(play):
    played = play(CHAOSGOOD_OUTPUTS="/no/such/file")
    assert played.wait() == 1, played.text()
    assert "/no/such/file" in played.verdict[1]
    assert "Traceback" not in played.text()


def test_a_scenario_that_is_not_there_ends_with_a_sentence(play, tmp_path):
    played = play(scenario=tmp_path / "nothing.yaml")
    assert played.wait() == 1, played.text()
    assert "does not exist" in played.text()


def test_the_page_and_the_verdict_go_to_discord_within_its_limits(play, environment):
    from tests.fakes.http import Answer, serve

    with serve(lambda _: Answer(200, {"id": "1"})) as discord:
        played = play(REPAIR.format(environment), DISCORD_WEBHOOK_URL=f"{discord.url}/api/webhooks/1/secret-token")
        assert played.wait() == 0, played.text()
    titles = [request.json()["embeds"][0]["title"] for request in discord.requests]
    assert titles == ["Users are hurt", "Small: resolved"]
    assert "secret-token" not in played.text() + played.game.events.read_text()
