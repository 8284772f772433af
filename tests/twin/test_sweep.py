"""A whole environment is swept away without terraform, its state or the outputs; the twin stands for the account."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from chaosgood_ext.environment.aws.asking import Aws
from chaosgood_ext.environment.aws.sweep.kinds import KINDS
from chaosgood_ext.environment.aws.sweep.sweeper import Sweeper
from chaosgood_ext.errors import BadInput
from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin

TAGS = [{"Key": "game", "Value": "chaosgood"}]


@pytest.fixture
def doomed() -> Iterator[RunningTwin]:
    running = launcher.boot("doomed")
    yield running
    launcher.shut_down(running)


@pytest.fixture
def session(doomed: RunningTwin, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(doomed.outputs["endpoint_url"]))
    keys = doomed.outputs["credentials"]["facilitator"]
    return boto3.Session(
        keys["access_key_id"], keys["secret_access_key"], keys["session_token"], doomed.outputs["region"]
    )


def make_the_rest(session: boto3.Session, resources: dict[str, str]) -> None:
    """What the twin has none of by itself: what players add, and what only terraform makes."""
    ec2, ecs, iam = session.client("ec2"), session.client("ecs"), session.client("iam")

    def tagged(kind: str) -> list[dict[str, object]]:
        return [{"ResourceType": kind, "Tags": TAGS}]

    opened = ec2.create_security_group(GroupName="opened", Description="x", VpcId=resources["vpc_id"])["GroupId"]
    peer = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": opened}]}
    ec2.authorize_security_group_ingress(GroupId=resources["database_security_group_id"], IpPermissions=[peer])
    ec2.create_key_pair(KeyName="chaosgood", TagSpecifications=tagged("key-pair"))
    subnet = resources["app_subnet_ids"].split(",")[0]
    ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface"))

    session.client("s3").put_object(Bucket="chaosgood-trail-123456789012", Key="AWSLogs/one", Body=b"{}")

    (family,) = ecs.list_task_definition_families(status="ACTIVE")["families"]
    known = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    ecs.register_task_definition(
        family=family, taskRoleArn=known["taskRoleArn"], containerDefinitions=known["containerDefinitions"]
    )
    # An update by terraform leaves the revision before it like this.
    ecs.deregister_task_definition(taskDefinition=known["taskDefinitionArn"])
    session.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId=f"service/{resources['ecs_cluster_name']}/{resources['ecs_service_name']}",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=2,
        MaxCapacity=4,
    )
    session.client("ssm").create_document(
        Name="chaosgood-session",
        DocumentType="Session",
        DocumentFormat="JSON",
        Content=json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}}),
        Tags=TAGS,
    )
    iam.create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ThumbprintList=["a" * 40], Tags=TAGS
    )


def protect(session: boto3.Session, resources: dict[str, str]) -> None:
    """What players can keep from being deleted, and the twin as AWS then refuses to delete."""
    balancer, elb = resources["edge_load_balancer_arn"], session.client("elbv2")
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}]
    )
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        elb.delete_load_balancer(LoadBalancerArn=balancer)
    host, ec2 = resources["monitoring_instance_id"], session.client("ec2")
    ec2.modify_instance_attribute(InstanceId=host, DisableApiTermination={"Value": True})
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        ec2.terminate_instances(InstanceIds=[host])


def test_nothing_is_left_of_a_whole_environment_and_of_what_players_made(
    doomed: RunningTwin, session: boto3.Session
) -> None:
    resources, ec2, ecs = doomed.outputs["resources"], session.client("ec2"), session.client("ecs")
    make_the_rest(session, resources)
    protect(session, resources)
    told: list[str] = []
    sweeper = Sweeper(Aws(session, "us-east-1", "chaosgood"), told.append)

    there = sweeper.left()
    # A volume of nobody's is what the twin refuses to make.
    assert [kind.name for kind in KINDS if not any(one.startswith(f"{kind.name} ") for one in there)] == ["volume"]
    assert sweeper.clear(deadline_s=90) == []

    assert ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"] == []
    hosts = [one for each in ec2.describe_instances()["Reservations"] for one in each["Instances"]]
    assert {one["State"]["Name"] for one in hosts} == {"terminated"}
    for status in ("ACTIVE", "INACTIVE"):
        assert ecs.list_task_definitions(status=status)["taskDefinitionArns"] == []
    # What would end the environment if the sweep broke off goes when all that costs is gone.
    last = told.index("deleted group of schedules chaosgood-lifetime")
    assert told.index(f"deleted VPC {resources['vpc_id']}") < last
    with pytest.raises(BadInput, match=r"Hosts: internet\."):
        doomed.argv_in("web-1", ["true"])
