"""Each action that can be undone, for real on moto: planned, played by chaosaws or by ours, undone, twice."""

import json
import shlex
import subprocess
import sys

import boto3
import pytest
from chaosaws.asg import actions as asg_actions
from chaosaws.ec2 import actions as ec2_actions
from chaosaws.ecs import actions as ecs_actions
from chaosaws.elbv2 import actions as elbv2_actions
from chaosaws.rds import actions as rds_actions
from moto import mock_aws

from chaosgood_ext.aws import actions as own_actions
from chaosgood_ext.errors import EnvironmentUnavailable, GameError
from chaosgood_ext.game import inverses
from chaosgood_ext.game.inverses import Inverse, Outcome
from chaosgood_ext.game.place import Chain, Place
from chaosgood_ext.twin.cloud.mends import security_groups

MODULES = {
    module.__name__: module
    for module in (asg_actions, ec2_actions, ecs_actions, elbv2_actions, rds_actions, own_actions)
}


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    security_groups.install()
    with mock_aws():
        yield Chain(Place("aws us-east-1", "us-east-1"))


@pytest.fixture
def network(aws):
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("abc")
    ]
    groups = [
        ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"] for name in ("one", "two")
    ]
    return {"vpc": vpc, "subnets": subnets, "groups": groups}


def image(aws):
    return aws.client("ec2").register_image(Name="host", Architecture="x86_64", RootDeviceName="/dev/xvda")["ImageId"]


def instances(aws, network, count=2):
    made = aws.client("ec2").run_instances(
        ImageId=image(aws), MinCount=count, MaxCount=count, InstanceType="t3.micro", SubnetId=network["subnets"][0]
    )
    return [one["InstanceId"] for one in made["Instances"]]


def break_and_undo(aws, module, func, arguments, state):
    """Break it, and see that undoing brings back what `state` tells; return the outcome of a second undoing."""
    before = state()
    inverse = inverses.plan(module, func, arguments, aws)
    stored = json.loads(json.dumps(inverse.to_json()))  # as an undo log holds it
    inverse = Inverse(stored["kind"], stored["arguments"])
    assert inverses.play(inverse, aws) is Outcome.NOT_NEEDED, "the fault has not acted yet"
    getattr(MODULES[module], func)(**arguments)
    assert state() != before
    assert inverses.play(inverse, aws) is Outcome.RESTORED
    assert state() == before
    assert inverses.play(inverse, aws) is Outcome.NOT_NEEDED
    return inverse


def rules(aws, group):
    found = aws.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    changing = ("SecurityGroupRuleId", "SecurityGroupRuleArn")
    return [{k: v for k, v in rule.items() if k not in changing} for rule in found["SecurityGroupRules"]]


@pytest.mark.parametrize(("protocol", "from_port", "to_port"), [("tcp", 5432, 5432), ("udp", 1, 99), ("-1", -1, -1)])
@pytest.mark.parametrize("by", ["group", "cidr"])
def test_a_revoked_rule(aws, network, protocol, from_port, to_port, by):
    group, other = network["groups"]
    source = {"ingress_security_group_id": other} if by == "group" else {"cidr_ip": "10.0.1.0/24"}
    asked = {"requested_security_group_id": group, "ip_protocol": protocol, "from_port": from_port, "to_port": to_port}
    permission = {"IpProtocol": protocol, "FromPort": from_port, "ToPort": to_port}
    if by == "group":
        permission["UserIdGroupPairs"] = [{"GroupId": other, "Description": "what it is for"}]
    else:
        permission["IpRanges"] = [{"CidrIp": "10.0.1.0/24", "Description": "what it is for"}]
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "owner", "Value": "dba"}]}]
    aws.client("ec2").authorize_security_group_ingress(
        GroupId=group, IpPermissions=[permission], TagSpecifications=tags
    )
    break_and_undo(
        aws, "chaosaws.ec2.actions", "revoke_security_group_ingress", {**asked, **source}, lambda: rules(aws, group)
    )
    (back,) = (rule for rule in rules(aws, group) if not rule["IsEgress"])
    assert (back["Description"], back["Tags"]) == ("what it is for", tags[0]["Tags"])


