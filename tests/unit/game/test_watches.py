import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.observations import Observations
from chaosgood_ext.game.prometheus import Alertmanager, Prometheus
from chaosgood_ext.game.sli import Source
from chaosgood_ext.game.watcher import Watcher
from chaosgood_ext.game.watches import (
    PROBER_QUERY,
    TRAFFIC_QUERY,
    Alerts,
    AwsCalls,
    ScalingActivities,
    Sessions,
    UserExperience,
)
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.record.log import read
from chaosgood_ext.record.words import sentence
from tests.fakes.http import Answer, serve
from tests.fakes.waiting import eventually


@pytest.fixture
def folder(tmp_path):
    return GameFolder(tmp_path)


def told(folder, kind):
    return [event for event in read(folder.events).events if event.type == kind]


# Prometheus and Alertmanager over HTTP


def prometheus_saying(matrices, firing=()):
    def answer(request):
        if request.path == "/api/v1/alerts":
            alerts = [{"state": "firing", "labels": {"alertname": name, "page": "true"}} for name in firing]
            quiet = [{"state": "pending", "labels": {"alertname": "Q", "page": "true"}}]
            return Answer(body={"status": "success", "data": {"alerts": [*alerts, *quiet]}})
        result = matrices.get(request.query["query"], [])
        return Answer(body={"status": "success", "data": {"resultType": "matrix", "result": result}})

    return answer


def series(samples, **labels):
    return {"metric": labels, "values": [[at, str(value)] for at, value in samples]}


def test_what_users_get_is_counted_kept_and_told_when_it_crosses_the_objective(folder):
    matrices = {
        PROBER_QUERY: [series([(99, 1), (100, 1), (101, 0), (102, 0)], journey="home")],
        TRAFFIC_QUERY: [series([(99, 5), (100, 30), (101, 55)], status="2xx")],
    }
    seen = Observations()
    with serve(prometheus_saying(matrices, firing=["Down"])) as server:
        watch = UserExperience(Prometheus("Prometheus", server.url), folder, seen, 0.99)
        watch.look()
        watch.look()
    assert sum(one.total for one in seen.since(0) if one.source is Source.TRAFFIC) == 50
    assert len(folder.samples.read_text().splitlines()) == 5
    assert seen.pages_firing == {"Down"}
    (crossing,) = told(folder, Kind.SLI_CROSSED)
    assert (crossing.data["source"], crossing.data["below"], crossing.subject) == ("prober", True, "prober")
    assert crossing.time == datetime.fromtimestamp(102, UTC)


def test_users_are_back_at_the_objective_when_nothing_failed_for_three_seconds(folder):
    said = {}
    bad = {101, 102, 104}
    with serve(prometheus_saying(said)) as server:
        watch = UserExperience(Prometheus("Prometheus", server.url), folder, Observations(), 0.99)
        for now in range(101, 110):
            seen = [(at, int(at not in bad)) for at in range(99, now + 1)]
            said[PROBER_QUERY] = [series(seen, journey="home")]
            watch.look()
    below, back = told(folder, Kind.SLI_CROSSED)
    assert (below.data["below"], below.time.timestamp()) == (True, 102)
    assert (back.data["below"], back.data["bad"]) == (False, 0)
    assert back.time.timestamp() > 106


def alert(name, started, *, page="true"):
    return {
        "fingerprint": name, "startsAt": started, "labels": {"alertname": name, "page": page, "severity": "critical"},
        "annotations": {"summary": "s"}, "status": {"state": "active"},
    }  # fmt: skip


