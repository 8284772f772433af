import json
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from chaosgood_ext.environment import find as finding
from chaosgood_ext.environment.outputs import FROM_ENVIRONMENT, parse, schema
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable, ScenarioError
from chaosgood_ext.game.settings import Settings, fill
from chaosgood_ext.scenario.model import parse as parse_scenario
from tests.fakes.outputs import outputs_document
from tests.unit.scenario.test_scenario import experiment


def test_outputs_are_read_whole_and_secrets_never_print():
    outputs = parse(outputs_document(), "a test")
    assert outputs.kind == "twin"
    assert outputs.urls["prometheus"].url.startswith("http://")
    assert "player-secret" not in repr(outputs)
    assert outputs.aws_variables("player")["AWS_SECRET_ACCESS_KEY"] == "player-secret"


def test_every_fault_of_the_outputs_is_named_with_its_path():
    document = outputs_document()
    del document["resources"]["vpc_id"]
    document["timing"]["hold_window_s"] = "ten"
    document["suprise"] = 1
    with pytest.raises(EnvironmentUnavailable) as caught:
        parse(document, "a test")
    for part in ("a test", "$.resources: 'vpc_id' is a required property", "$.timing.hold_window_s", "suprise"):
        assert part in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "x", {}])
def test_what_is_no_outputs_at_all_is_told_so(document):
    with pytest.raises(EnvironmentUnavailable, match="cannot be used"):
        parse(document, "a test")


def test_a_twin_without_credentials_is_not_accepted_but_aws_is():
    document = outputs_document()
    del document["credentials"]
    with pytest.raises(EnvironmentUnavailable, match="credentials"):
        parse(document, "a test")
    outputs = parse({**document, "kind": "aws", "endpoint_url": None}, "a test")
    assert outputs.aws_variables("player") == {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


def test_the_schema_in_the_package_is_the_one_that_is_published():
    from pathlib import Path

    published = Path(__file__).parents[3] / "schemas" / "environment.schema.json"
    assert json.loads(published.read_text()) == schema()


def test_placeholders_are_filled_in_place_and_nothing_else_is_touched():
    configuration = {
        "vpc_id": FROM_ENVIRONMENT,
        "aws_region": FROM_ENVIRONMENT,
        "app_security_group_id": "sg-own",
        "n": 1,
    }
    fill(configuration, parse(outputs_document(), "a test"), "x.yaml")
    assert configuration == {"vpc_id": "vpc-1", "aws_region": "us-east-1", "app_security_group_id": "sg-own", "n": 1}


def test_a_placeholder_that_the_environment_lacks_is_an_error_of_the_scenario():
    with pytest.raises(ScenarioError, match=r"x\.yaml at configuration: the environment has no one or two"):
        fill(dict.fromkeys(("one", "two"), FROM_ENVIRONMENT), parse(outputs_document(), "a test"), "x.yaml")


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"responder": "robot"}, "human, autopilot or command"),
        ({"environment": "azure"}, "twin or aws"),
        ({"responder": "autopilot", "fix": "magic"}, "one of: a-fix"),
        ({"responder": "command"}, "CHAOSGOOD_COMMAND"),
    ],
)
def test_switches_that_there_are_not_are_refused_with_those_that_there_are(configuration, message):
    with pytest.raises(BadInput, match=message):
        Settings.of(configuration, parse_scenario(experiment(), "x.yaml"))


def test_the_environment_aws_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.delenv("CHAOSGOOD_OUTPUTS", raising=False)
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))
    with pytest.raises(EnvironmentUnavailable, match="CHAOSGOOD_OUTPUTS"):
        finding.find("aws", print)
    path = tmp_path / "outputs.json"
    monkeypatch.setenv("CHAOSGOOD_OUTPUTS", str(path))
    with pytest.raises(EnvironmentUnavailable, match="not been built"):
        finding.find("aws", print)
    path.write_text("{")
    with pytest.raises(EnvironmentUnavailable, match="not JSON"):
        finding.find("aws", print)
    path.write_text(json.dumps(outputs_document()))
    with pytest.raises(EnvironmentUnavailable, match="of a twin, not of aws"):
        finding.find("aws", print)
    document = {**outputs_document(), "kind": "aws", "endpoint_url": None}
    path.write_text(json.dumps({**document, "region": 1, "urls": {}}))
    with pytest.raises(EnvironmentUnavailable, match=r"\$\.region: 1 is not of type.*Build the environment again"):
        finding.find("aws", print)
    with mock_aws():
        vpc = boto3.client("ec2", region_name="us-east-1").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        path.write_text(json.dumps({**document, "resources": {**document["resources"], "vpc_id": vpc}}))
        found = finding.find("aws", print)
    assert (found.label, found.twin) == ("aws testing", None)


class FakeLauncher:
    def __init__(self, *running):
        self.twins = list(running)
        self.ended = []

    def running(self):
        return self.twins

    def find(self, name):
        return next(twin for twin in self.twins if name in (None, twin.name))

    def boot(self, *, private, on_progress):
        on_progress("booting")
        return FakeTwin("new", private)

    def shut_down(self, twin):
        self.ended.append(twin.name)


class FakeTwin:
    def __init__(self, name, private=False):
        self.name = name
        self.private = private or name.endswith("!")
        self.outputs = {**outputs_document(), "name": name}


@pytest.mark.parametrize(
    ("running", "named", "label", "private"),
    [
        ([], None, "twin new", True),
        (["a"], None, "twin a", False),
        (["a", "b"], "b", "twin b", False),
        (["a"], "private", "twin new", True),
        (["of-a-game!"], None, "twin new", True),
    ],
)
def test_a_running_twin_is_used_and_else_a_private_one_is_booted(monkeypatch, running, named, label, private):
    launcher = FakeLauncher(*map(FakeTwin, running))
    monkeypatch.setattr("chaosgood_ext.twin.launcher", launcher, raising=False)
    monkeypatch.setenv("CHAOSGOOD_TWIN", named or "")
    said = []
    found = finding.find("twin", said.append)
    assert (found.label, found.private, bool(said)) == (label, private, private)
    found.close()
    assert launcher.ended == (["new"] if private else [])


def test_of_several_twins_one_has_to_be_named(monkeypatch):
    launcher = FakeLauncher(FakeTwin("a"), FakeTwin("b"))
    monkeypatch.setattr("chaosgood_ext.twin.launcher", launcher, raising=False)
    monkeypatch.delenv("CHAOSGOOD_TWIN", raising=False)
    with pytest.raises(BadInput, match="CHAOSGOOD_TWIN"):
        finding.find("twin", print)


def test_an_environment_is_a_value():
    outputs = parse(outputs_document(), "a test")
    assert replace(outputs, name="other") != outputs
