"""Whole games whose recovery is too short, or costs what it must not, where there is a control plane only."""

import os
import signal

from chaosgood_ext.report.post_mortem import summary
from tests.fakes.waiting import eventually
from tests.fakes.world import World


def admit(environment: World, **source) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **source}
    environment.client("ec2").authorize_security_group_ingress(GroupId=environment.database, IpPermissions=[rule])


def phases(played) -> list[str]:
    return [one["phase"] for one in played.told("chaosgood.phase.started")]


def test_a_recovery_that_flaps_counts_when_it_stays_and_is_on_the_record(play, environment):
    environment.outputs["timing"]["hold_window_s"] = 8  # long enough to fall ill again in it
    played = play()
    played.be_hurt()
    admit(environment, UserIdGroupPairs=[{"GroupId": environment.app}])
    played.reach("recovery")
    environment.healthy = False
    eventually(lambda: phases(played)[-2:] == ["recovery", "outage"], 60, "a relapse")
    environment.healthy = True
    assert played.wait() == 0, played.text()
    assert played.verdict[0] == "resolved"
    assert summary(played.game)["relapses"] == 1
    assert "served for less than the hold window" in played.game.post_mortem.read_text()


def test_a_violation_that_is_mended_in_time_is_forgiven_and_on_the_record(play, environment):
    played = play()
    played.reach("outage")
    environment.healthy = False  # while users are hurt, nobody is in a hurry
    admit(environment, IpRanges=[{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}])
    admit(environment, UserIdGroupPairs=[{"GroupId": environment.app}])
    eventually(lambda: played.told("chaosgood.guard.violated"), 60, "a violation")
    environment.client("ec2").revoke_security_group_ingress(
        GroupId=environment.database,
        IpPermissions=[
            {
                "IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432,
                "IpRanges": [{"CidrIp": "0.0.0.0/1"}, {"CidrIp": "128.0.0.0/1"}],
            }
        ],
    )  # fmt: skip
    eventually(lambda: played.told("chaosgood.guard.held"), 60, "the guard holds again")
    environment.healthy = True
    assert played.wait() == 0, played.text()
    assert played.told("chaosgood.guard.held")[0]["guard"] == "database-reach"


def test_the_whole_vpc_is_a_repair_and_noted_as_loose(play, environment):
    played = play()
    played.be_hurt()
    admit(environment, IpRanges=[{"CidrIp": "10.0.0.0/16"}])
    assert played.wait() == 0, played.text()
    assert "10.0.0.0/16" in played.told("chaosgood.guard.loose")[0]["what"]
    assert "loose: " in played.game.post_mortem.read_text()


def test_lost_orders_are_rejected(play, environment):
    played = play()
    played.be_hurt()
    environment.accounts = [{**environment.accounts[0], "stock": 10}]
    admit(environment, UserIdGroupPairs=[{"GroupId": environment.app}])
    assert played.wait() == 1, played.text()
    assert played.verdict[0] == "rejected"
    assert played.told("chaosgood.verdict")[-1]["guards"] == ["data"]
    assert "the guard data does not hold" in " ".join(played.text().replace("║", "").split())
    assert "**violated**" in played.game.post_mortem.read_text()


def test_who_destroys_data_before_anybody_felt_the_fault_is_rejected(play, environment):
    environment.felt = False
    played = play()
    played.reach("outage")
    environment.accounts = [{**environment.accounts[0], "stock": 10}]
    admit(environment, UserIdGroupPairs=[{"GroupId": environment.app}])
    assert played.wait(120) == 1
    assert "Nobody felt the fault, but the guard data does not hold" in played.verdict[1]
    assert played.told("chaosgood.verdict")[-1]["guards"] == ["data"]


def test_an_alert_rule_that_is_deleted_is_rejected_although_users_are_hurt(play, environment):
    played = play()
    played.reach("outage")
    environment.rules = []
    assert played.wait() == 1, played.text()
    assert played.told("chaosgood.verdict")[-1]["guards"] == ["alert-rules"]


def test_monitoring_that_falls_silent_by_itself_is_no_cheat(play, environment):
    played = play()
    played.reach("outage")
    environment.hang.set()
    assert played.wait() == 1, played.text()
    assert played.verdict[0] == "aborted"


def test_each_guard_is_on_the_record_with_how_it_looks(play):
    played = play()
    played.reach("outage")
    told = {one["guard"]: one["how"] for one in played.told("chaosgood.guard.set")}
    assert "no packet was tried" in told["database-reach"]
    assert len(told) == 11
    os.kill(played.process.pid, signal.SIGTERM)
    played.wait()
