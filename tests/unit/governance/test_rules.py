"""Each rule of experiments/governance.yaml holds for what was built, and fails alone when it alone is broken."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from chaoslib import substitute

from chaosgood_ext.environment.aws.sweep.kinds import KINDS
from chaosgood_ext.environment.outputs import FROM_ENVIRONMENT
from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.governance import costs, identity, probes
from chaosgood_ext.governance.asking import Aws, Seen, ask
from chaosgood_ext.governance.inventory import everything
from chaosgood_ext.governance.network import open_to_the_world
from chaosgood_ext.report.compliance import Ruling, State

EXPERIMENT = yaml.safe_load((Path(__file__).parents[3] / "experiments/governance.yaml").read_text())
ACCOUNT = "123456789012"
EVERYTHING = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
GAME = [{"Key": "game", "Value": "chaosgood"}]
Governed = Any
Breaking = Iterator[str]
"""Breaks a rule, yields part of the name of the resource that fails, and mends it."""


def rulings(governed: Governed) -> dict[str, Ruling]:
    """What the probes of the experiment say, called as Chaos Toolkit calls them."""
    known = {**governed.resources, "aws_region": "us-east-1"}
    given = EXPERIMENT["configuration"].items()
    configuration = {key: known[key] if value == FROM_ENVIRONMENT else value for key, value in given}
    said = {}
    for activity in EXPERIMENT["method"]:
        provider = activity["provider"]
        function = getattr(importlib.import_module(provider["module"]), provider["func"])
        arguments = substitute(provider.get("arguments", {}), configuration, {})
        ruling = Ruling.from_json(function(**arguments, configuration=configuration))
        assert ruling is not None
        said[ruling.rule] = ruling
    return said


def states(said: dict[str, Ruling]) -> dict[str, set[str]]:
    """Rules by their state."""
    return {state: {rule for rule, one in said.items() if one.state is state} for state in State}


def test_every_rule_holds_for_what_was_built(governed: Governed) -> None:
    said = rulings(governed)
    assert [failure for one in said.values() for failure in one.failures] == []
    assert states(said)[State.UNASKABLE] == set()
    assert len(said) >= 15
    assert all(one.checked for one in said.values() if one.state is State.HOLDS)


def budget_tells_somebody(governed: Governed) -> Breaking:
    budgets, name = governed.client("budgets"), "chaosgood-daily"
    asked = {"AccountId": ACCOUNT, "BudgetName": name}
    (notification,) = budgets.describe_notifications_for_budget(**asked)["Notifications"]
    who = budgets.describe_subscribers_for_notification(**asked, Notification=notification)["Subscribers"]
    budgets.delete_notification(**asked, Notification=notification)
    yield name
    budgets.create_notification(**asked, Notification=notification, Subscribers=who)


def budget_locks_the_player_out(governed: Governed) -> Breaking:
    budgets, asked = governed.client("budgets"), {"AccountId": ACCOUNT, "BudgetName": "chaosgood-daily"}
    (one,) = budgets.describe_budget_actions_for_budget(**asked)["Actions"]
    budgets.update_budget_action(**asked, ActionId=one["ActionId"], ApprovalModel="MANUAL")
    yield "action of budget chaosgood-daily"
    budgets.update_budget_action(**asked, ActionId=one["ActionId"], ApprovalModel="AUTOMATIC")


def billing_alarm_tells_somebody(governed: Governed) -> Breaking:
    sns = governed.client("sns")
    (one,) = sns.list_subscriptions()["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    yield "chaosgood-billing"
    sns.subscribe(TopicArn=one["TopicArn"], Protocol="email", Endpoint=one["Endpoint"])


def teardown_scheduled(governed: Governed) -> Breaking:
    scheduler = governed.client("scheduler")
    group, name = {"GroupName": "chaosgood-lifetime"}, "delete-database"
    was = scheduler.get_schedule(**group, Name=name)
    kept = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    same = {key: was[key] for key in kept}
    scheduler.update_schedule(**group, Name=name, **same, State="DISABLED")
    yield name
    scheduler.update_schedule(**group, Name=name, **same, State="ENABLED")


def everything_tagged(governed: Governed) -> Breaking:
    ec2, host = governed.client("ec2"), governed.resources["workstation_instance_id"]
    ec2.delete_tags(Resources=[host], Tags=[{"Key": "game"}])
    yield host
    ec2.create_tags(Resources=[host], Tags=[{"Key": "game", "Value": "chaosgood"}])


def nothing_expired(governed: Governed) -> Breaking:
    ec2, host = governed.client("ec2"), governed.resources["workstation_instance_id"]
    filters = [{"Name": "resource-id", "Values": [host]}, {"Name": "key", "Values": ["expires-at"]}]
    (was,) = ec2.describe_tags(Filters=filters)["Tags"]
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    ec2.create_tags(Resources=[host], Tags=[{"Key": "expires-at", "Value": past}])
    yield host
    ec2.create_tags(Resources=[host], Tags=[{"Key": "expires-at", "Value": was["Value"]}])


def trail_logs(governed: Governed) -> Breaking:
    governed.client("cloudtrail").stop_logging(Name="chaosgood")
    yield "trail chaosgood"
    governed.client("cloudtrail").start_logging(Name="chaosgood")


def trail_bucket_closed(governed: Governed) -> Breaking:
    s3, bucket = governed.client("s3"), f"chaosgood-trail-{ACCOUNT}"
    was = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    s3.delete_public_access_block(Bucket=bucket)
    yield bucket
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=was)


def log_retention_set(governed: Governed) -> Breaking:
    governed.client("logs").delete_retention_policy(logGroupName="/chaosgood/app")
    yield "/chaosgood/app"
    governed.client("logs").put_retention_policy(logGroupName="/chaosgood/app", retentionInDays=3)


def flow_logs_on(governed: Governed) -> Breaking:
    ec2, vpc = governed.client("ec2"), governed.resources["vpc_id"]
    (one,) = ec2.describe_flow_logs()["FlowLogs"]
    ec2.delete_flow_logs(FlowLogIds=[one["FlowLogId"]])
    yield vpc
    ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName=one["LogGroupName"],
        DeliverLogsPermissionArn=one["DeliverLogsPermissionArn"],
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": one["Tags"]}],
    )  # fmt: skip


def nothing_open_to_the_world(governed: Governed) -> Breaking:
    ec2, group = governed.client("ec2"), governed.resources["database_security_group_id"]
    rule = [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "128.0.0.0/1"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)
    yield group
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)


def only_the_load_balancer_public(governed: Governed) -> Breaking:
    ec2, host = governed.client("ec2"), governed.resources["workstation_instance_id"]
    own, edge = (governed.resources[f"{tier}_security_group_id"] for tier in ("workstation", "edge"))
    ec2.modify_instance_attribute(InstanceId=host, Groups=[own, edge])
    yield host
    ec2.modify_instance_attribute(InstanceId=host, Groups=[own])


def imdsv2_required(governed: Governed) -> Breaking:
    ec2, host = governed.client("ec2"), governed.resources["monitoring_instance_id"]
    ec2.modify_instance_metadata_options(InstanceId=host, HttpTokens="optional")
    yield host
    ec2.modify_instance_metadata_options(InstanceId=host, HttpTokens="required", HttpPutResponseHopLimit=1)


def volumes_encrypted(governed: Governed) -> Breaking:
    ec2, host = governed.client("ec2"), governed.resources["monitoring_instance_id"]
    tags = [{"Key": "game", "Value": "chaosgood"}, {"Key": "expires-at", "Value": "2999-01-01T00:00:00Z"}]
    volume = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}]
    )["VolumeId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=host, Device="/dev/sdf")
    yield volume
    ec2.detach_volume(VolumeId=volume, InstanceId=host, Device="/dev/sdf")
    ec2.delete_volume(VolumeId=volume)


def database_encrypted(governed: Governed) -> Breaking:
    rds = governed.client("rds")
    tags = [{"Key": "game", "Value": "chaosgood"}, {"Key": "expires-at", "Value": "2999-01-01T00:00:00Z"}]
    rds.create_db_instance(
        DBInstanceIdentifier="another", DBInstanceClass="db.t4g.micro", Engine="postgres", AllocatedStorage=20,
        MasterUsername="shop", MasterUserPassword="password", DBSubnetGroupName="chaosgood-database",
        PubliclyAccessible=False, StorageEncrypted=False, Tags=tags,
    )  # fmt: skip
    yield "another"
    rds.delete_db_instance(DBInstanceIdentifier="another", SkipFinalSnapshot=True)


def database_private(governed: Governed) -> Breaking:
    rds = governed.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier="chaosgood", PubliclyAccessible=True)
    yield "chaosgood"
    rds.modify_db_instance(DBInstanceIdentifier="chaosgood", PubliclyAccessible=False)


def roles_have_boundaries(governed: Governed) -> Breaking:
    iam, name = governed.client("iam"), "chaosgood-web"
    was = iam.get_role(RoleName=name)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
    iam.delete_role_permissions_boundary(RoleName=name)
    yield name
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=was)


def sessions_short(governed: Governed) -> Breaking:
    iam, name = governed.client("iam"), "chaosgood-ci"
    player = iam.get_role(RoleName="chaosgood-player")["Role"]
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    trust = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity"}
    iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}), Tags=player["Tags"],
        PermissionsBoundary=player["PermissionsBoundary"]["PermissionsBoundaryArn"], MaxSessionDuration=43200,
    )  # fmt: skip
    yield name
    iam.delete_role(RoleName=name)


def no_user_keys(governed: Governed) -> Breaking:
    iam = governed.client("iam")
    iam.create_user(UserName="somebody")
    key = iam.create_access_key(UserName="somebody")["AccessKey"]["AccessKeyId"]
    yield "somebody"
    iam.delete_access_key(UserName="somebody", AccessKeyId=key)
    iam.delete_user(UserName="somebody")


def no_all_powerful_policies(governed: Governed) -> Breaking:
    iam, asked = governed.client("iam"), {"RoleName": "chaosgood-task", "PolicyName": "debugging"}
    iam.put_role_policy(**asked, PolicyDocument=EVERYTHING)
    yield "debugging of role chaosgood-task"
    iam.delete_role_policy(**asked)


BREAKS: tuple[Callable[[Governed], Breaking], ...] = (
    budget_tells_somebody, budget_locks_the_player_out, billing_alarm_tells_somebody, teardown_scheduled,
    everything_tagged, nothing_expired,
    trail_logs, trail_bucket_closed, log_retention_set, flow_logs_on, nothing_open_to_the_world,
    only_the_load_balancer_public, imdsv2_required, volumes_encrypted, database_encrypted, database_private,
    roles_have_boundaries, sessions_short, no_user_keys, no_all_powerful_policies,
)  # fmt: skip


def test_every_rule_of_the_experiment_is_broken_here() -> None:
    asked = {activity["provider"]["func"].replace("_", "-") for activity in EXPERIMENT["method"]}
    assert {one.__name__.replace("_", "-") for one in BREAKS} == asked
    assert {name.replace("_", "-") for name in probes.__all__} - {"holds"} == asked


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda one: str(one.__name__).replace("_", "-"))
def test_a_broken_rule_fails_alone_and_names_its_resource_and_what_mends_it(
    governed: Governed, breaks: Callable[[Governed], Breaking]
) -> None:
    with contextmanager(breaks)(governed) as resource:
        said = rulings(governed)
    rule = breaks.__name__.replace("_", "-")
    assert states(said)[State.FAILS] == {rule}
    (failure,) = said[rule].failures
    assert resource in failure.resource
    assert failure.fault
    assert failure.remedy
    assert not said[rule].good


def a_bucket(governed: Governed) -> Breaking:
    s3, name = governed.client("s3"), f"chaosgood-trail-{ACCOUNT}"
    tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    s3.delete_bucket_tagging(Bucket=name)
    yield f"bucket {name}"
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})


def a_trail(governed: Governed) -> Breaking:
    trail, arn = governed.client("cloudtrail"), f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/chaosgood"
    trail.remove_tags(ResourceId=arn, TagsList=GAME)
    yield "trail chaosgood"
    trail.add_tags(ResourceId=arn, TagsList=GAME)


def a_topic(governed: Governed) -> Breaking:
    sns, arn = governed.client("sns"), f"arn:aws:sns:us-east-1:{ACCOUNT}:chaosgood-costs"
    sns.untag_resource(ResourceArn=arn, TagKeys=["game"])
    yield "topic chaosgood-costs"
    sns.tag_resource(ResourceArn=arn, Tags=GAME)


def a_policy(governed: Governed) -> Breaking:
    iam, arn = governed.client("iam"), f"arn:aws:iam::{ACCOUNT}:policy/chaosgood-boundary"
    iam.untag_policy(PolicyArn=arn, TagKeys=["game"])
    yield "policy chaosgood-boundary"
    iam.tag_policy(PolicyArn=arn, Tags=GAME)


def a_budget(governed: Governed) -> Breaking:
    budgets, arn = governed.client("budgets"), f"arn:aws:budgets::{ACCOUNT}:budget/chaosgood-daily"
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["game"])
    yield "budget chaosgood-daily"
    budgets.tag_resource(ResourceARN=arn, ResourceTags=GAME)


def a_task_definition(governed: Governed) -> Breaking:
    """As a responder registers a new revision."""
    ecs = governed.client("ecs")
    known = ecs.describe_task_definition(taskDefinition="shop")["taskDefinition"]
    made = ecs.register_task_definition(
        family="shop", taskRoleArn=known["taskRoleArn"], containerDefinitions=known["containerDefinitions"]
    )["taskDefinition"]["taskDefinitionArn"]
    yield "task definition shop:2"
    ecs.deregister_task_definition(taskDefinition=made)


def a_log_group(governed: Governed) -> Breaking:
    """As RDS makes it anew when it is deleted first."""
    logs, name = governed.client("logs"), "/aws/rds/instance/chaosgood/upgrade"
    logs.create_log_group(logGroupName=name)
    yield f"log group {name}"
    logs.delete_log_group(logGroupName=name)


@pytest.mark.parametrize("untags", [a_bucket, a_trail, a_topic, a_policy, a_budget, a_task_definition, a_log_group])
def test_tags_are_asked_of_more_than_hosts(governed: Governed, untags: Callable[[Governed], Breaking]) -> None:
    with contextmanager(untags)(governed) as resource:
        ruling = probes.everything_tagged(governed.resources["vpc_id"], "chaosgood", ["game", "expires-at"])
    assert [one["resource"] for one in ruling["failures"]] == [resource]


def test_what_is_mended_holds_again(governed: Governed) -> None:
    assert states(rulings(governed))[State.FAILS] == set()


def test_a_vpc_that_is_not_there_is_no_vpc_where_all_is_well(governed: Governed) -> None:
    with pytest.raises(EnvironmentUnavailable, match=r"volumes-encrypted.*InvalidVpcID\.NotFound"):
        probes.volumes_encrypted("vpc-00000000000000000")


def test_nothing_to_look_at_is_a_failure(governed: Governed) -> None:
    said = probes.log_retention_set(["/nobody/"])
    assert (said["state"], said["checked"]) == ("fails", 1)


def test_wrong_credentials_are_no_ruling(governed: Governed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    with pytest.raises(EnvironmentUnavailable, match="trail-logs failed: "):
        probes.trail_logs()


@pytest.mark.parametrize(
    ("said", "unaskable", "met"),
    [
        ({"state": "holds"}, False, True),
        ({"state": "fails"}, True, False),
        ({"state": "cannot be asked here"}, False, False),
        ({"state": "cannot be asked here"}, True, True),
        (None, True, False),
        ("holds", True, False),
    ],
)
def test_as_a_tolerance_only_a_rule_that_holds_passes(said: Any, unaskable: bool, met: bool) -> None:
    assert probes.holds(said, unaskable=unaskable) is met


@pytest.mark.parametrize(
    ("cidr", "world"),
    [
        ("0.0.0.0/0", True), ("0.0.0.0/1", True), ("10.0.0.0/8", False), ("10.0.0.0/16", False),
        ("::/0", True), ("2000::/3", True), ("2001:db8::/32", False),
    ],
)  # fmt: skip
def test_halves_of_the_world_are_the_world(cidr: str, world: bool) -> None:
    assert open_to_the_world(cidr) is world


@pytest.mark.parametrize(
    ("statement", "powerful"),
    [
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, True),
        ({"Effect": "Allow", "Action": ["s3:Get*", "*:*"], "Resource": ["*"]}, True),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::mine/*"}, False),
    ],
)
def test_what_counts_as_all_powerful(statement: dict[str, Any], powerful: bool) -> None:
    assert identity._allows_all({"Statement": statement}) is powerful


def test_sessions_of_people_are_looked_at_and_not_those_of_services(governed: Governed) -> None:
    governed.client("iam").update_role(RoleName="chaosgood-web", MaxSessionDuration=43200)
    said = probes.sessions_short("chaosgood-")
    governed.client("iam").update_role(RoleName="chaosgood-web", MaxSessionDuration=3600)
    assert (said["state"], said["checked"]) == ("holds", 2)  # player and injector


def test_users_and_groups_have_policies_of_their_own_too(governed: Governed) -> None:
    iam = governed.client("iam")
    iam.create_user(UserName="somebody")
    iam.put_user_policy(UserName="somebody", PolicyName="all", PolicyDocument=EVERYTHING)
    iam.create_group(GroupName="many")
    iam.put_group_policy(GroupName="many", PolicyName="all", PolicyDocument=EVERYTHING)
    said = probes.no_all_powerful_policies()
    iam.delete_group_policy(GroupName="many", PolicyName="all")
    iam.delete_group(GroupName="many")
    iam.delete_user_policy(UserName="somebody", PolicyName="all")
    iam.delete_user(UserName="somebody")
    assert [one["resource"] for one in said["failures"]] == ["policy all of user somebody", "policy all of group many"]
    assert said["failures"][1]["remedy"] == "aws iam delete-group-policy --group-name many --policy-name all"


def test_what_the_environment_does_not_know_cannot_be_asked_there(governed: Governed) -> None:
    def look(aws: Aws) -> Iterator[Seen]:
        aws["budgets"].describe_budget_performance_history(AccountId=ACCOUNT, BudgetName="chaosgood-daily")
        yield Seen("nothing")

    said = ask("past-days", "Something is demanded.", look, None)
    assert (said["state"], said["checked"], said["failures"]) == ("cannot be asked here", 0, [])


NOT_LOOKED_AT = {
    "scalable target": "a setting of its service, whose tags are looked at",
    "container instance": "registers itself without tags; its instance is looked at",
    "network interface": "comes and goes with what it is of",
}


def test_the_inventory_looks_at_every_kind_that_a_sweep_deletes(governed: Governed) -> None:
    ec2, ssm, iam = (governed.client(name) for name in ("ec2", "ssm", "iam"))
    ec2.create_key_pair(KeyName="chaosgood", TagSpecifications=[{"ResourceType": "key-pair", "Tags": GAME}])
    document = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}})
    ssm.create_document(Name="chaosgood-session", DocumentType="Session", Content=document, Tags=GAME)
    url = "https://token.actions.githubusercontent.com"
    provider = iam.create_open_id_connect_provider(Url=url, ThumbprintList=["a" * 40], Tags=GAME)
    found = dict(everything(Aws(None), governed.resources["vpc_id"], "chaosgood"))
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["OpenIDConnectProviderArn"])
    ssm.delete_document(Name="chaosgood-session")
    ec2.delete_key_pair(KeyName="chaosgood")

    kinds = {kind.name for kind in KINDS}
    seen = {max((kind for kind in kinds if name.startswith(f"{kind} ")), key=len) for name in found}
    assert kinds - seen == NOT_LOOKED_AT.keys()
    assert {name for name, tags in found.items() if tags.get("game") != "chaosgood"} == set()


def test_another_environment_whose_name_begins_alike_is_not_looked_at(governed: Governed) -> None:
    iam, topics, logs = (governed.client(name) for name in ("iam", "sns", "logs"))
    iam.create_role(RoleName="chaosgood2-web", AssumeRolePolicyDocument=EVERYTHING)
    topic = topics.create_topic(Name="chaosgood2-costs")["TopicArn"]
    logs.create_log_group(logGroupName="/chaosgood2/app")
    found = [name for name, _ in everything(Aws(None), governed.resources["vpc_id"], "chaosgood")]
    logs.delete_log_group(logGroupName="/chaosgood2/app")
    topics.delete_topic(TopicArn=topic)
    iam.delete_role(RoleName="chaosgood2-web")
    assert "role chaosgood-web" in found
    assert [name for name in found if "chaosgood2" in name] == []


@pytest.mark.parametrize(
    ("at", "now", "fault"),
    [
        ("16:00:00", "15:58", ""),
        ("15:55:00", "15:58", ""),
        ("15:55:00", "16:01", "was due"),
        ("15:00:00", "15:58", "was due"),
        ("16:30:00", "15:58", "later than the tag"),
    ],
)
def test_what_ends_an_environment_may_begin_shortly_before(at: str, now: str, fault: str) -> None:
    schedule = {"ScheduleExpression": f"at(2026-11-22T{at})", "State": "ENABLED"}
    end, moment = (datetime.fromisoformat(f"2026-11-22T{one}:00+00:00") for one in ("16:00", now))
    said = costs._not_in_time(schedule, end, moment)
    assert (fault in said) if fault else said == ""