@pytest.mark.parametrize("by", ["group", "cidr"])
def test_a_rule_put_back_by_others_gets_its_description_and_tags_again(aws, network, by):
    group, other = network["groups"]
    ec2 = aws.client("ec2")
    port = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    described = {"Description": "what it is for"}
    named = {"UserIdGroupPairs": [{"GroupId": other}]} if by == "group" else {"IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
    whole = {key: [{**one, **described} for one in those] for key, those in named.items()}
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "owner", "Value": "dba"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**port, **whole}], TagSpecifications=tags)
    before = rules(aws, group)
    source = {"ingress_security_group_id": other} if by == "group" else {"cidr_ip": "10.1.0.0/16"}
    asked = {"requested_security_group_id": group, "ip_protocol": "tcp", "from_port": 5432, "to_port": 5432, **source}
    inverse = inverses.plan("chaosaws.ec2.actions", "revoke_security_group_ingress", asked, aws)
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[{**port, **named}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**port, **named}])
    assert rules(aws, group) != before
    assert inverses.play(inverse, aws) is Outcome.NOT_NEEDED
    assert rules(aws, group) == before


def test_an_added_rule(aws, network):
    group, _ = network["groups"]
    ssh = {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ip": "0.0.0.0/0"}
    asked = {"requested_security_group_id": group, **ssh}
    action = ("chaosaws.ec2.actions", "authorize_security_group_ingress")
    inverse = break_and_undo(aws, *action, asked, lambda: rules(aws, group))
    ec2_actions.authorize_security_group_ingress(**asked)
    with pytest.raises(GameError, match="is there already"):
        inverses.plan(*action, asked, aws)
    aws.client("ec2").delete_security_group(GroupId=group)
    assert inverses.play(inverse, aws) is Outcome.GONE


def running(aws):
    pages = aws.client("ec2").describe_instances()["Reservations"]
    return {one["InstanceId"]: one["State"]["Name"] for page in pages for one in page["Instances"]}


@pytest.mark.parametrize("func", ["stop_instance", "stop_instances"])
def test_stopped_instances(aws, network, func):
    ids = instances(aws, network)
    named = {"instance_id": ids[0]} if func == "stop_instance" else {"instance_ids": ids}
    inverse = break_and_undo(aws, "chaosaws.ec2.actions", func, named, lambda: running(aws))
    aws.client("ec2").terminate_instances(InstanceIds=ids)
    assert inverses.play(inverse, aws) is Outcome.GONE


def test_an_instance_stopped_at_random(aws, network):
    instances(aws, network, 3)
    filters = [{"Name": "instance-state-name", "Values": ["running"]}]
    break_and_undo(aws, "chaosaws.ec2.actions", "stop_instance", {"filters": filters}, lambda: running(aws))


def test_started_instances(aws, network):
    ids = instances(aws, network)
    aws.client("ec2").stop_instances(InstanceIds=ids[:1])
    break_and_undo(aws, "chaosaws.ec2.actions", "start_instances", {"instance_ids": ids[:1]}, lambda: running(aws))


def scaling_group(aws, network):
    ec2, autoscaling = aws.client("ec2"), aws.client("autoscaling")
    data = {"ImageId": image(aws), "InstanceType": "t3.micro"}
    ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateName": "web"}, MinSize=0, MaxSize=2,
        DesiredCapacity=0, VPCZoneIdentifier=",".join(network["subnets"][:2]),
        Tags=[{"Key": "tier", "Value": "web", "ResourceId": "web", "ResourceType": "auto-scaling-group"}],
    )  # fmt: skip
    return autoscaling


def scaling(aws):
    (group,) = aws.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return sorted(one["ProcessName"] for one in group["SuspendedProcesses"]), group["VPCZoneIdentifier"]


@pytest.mark.parametrize("names", [["Launch", "Terminate"], None])
@pytest.mark.parametrize("by", ["name", "tag"])
def test_suspended_processes_but_not_those_that_were_suspended_before(aws, network, names, by):
    autoscaling = scaling_group(aws, network)
    autoscaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Terminate"])
    asked = {"asg_names": ["web"]} if by == "name" else {"tags": [{"Key": "tier", "Value": "web"}]}
    if names:
        asked["process_names"] = names
    break_and_undo(aws, "chaosaws.asg.actions", "suspend_processes", asked, lambda: scaling(aws))
    assert scaling(aws)[0] == ["Terminate"]


def test_resumed_processes(aws, network):
    scaling_group(aws, network).suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["Launch"])
    break_and_undo(aws, "chaosaws.asg.actions", "resume_processes", {"asg_names": ["web"]}, lambda: scaling(aws))


