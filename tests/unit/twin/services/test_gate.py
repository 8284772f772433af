"""The player may repair and the injector may break, on this environment's resources; all else is refused as by AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.gate import Gate
from chaosgood_ext.twin.cloud.trail import Trail

Built = Any
Ask = Callable[[Callable[[str], Any], dict[str, str]], Any]
PLAYER = "arn:aws:sts::123456789012:assumed-role/chaosgood-player/ada"
POSTGRES = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}


@pytest.fixture(scope="module")
def trail(built: Built) -> Iterator[Trail]:
    gate, trail = Gate(built.state, built.topology["roles"].values()), Trail()
    built.tap.admit_by(gate.check)
    built.tap.subscribe(gate.hear)
    built.tap.subscribe(trail.record)
    built.tap.handle("cloudtrail", "LookupEvents", trail.lookup)
    yield trail
    built.tap.admit_by(lambda _: None)


@pytest.fixture(scope="module")
def as_(built: Built, trail: Trail) -> Callable[[str], Callable[[str], Any]]:
    def session(role: str, region: str = "us-east-1") -> Callable[[str], Any]:
        key = built.tap.identities.open_session(role, "ada", 3600)
        return Clients(built.tap, key, region, "203.0.113.10").client

    return session


@pytest.fixture(scope="module")
def player(as_: Callable[[str], Any]) -> Callable[[str], Any]:
    return as_("chaosgood-player")


@pytest.fixture(scope="module")
def injector(as_: Callable[[str], Any]) -> Callable[[str], Any]:
    return as_("chaosgood-injector")


def refusal(ask: Callable[[], Any]) -> dict[str, str]:
    with pytest.raises(ClientError) as raised:
        ask()
    return dict(raised.value.response["Error"])


def rule(there: dict[str, str]) -> dict[str, Any]:
    pair = {"GroupId": there["app_security_group_id"], "Description": "again"}
    return {"GroupId": there["database_security_group_id"], "IpPermissions": [POSTGRES | {"UserIdGroupPairs": [pair]}]}


def test_the_injector_breaks_and_the_player_repairs(
    built: Built, player: Callable[[str], Any], injector: Callable[[str], Any]
) -> None:
    there = built.resources
    injector("ec2").revoke_security_group_ingress(**rule(there))
    player("ec2").authorize_security_group_ingress(
        **rule(there), TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    )


VOLUME = "ec2:RunInstances on resource: arn:aws:ec2:us-east-1:123456789012:volume/*"


def launch(to: Callable[[str], Any], there: dict[str, str], **asked: Any) -> Any:
    template, subnet = {"LaunchTemplateName": "chaosgood-web"}, there["web_subnet_ids"].split(",")[0]
    return to("ec2").run_instances(LaunchTemplate=template, MinCount=1, MaxCount=1, SubnetId=subnet, **asked)


def disk(**ebs: Any) -> Ask:
    """Launch a host with the template's disk, but for that."""
    return lambda to, there: launch(to, there, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": ebs}])


MAY: dict[str, Ask] = {
    "look": lambda to, _: to("ec2").describe_instances(),
    "say who it is": lambda to, _: to("sts").get_caller_identity(),
    "read logs": lambda to, _: to("logs").describe_log_streams(logGroupName="/chaosgood/app"),
    "read the database's log": lambda to, there: to("logs").describe_log_streams(
        logGroupName=there["database_log_group_name"]
    ),
    "make a group in the VPC": lambda to, there: to("ec2").create_security_group(
        GroupName="repair", Description="d", VpcId=there["vpc_id"]
    ),
    "give the database another group": lambda to, there: to("rds").modify_db_instance(
        DBInstanceIdentifier="chaosgood", VpcSecurityGroupIds=[there["database_security_group_id"]]
    ),
    "give the database another class": lambda to, _: to("rds").modify_db_instance(
        DBInstanceIdentifier="chaosgood", DBInstanceClass="db.t4g.small"
    ),
    "change a health check": lambda to, there: to("elbv2").modify_target_group(
        TargetGroupArn=there["app_target_group_arn"], HealthCheckPath="/"
    ),
    "launch a host": launch,
    "launch a host with a disk that is no larger": disk(VolumeSize=30),
    "name the template's last version": lambda to, there: to("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=there["web_auto_scaling_group_name"],
        LaunchTemplate={"LaunchTemplateName": "chaosgood-web", "Version": "$Latest"},
    ),
    "resume processes": lambda to, there: to("autoscaling").resume_processes(
        AutoScalingGroupName=there["web_auto_scaling_group_name"]
    ),
    "size a group within bounds": lambda to, there: to("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName=there["web_auto_scaling_group_name"], MaxSize=4
    ),
    "size the service": lambda to, there: to("ecs").update_service(
        cluster="chaosgood", service=there["ecs_service_name"], desiredCount=2
    ),
    "reboot a host": lambda to, there: to("ec2").reboot_instances(InstanceIds=[there["monitoring_instance_id"]]),
}


@pytest.mark.parametrize("ask", MAY.values(), ids=MAY)
def test_the_player_may(built: Built, player: Callable[[str], Any], ask: Ask) -> None:
    ask(player, built.resources)


MAY_NOT: dict[str, tuple[str, str, Ask]] = {
    "touch IAM": ("AccessDenied", "iam:ListUsers on resource: *", lambda to, _: to("iam").list_users()),
    "make a VPC": (
        "UnauthorizedOperation", "ec2:CreateVpc", lambda to, _: to("ec2").create_vpc(CidrBlock="10.9.0.0/16"),
    ),
    "break as the injector": (
        "AccessDenied", "sts:AssumeRole on resource: arn:aws:iam::123456789012:role/chaosgood-injector",
        lambda to, there: to("sts").assume_role(RoleArn=there["injector_role_arn"], RoleSessionName="ada"),
    ),
    "buy a larger database": (
        "AccessDenied", "rds:ModifyDBInstance on resource: arn:aws:rds:us-east-1:123456789012:db:chaosgood",
        lambda to, _: to("rds").modify_db_instance(
            DBInstanceIdentifier="chaosgood", DBInstanceClass="db.r6g.16xlarge"
        ),
    ),
    "buy a second database": (
        "AccessDenied", "rds:ModifyDBInstance",
        lambda to, _: to("rds").modify_db_instance(DBInstanceIdentifier="chaosgood", MultiAZ=True),
    ),
    "stop the database": (
        "AccessDenied", "rds:StopDBInstance",
        lambda to, _: to("rds").stop_db_instance(DBInstanceIdentifier="chaosgood"),
    ),
    "size a group beyond bounds": (
        "AccessDenied", "autoScalingGroupName/chaosgood-web",
        lambda to, there: to("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=there["web_auto_scaling_group_name"], MaxSize=40
        ),
    ),
    "give a group other hosts": (
        "AccessDenied", "autoScalingGroupName/chaosgood-web",
        lambda to, there: to("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=there["web_auto_scaling_group_name"],
            MixedInstancesPolicy={
                "LaunchTemplate": {
                    "LaunchTemplateSpecification": {"LaunchTemplateName": "chaosgood-web"},
                    "Overrides": [{"InstanceType": "m5.24xlarge"}],
                }
            },
        ),
    ),
    "give a group a version of a template": (
        "AccessDenied", "autoScalingGroupName/chaosgood-web",
        lambda to, there: to("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=there["web_auto_scaling_group_name"],
            LaunchTemplate={"LaunchTemplateName": "chaosgood-web", "Version": "1"},
        ),
    ),
    "give a group a launch configuration": (
        "AccessDenied", "autoScalingGroupName/chaosgood-web",
        lambda to, there: to("autoscaling").update_auto_scaling_group(
            AutoScalingGroupName=there["web_auto_scaling_group_name"], LaunchConfigurationName="large"
        ),
    ),
    "make a group anew of other hosts": (
        "AccessDenied", "autoscaling:StartInstanceRefresh",
        lambda to, there: to("autoscaling").start_instance_refresh(
            AutoScalingGroupName=there["web_auto_scaling_group_name"]
        ),
    ),
    "buy operations of the database's disk": (
        "AccessDenied", "rds:ModifyDBInstance",
        lambda to, _: to("rds").modify_db_instance(DBInstanceIdentifier="chaosgood", Iops=12000),
    ),
    "protect a load balancer": (
        "AccessDenied", "elasticloadbalancing:ModifyLoadBalancerAttributes",
        lambda to, there: to("elbv2").modify_load_balancer_attributes(
            LoadBalancerArn=there["edge_load_balancer_arn"],
            Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}],
        ),
    ),
    "scale the service": (
        "AccessDeniedException", "application-autoscaling:RegisterScalableTarget",
        lambda to, _: to("application-autoscaling").register_scalable_target(
            ServiceNamespace="ecs", ResourceId="service/other/shop", ScalableDimension="ecs:service:DesiredCount"
        ),
    ),
    "launch a host on hardware of its own": (
        "UnauthorizedOperation", "ec2:RunInstances on resource: arn:aws:ec2:us-east-1:123456789012:instance/*",
        lambda to, there: launch(to, there, Placement={"Tenancy": "dedicated"}),
    ),
    "launch a host with a large disk": ("UnauthorizedOperation", VOLUME, disk(VolumeSize=500)),
    "launch a host with a fast disk": ("UnauthorizedOperation", VOLUME, disk(VolumeType="io2")),
    "launch a host with many operations": ("UnauthorizedOperation", VOLUME, disk(Iops=16000)),
    "launch a host with much throughput": ("UnauthorizedOperation", VOLUME, disk(Throughput=1000)),
    "launch a host with a disk in the clear": ("UnauthorizedOperation", VOLUME, disk(Encrypted=False)),
    "launch a host with a second disk": (
        "UnauthorizedOperation", VOLUME,
        lambda to, there: launch(to, there, BlockDeviceMappings=[{"DeviceName": "/dev/b", "Ebs": {"VolumeSize": 500}}]),
    ),
    "launch a large host": (
        "UnauthorizedOperation", "ec2:RunInstances on resource: arn:aws:ec2:us-east-1:123456789012:instance/*",
        lambda to, there: launch(to, there, InstanceType="m5.24xlarge"),
    ),
    "launch a host that answers IMDSv1": (
        "UnauthorizedOperation", "ec2:RunInstances on resource: arn:aws:ec2:us-east-1:123456789012:instance/*",
        lambda to, there: launch(to, there, MetadataOptions={"HttpTokens": "optional"}),
    ),
    "tag a host into the game": (
        "UnauthorizedOperation", "ec2:CreateTags",
        lambda to, there: to("ec2").create_tags(
            Resources=[there["monitoring_instance_id"]], Tags=[{"Key": "game", "Value": "other"}]
        ),
    ),
    "stop a service of ECS elsewhere": (
        "AccessDeniedException", "ecs:UpdateService on resource: arn:aws:ecs:us-east-1:123456789012:service/other/shop",
        lambda to, _: to("ecs").update_service(cluster="other", service="shop", desiredCount=0),
    ),
    "read other logs": (
        "AccessDeniedException", "logs:DescribeLogStreams on resource: ",
        lambda to, _: to("logs").describe_log_streams(logGroupName="/other"),
    ),
    "hand the task another role": (
        "AccessDeniedException", "iam:PassRole on resource: arn:aws:iam::123456789012:role/admin",
        lambda to, _: to("ecs").register_task_definition(
            family="shop", taskRoleArn="admin", containerDefinitions=[{"name": "shop", "image": "i", "memory": 1}]
        ),
    ),
    "lose what it does not have": (
        "UnauthorizedOperation", "ec2:DeleteSubnet", lambda to, _: to("ec2").delete_subnet(SubnetId="subnet-0"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "what", "ask"), MAY_NOT.values(), ids=MAY_NOT)