def test_an_alert_is_told_when_it_fires_and_when_it_is_resolved_and_pages_once(folder):
    now = [alert("A", "2026-11-04T10:15:00.123456789Z"), alert("cause", "2026-11-04T10:15:01Z", page="false")]
    paged = []
    with serve(lambda _: Answer(body=now)) as server:
        watch = Alerts(Alertmanager("Alertmanager", server.url), folder, paged.append)
        watch.look()
        watch.look()
        del now[0]
        watch.look()
        now.append(alert("A", "2026-11-04T10:20:00Z"))
        watch.look()
    assert [event.subject for event in told(folder, Kind.ALERT_FIRING)] == ["A", "cause", "A"]
    assert [event.subject for event in told(folder, Kind.ALERT_RESOLVED)] == ["A"]
    assert [one.name for one in paged] == ["A", "A"]
    assert told(folder, Kind.ALERT_FIRING)[0].time == datetime(2026, 11, 4, 10, 15, 0, 123456, UTC)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(503, b"starting"), "it answers 503: starting"),
        (Answer(body=b"<html>"), "its answer is not JSON"),
        (Answer(body={"data": {"resultType": "vector", "result": []}}), "gives a vector"),
    ],
)
def test_an_answer_that_is_none_is_one_sentence(answer, reason):
    with serve(lambda _: answer) as server, pytest.raises(EnvironmentUnavailable, match=reason):
        Prometheus("Prometheus", server.url).series("x")


def test_no_server_is_one_sentence():
    with pytest.raises(EnvironmentUnavailable, match=r"Prometheus at http://127\.0\.0\.1:9 does not answer"):
        Prometheus("Prometheus", "http://127.0.0.1:9").series("x")


# CloudTrail and the log of sessions, of which moto has none


class FakeAws:
    """Answers one paginated call, or any other, with what the test says."""

    def __init__(self, outputs, pages):
        self.outputs = outputs
        self.pages = pages

    def client(self, _):
        return self

    def get_paginator(self, _):
        return self

    def paginate(self, **_):
        return self.pages

    def describe_instances(self, **asked):
        assert asked["Filters"] == [{"Name": "instance.group-id", "Values": ["workstation_security_group_id-1"]}]
        return {"Reservations": [{"Instances": [{"PrivateIpAddress": "10.0.42.4"}, {}]}]}

    def describe_scaling_activities(self, **asked):
        return self.pages[asked["AutoScalingGroupName"]]


@pytest.fixture
def outputs():
    from chaosgood_ext.environment.outputs import parse
    from tests.fakes.outputs import outputs_document

    return parse(outputs_document(), "a test")


def trail(identifier, role, name, **more):
    detail = {
        "eventTime": "2026-11-04T10:15:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
        "userIdentity": {"arn": f"arn:aws:sts::123456789012:assumed-role/{role}/somebody"}, **more,
    }  # fmt: skip
    return {"EventId": identifier, "CloudTrailEvent": json.dumps(detail)}


def test_calls_of_player_and_injector_are_told_once_with_their_errors_and_others_are_not(folder, outputs):
    pages = [
        {"Events": [trail("3", "chaosgood-player", "B", errorCode="Denied", errorMessage="no")]},
        {"Events": [trail("2", "chaosgood-injector", "A", readOnly=False), trail("1", "somebody-else", "X")]},
    ]
    watch = AwsCalls(FakeAws(outputs, pages), folder, datetime.now(UTC))
    watch.look()
    watch.look()
    calls = told(folder, Kind.AWS_CALL)
    assert [(call.id, call.data["who"], call.data["action"], call.data["error"]) for call in calls] == [
        ("2", "injector", "A", None),
        ("3", "player", "B", "Denied"),
    ]
    assert calls[0].teller == "cloudtrail"


def test_commands_are_told_once_and_a_line_that_is_none_as_it_is(folder, outputs):
    line = {"time": "2026-11-04T10:15:00.5Z", "host": "app-1", "session": 7, "command": "ss -tn"}
    pages = [{"events": [
        {"eventId": "1", "message": json.dumps(line), "timestamp": 0, "logStreamName": "s"},
        {"eventId": "2", "message": "garbage", "timestamp": 1000, "logStreamName": "web-1"},
        {"eventId": "3", "message": json.dumps({**line, "host": "ip-10-0-42-4"}), "timestamp": 1000},
        {"eventId": "4", "message": json.dumps({"sessionData": ["$ ls", "a  b"]}), "timestamp": 0},
        {"eventId": "5", "message": "5", "timestamp": 1000, "logStreamName": "web-1"},
        {"eventId": "6", "message": "$ ls\na", "timestamp": 0, "logStreamName": "ann-0a1b2c3d4e5f67890"},
        {"eventId": "7", "message": "$ ls", "timestamp": 0, "logStreamName": "i-0a1b2c3d4e5f67890"},
        {"eventId": "8", "message": "# ls", "timestamp": 0, "logStreamName": "ecs-execute-command-0a1b2c3d4e5f67890"},
    ]}]  # fmt: skip
    watch = Sessions(FakeAws(outputs, pages), folder, datetime.now(UTC))
    watch.look()
    watch.look()
    assert [(one.data["host"], one.data["command"], one.data["workstation"]) for one in told(folder, Kind.COMMAND)] == [
        ("app-1", "ss -tn", False),
        ("web-1", "garbage", False),
        ("ip-10-0-42-4", "ss -tn", True),
        ("web-1", "5", False),
        ("i-0a1b2c3d4e5f67890", "$ ls", False),
        ("ecs-execute-command-0a1b2c3d4e5f67890", "# ls", False),
    ]