def test_subnets_of_a_group_and_a_group_that_is_gone(aws, network):
    autoscaling = scaling_group(aws, network)
    asked = {"asg_names": ["web"], "subnets": network["subnets"][:1]}
    inverse = break_and_undo(aws, "chaosaws.asg.actions", "change_subnets", asked, lambda: scaling(aws))
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    assert inverses.play(inverse, aws) is Outcome.GONE


def test_a_service_s_desired_count(aws):
    ecs = aws.client("ecs")
    ecs.create_cluster(clusterName="c")
    container = {"name": "shop", "image": "shop", "cpu": 1, "memory": 8}
    ecs.register_task_definition(family="shop", containerDefinitions=[container])
    ecs.create_service(cluster="c", serviceName="shop", taskDefinition="shop", desiredCount=2)

    def count():
        return ecs.describe_services(cluster="c", services=["shop"])["services"][0]["desiredCount"]

    asked = {"cluster": "c", "service": "shop", "desired_count": 0}
    inverse = break_and_undo(aws, "chaosaws.ecs.actions", "update_desired_count", asked, count)
    assert count() == 2
    ecs.delete_service(cluster="c", service="shop", force=True)
    assert inverses.play(inverse, aws) is Outcome.GONE


def target_group(aws, network):
    arn = aws.client("elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=network["vpc"])
    return arn["TargetGroups"][0]["TargetGroupArn"]


def test_a_target_deregistered_at_random_but_no_instance_that_is_gone(aws, network):
    elbv2, arn, ids = aws.client("elbv2"), target_group(aws, network), instances(aws, network)
    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": one, "Port": 80} for one in ids])

    def targets():
        found = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {one["Target"]["Id"] for one in found if one["TargetHealth"]["State"] not in ("draining", "unused")}

    break_and_undo(aws, "chaosaws.elbv2.actions", "deregister_target", {"tg_name": "web"}, targets)
    inverse = inverses.plan("chaosaws.elbv2.actions", "deregister_target", {"tg_name": "web"}, aws)
    elbv2.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": ids[0], "Port": 80}])
    aws.client("ec2").terminate_instances(InstanceIds=ids[:1])
    assert inverses.play(inverse, aws) is Outcome.GONE
    assert targets() == {ids[1]}


def test_the_pace_of_a_health_check(aws, network):
    elbv2, arn = aws.client("elbv2"), target_group(aws, network)

    def pace():
        (group,) = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        return group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"], group["UnhealthyThresholdCount"]

    asked = {"target_group_arn": arn, "interval_s": 300, "timeout_s": 60, "unhealthy_threshold": 10}
    inverse = break_and_undo(aws, own_actions.__name__, "set_health_check", asked, pace)
    elbv2.delete_target_group(TargetGroupArn=arn)
    assert inverses.play(inverse, aws) is Outcome.GONE
    with pytest.raises(EnvironmentUnavailable, match="TargetGroupNotFound"):
        own_actions.set_health_check(**asked)


@pytest.mark.parametrize("what", ["set_security_groups", "set_subnets"])
def test_what_a_load_balancer_wears_and_where_it_is(aws, network, what):
    elbv2 = aws.client("elbv2")
    made = elbv2.create_load_balancer(
        Name="edge", Subnets=network["subnets"][:2], SecurityGroups=network["groups"][:1]
    )["LoadBalancers"][0]["LoadBalancerArn"]

    def state():
        one = elbv2.describe_load_balancers(LoadBalancerArns=[made])["LoadBalancers"][0]
        return sorted(one["SecurityGroups"]), sorted(zone["SubnetId"] for zone in one["AvailabilityZones"])

    other = (
        {"security_group_ids": network["groups"][1:]} if "groups" in what else {"subnet_ids": network["subnets"][1:]}
    )
    asked = {"load_balancer_names": ["edge"], **other}
    inverse = break_and_undo(aws, "chaosaws.elbv2.actions", what, asked, state)
    elbv2.delete_load_balancer(LoadBalancerArn=made)
    assert inverses.play(inverse, aws) is Outcome.GONE


def test_a_stopped_database(aws):
    rds = aws.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="shop", DBInstanceClass="db.t4g.micro", Engine="postgres", MasterUsername="u",
        MasterUserPassword="password", AllocatedStorage=20,
    )  # fmt: skip

    def status():
        return rds.describe_db_instances()["DBInstances"][0]["DBInstanceStatus"]

    asked = {"db_instance_identifier": "shop"}
    inverse = break_and_undo(aws, "chaosaws.rds.actions", "stop_db_instance", asked, status)
    rds.delete_db_instance(DBInstanceIdentifier="shop", SkipFinalSnapshot=True)
    assert inverses.play(inverse, aws) is Outcome.GONE