def test_the_player_may_not(built: Built, player: Callable[[str], Any], code: str, what: str, ask: Ask) -> None:
    said = refusal(lambda: ask(player, built.resources))
    assert said["Code"] == code
    assert f"User: {PLAYER} is not authorized to perform: " in said["Message"]
    assert what in said["Message"]
    assert said["Message"].rstrip().endswith("action")


def test_other_games_are_out_of_reach(
    built: Built, player: Callable[[str], Any], injector: Callable[[str], Any]
) -> None:
    ec2 = built.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="other", Description="d", VpcId=vpc)["GroupId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "game", "Value": "other"}]}]
    host = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=tags)
    for who in (player, injector):
        ask = who("ec2")
        rules = [POSTGRES | {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
        said = refusal(lambda: ask.authorize_security_group_ingress(GroupId=group, IpPermissions=rules))  # noqa: B023
        assert said["Code"] == "UnauthorizedOperation"
        assert f"security-group/{group}" in said["Message"]
        said = refusal(lambda: ask.terminate_instances(InstanceIds=[host["Instances"][0]["InstanceId"]]))  # noqa: B023
        assert said["Code"] == "UnauthorizedOperation"


def test_other_regions_are_out_of_reach(as_: Callable[..., Any]) -> None:
    assert (
        refusal(lambda: as_("chaosgood-player", "eu-west-1")("ec2").describe_vpcs())["Code"] == "UnauthorizedOperation"
    )


def test_what_is_not_there_is_not_found_rather_than_refused(player: Callable[[str], Any]) -> None:
    said = refusal(lambda: player("ec2").revoke_security_group_ingress(GroupId="sg-0", IpPermissions=[POSTGRES]))
    assert said["Code"] == "InvalidGroup.NotFound"


def test_a_refusal_is_in_the_history_with_its_code(built: Built, player: Callable[[str], Any]) -> None:
    refusal(lambda: player("ec2").create_vpc(CidrBlock="10.8.0.0/16"))
    attributes = [{"AttributeKey": "EventName", "AttributeValue": "CreateVpc"}]
    event = built.client("cloudtrail").lookup_events(LookupAttributes=attributes)["Events"][0]
    record = json.loads(event["CloudTrailEvent"])
    assert record["errorCode"] == "UnauthorizedOperation"
    assert "ec2:CreateVpc" in record["errorMessage"]
    assert record["userIdentity"]["arn"] == PLAYER


def test_the_facilitator_passes(built: Built) -> None:
    assert built.client("iam").list_users()["Users"]


def test_a_policy_that_is_attached_counts_at_once_and_its_denial_wins(
    built: Built, player: Callable[[str], Any]
) -> None:
    iam, name = built.client("iam"), "chaosgood-player"
    lockout = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
    arn = iam.create_policy(PolicyName="lockout", PolicyDocument=lockout)["Policy"]["Arn"]
    player("ec2").describe_vpcs()
    iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    said = refusal(lambda: player("ec2").describe_vpcs())
    assert said["Message"].endswith("with an explicit deny in an identity-based policy")
    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    player("ec2").describe_vpcs()


def test_no_policy_reaches_beyond_the_boundary(built: Built, player: Callable[[str], Any]) -> None:
    iam, asked = built.client("iam"), {"RoleName": "chaosgood-player", "PolicyName": "more"}
    more = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam.put_role_policy(**asked, PolicyDocument=more)
    said = refusal(lambda: player("iam").list_users())
    assert said["Message"].endswith("because no permissions boundary allows the iam:ListUsers action")
    said = refusal(lambda: player("ec2").allocate_address())
    assert said["Message"].endswith("with an explicit deny in a permissions boundary")
    iam.delete_role_policy(**asked)


def test_a_policy_that_cannot_be_evaluated_is_said_so(built: Built, player: Callable[[str], Any]) -> None:
    iam, asked = built.client("iam"), {"RoleName": "chaosgood-player", "PolicyName": "odd"}
    odd = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]}'
    iam.put_role_policy(**asked, PolicyDocument=odd)
    said = refusal(lambda: player("ec2").describe_vpcs())
    assert (said["Code"], "does not evaluate NotAction" in said["Message"]) == ("NotImplemented", True)
    iam.delete_role_policy(**asked)
    player("ec2").describe_vpcs()