def activity(identifier, status, began=0, **more):
    at = datetime(2026, 11, 4, 10, 15, tzinfo=UTC)
    return {
        "ActivityId": identifier, "Description": f"Launching {identifier}", "Cause": "c", "StatusCode": status,
        "StartTime": at + timedelta(seconds=began), **more,
    }  # fmt: skip


def test_scaling_activities_are_told_once_when_they_are_over(folder, outputs):
    began = datetime(2026, 11, 4, 10, 15, 0, 700000, tzinfo=UTC)
    ended = began.replace(microsecond=0) + timedelta(seconds=9)
    web = [
        activity("runs", "InProgress", 8),
        activity("new", "Successful", EndTime=ended),
        activity("old", "Successful", -1),
    ]
    app = [activity("bad", "Failed", 2, StatusMessage="no template")]
    groups = {
        outputs.resources["web_auto_scaling_group_name"]: {"Activities": web},
        outputs.resources["app_auto_scaling_group_name"]: {"Activities": app},
    }
    watch = ScalingActivities(FakeAws(outputs, groups), folder, began)
    watch.look()
    watch.look()
    assert sorted(sentence(one) for one in told(folder, Kind.SCALED)) == [
        "The auto scaling group app_auto_scaling_group_name-1 acts: Launching bad (Failed: no template)",
        "The auto scaling group web_auto_scaling_group_name-1 acts: Launching new",
    ]
    assert ended in [one.time for one in told(folder, Kind.SCALED)]


# The thread around them


class Told:
    def __init__(self):
        self.lost, self.back, self.failed = [], [], []

    def watcher(self, look, patience_s=0.05):
        return Watcher(
            "X", look, 0.01, patience_s=patience_s, on_lost=lambda _, why: self.lost.append(why),
            on_back=self.back.append, on_failure=lambda _, why: self.failed.append(why),
        )  # fmt: skip


def test_a_source_is_lost_once_and_back_once():
    silent, told = [True], Told()

    def look():
        if silent[0]:
            raise EnvironmentUnavailable("no answer")

    watcher = told.watcher(look)
    watcher.start()
    eventually(lambda: told.lost)
    assert watcher.lost_since is not None
    silent[0] = False
    eventually(lambda: told.back)
    watcher.stop()
    assert watcher.join(5)
    assert (told.lost, len(told.back), watcher.lost_since) == (["no answer"], 1, None)


def test_a_short_silence_is_not_told():
    told = Told()
    answers = iter([EnvironmentUnavailable("x"), None])

    def look():
        if answer := next(answers, None):
            raise answer

    watcher = told.watcher(look, patience_s=10)
    watcher.look_once()
    watcher.look_once()
    assert told.lost == told.back == []


def test_a_defect_in_a_watcher_is_told_with_its_traceback_and_ends_it():
    told = Told()
    watcher = told.watcher(lambda: 1 / 0)
    watcher.start()
    (why,) = eventually(lambda: told.failed)
    assert "ZeroDivisionError" in why
    assert watcher.join(5)


def test_a_watcher_that_hangs_does_not_hang_who_stops_it():
    import threading

    released = threading.Event()
    watcher = Told().watcher(lambda: released.wait(30))
    watcher.start()
    watcher.stop()
    began = time.monotonic()
    assert not watcher.join(0.1)
    assert time.monotonic() - began < 2
    released.set()