@pytest.mark.parametrize(
    ("module", "func"),
    [
        ("chaosaws.ec2.actions", "terminate_instances"),
        ("chaosaws.ecs.actions", "deregister_container_instance"),
        ("chaosaws.rds.actions", "reboot_db_instance"),
        ("chaosaws.awslambda.actions", "delete_event_source_mapping"),
        ("chaosk8s.pod.actions", "terminate_pods"),
    ],
)
def test_what_cannot_be_undone_is_refused(aws, module, func):
    with pytest.raises(GameError, match=r"how to undo .* `irreversible`"):
        inverses.plan(module, func, {}, aws)


def test_a_missing_argument_is_one_sentence(aws):
    with pytest.raises(GameError, match="needs the argument cluster"):
        inverses.plan("chaosaws.ecs.actions", "update_desired_count", {}, aws)


def test_an_inverse_of_a_later_version_is_not_guessed(aws):
    with pytest.raises(GameError, match="does not know the inverse s3"):
        inverses.play(Inverse("s3.put_bucket_back", {}), aws)


def test_every_kind_has_a_command_for_a_person_that_the_aws_cli_takes():
    permission = inverses.ingress_permission("tcp", 1, 2, group_id="sg-2", cidr=None, description='it\'s "quoted"')
    examples = {
        "ec2.authorize_security_group_ingress": {"group_id": "sg-1", "permission": permission, "tags": {"a": "b"}},
        "ec2.revoke_security_group_ingress": {"group_id": "sg-1", "permission": permission},
        "ec2.reboot_instances": {"instance_id": "i-1"},
        "ec2.start_instances": {"instance_ids": ["i-1"]},
        "ec2.stop_instances": {"instance_ids": ["i-1"]},
        "autoscaling.resume_processes": {"groups": {"web": ["Launch"]}},
        "autoscaling.suspend_processes": {"groups": {"web": ["Launch"]}},
        "autoscaling.update_subnets": {"groups": {"web": "subnet-1"}},
        "ecs.update_desired_count": {"cluster": "c", "service": "s", "desired_count": 2},
        "elbv2.modify_target_group": {"target_group_arn": "arn", "health_check": {"HealthCheckTimeoutSeconds": 5}},
        "elbv2.register_targets": {"target_group_arn": "arn", "targets": [{"Id": "i-1", "Port": 80}]},
        "elbv2.set_security_groups": {"load_balancers": {"arn": ["sg-1"]}},
        "elbv2.set_subnets": {"load_balancers": {"arn": ["subnet-1"]}},
        "rds.start_db_instance": {"db_instance_identifier": "shop"},
        "ssm.thaw_program": {"instance_id": "i-1", "program": "nginx"},
    }
    assert set(examples) == set(inverses.KINDS)
    from botocore import xform_name
    from botocore.session import Session
    from botocore.validate import ParamValidator

    session = Session()
    for kind, arguments in examples.items():
        for typed in inverses.by_hand(Inverse(kind, arguments)):
            program, service, command, flag, document = shlex.split(typed)
            assert (program, flag) == ("aws", "--cli-input-json")
            model = session.get_service_model(service)
            (operation,) = (name for name in model.operation_names if xform_name(name, "-") == command)
            shape = model.operation_model(operation).input_shape
            assert not ParamValidator().validate(json.loads(document), shape).has_errors()


def test_no_answer_is_one_sentence():
    dead = Chain(
        Place("aws nowhere", "us-east-1", "http://127.0.0.1:9"),
        {"aws_access_key_id": "a", "aws_secret_access_key": "b"},
    )
    with pytest.raises(EnvironmentUnavailable, match="does not answer"):
        inverses.play(Inverse("ec2.start_instances", {"instance_ids": ["i-1"]}), dead)


def test_knowing_inverses_imports_no_chaos_toolkit():
    code = "import sys, chaosgood_ext.game.inverses; sys.exit('chaoslib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
