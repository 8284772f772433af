import pytest
from moto import mock_aws

from chaosgood_ext.environment.outputs import parse
from chaosgood_ext.errors import EnvironmentUnavailable, GameError
from chaosgood_ext.game import inverses
from chaosgood_ext.game.aws import Aws
from chaosgood_ext.game.inverses import Inverse, Outcome
from chaosgood_ext.game.place import Place
from chaosgood_ext.game.undo import UndoLog
from chaosgood_ext.twin.cloud.mends import security_groups
from tests.fakes.outputs import outputs_document

TAGS = {"ResourceType": "security-group-rule", "Tags": [{"Key": "owner", "Value": "dba"}]}
REVOKE = ("chaosaws.ec2.actions", "revoke_security_group_ingress")


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    security_groups.install()
    with mock_aws():
        yield Aws(parse({**outputs_document(), "kind": "aws", "endpoint_url": None}, "a test"))


@pytest.fixture
def ec2(aws):
    return aws.client("ec2")


@pytest.fixture
def groups(ec2):
    return [ec2.create_security_group(GroupName=name, Description="d")["GroupId"] for name in ("database", "app")]


def authorize(ec2, database, source, **more):
    ec2.authorize_security_group_ingress(
        GroupId=database,
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, **source}],
        **more,
    )


def arguments(database, **source):
    return {
        "requested_security_group_id": database, "ip_protocol": "tcp", "from_port": 5432, "to_port": 5432, **source,
    }  # fmt: skip


def ingress(ec2, group):
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in rules if not rule["IsEgress"]]


def without_id(rule):
    return {key: value for key, value in rule.items() if key not in ("SecurityGroupRuleId", "SecurityGroupRuleArn")}


def test_a_revoked_rule_comes_back_with_ports_source_description_and_tags(aws, ec2, groups):
    database, app = groups
    pair = {"UserIdGroupPairs": [{"GroupId": app, "Description": "from the app"}]}
    authorize(ec2, database, pair, TagSpecifications=[TAGS])
    (before,) = ingress(ec2, database)
    inverse = inverses.plan(*REVOKE, arguments(database, ingress_security_group_id=app), aws)

    ec2.revoke_security_group_ingress(GroupId=database, SecurityGroupRuleIds=[before["SecurityGroupRuleId"]])
    assert inverses.play(inverse, aws) is Outcome.RESTORED
    (after,) = ingress(ec2, database)
    assert without_id(after) == without_id(before)
    assert inverses.play(inverse, aws) is Outcome.NOT_NEEDED


def test_a_rule_by_cidr_comes_back_too(aws, ec2, groups):
    database, _ = groups
    authorize(ec2, database, {"IpRanges": [{"CidrIp": "10.0.20.0/23", "Description": "x"}]})
    (before,) = ingress(ec2, database)
    inverse = inverses.plan(*REVOKE, arguments(database, cidr_ip="10.0.20.0/23"), aws)
    ec2.revoke_security_group_ingress(GroupId=database, SecurityGroupRuleIds=[before["SecurityGroupRuleId"]])
    inverses.play(inverse, aws)
    assert [without_id(rule) for rule in ingress(ec2, database)] == [without_id(before)]


def test_a_rule_that_is_not_there_cannot_be_taken_away(aws, groups):
    database, app = groups
    with pytest.raises(GameError, match=f"{database} does not admit {app} to port 5432"):
        inverses.plan(*REVOKE, arguments(database, ingress_security_group_id=app), aws)


def test_a_group_that_the_responder_deleted_leaves_nothing_to_put_back(aws, ec2, groups):
    database, app = groups
    authorize(ec2, database, {"UserIdGroupPairs": [{"GroupId": app}]})
    inverse = inverses.plan(*REVOKE, arguments(database, ingress_security_group_id=app), aws)
    ec2.delete_security_group(GroupId=database)
    assert inverses.play(inverse, aws) is Outcome.GONE


def test_an_action_of_chaosaws_without_a_known_inverse_is_refused_and_others_need_none(aws):
    with pytest.raises(GameError, match="how to undo"):
        inverses.plan("chaosaws.ec2.actions", "terminate_instance", {}, aws)
    assert inverses.plan("chaosaws.ec2.actions", "pause_for_a_while", {}, aws) is None
    assert inverses.plan("chaosgood_ext.load.actions", "start_load", {}, aws) is None


def test_an_aws_that_does_not_answer_is_one_sentence():
    dead = Aws(parse(outputs_document(), "a test"))
    with pytest.raises(EnvironmentUnavailable, match="the AWS API does not answer"):
        inverses.plan(*REVOKE, arguments("sg-1", cidr_ip="10.0.0.0/8"), dead)


# The log


def log(path, outcomes):
    played = []

    def player(inverse, _):
        played.append(inverse.arguments["name"])
        outcome = outcomes.get(inverse.arguments["name"], Outcome.RESTORED)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return UndoLog(path / "undo.jsonl", Place("twin x"), player), played


def opened(undo, *names):
    return [undo.open(f"fault {name}", Inverse("kind", {"name": name})) for name in names]


def test_faults_are_undone_in_reverse_and_once(tmp_path):
    undo, played = log(tmp_path, {})
    opened(undo, "a", "b")
    assert [result.outcome for result in undo.play(None, close=True)] == [Outcome.RESTORED] * 2
    assert played == ["b", "a"]
    assert undo.play(None, close=True) == []


def test_what_was_not_closed_is_played_again(tmp_path):
    undo, played = log(tmp_path, {})
    opened(undo, "a")
    undo.play(None, close=False)
    undo.play(None, close=True)
    assert played == ["a", "a"]


def test_a_fault_that_cannot_be_undone_stays_open_and_stops_no_other(tmp_path):
    undo, _ = log(tmp_path, {"b": EnvironmentUnavailable("no answer")})
    opened(undo, "a", "b")
    results = undo.play(None, close=True)
    assert [(result.entry.fault, result.failure) for result in results] == [("fault b", "no answer"), ("fault a", "")]
    assert [entry.fault for entry in undo.pending()] == ["fault b"]


def test_the_log_outlives_the_process_and_a_torn_line_is_a_fault_that_never_acted(tmp_path):
    undo, _ = log(tmp_path, {})
    opened(undo, "a")
    with (tmp_path / "undo.jsonl").open("a") as file:
        file.write('{"entry": "x", "state": "op')
    again, played = log(tmp_path, {})
    assert [entry.fault for entry in again.pending()] == ["fault a"]
    opened(again, "c")
    again.play(None, close=True)
    assert played == ["c", "a"]
