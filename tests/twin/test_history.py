"""CloudTrail and CloudWatch Logs: who did what, and what every tier logged, with the stock AWS CLI too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin

Client = Callable[[str], Any]


@pytest.fixture
def aws(twin: RunningTwin) -> Callable[..., Any]:
    """Run the stock AWS CLI from outside the twin, and return what it printed as JSON."""

    def run(*words: str) -> Any:
        environment = {**os.environ, **launcher.exports(twin.outputs, "facilitator")}
        argv = [sys.executable, "-m", "awscli", *words, "--output", "json"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_history_tells_who_did_what_from_where_and_how_it_ended(
    twin: RunningTwin, resources: dict[str, str], aws: Any
) -> None:
    keys = twin.outputs["credentials"]["facilitator"]
    facilitator = boto3.Session(keys["access_key_id"], keys["secret_access_key"], keys["session_token"], "us-east-1")
    assumed = facilitator.client("sts", endpoint_url=twin.outputs["endpoint_url"]).assume_role(
        RoleArn=resources["injector_role_arn"], RoleSessionName="deploy-pipeline"
    )["Credentials"]
    injector = boto3.Session(
        assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"], "us-east-1"
    ).client("ec2", endpoint_url=twin.outputs["endpoint_url"])
    group = resources["database_security_group_id"]
    rule = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
    with pytest.raises(injector.exceptions.ClientError):
        injector.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)
    found = aws(
        "cloudtrail", "lookup-events",
        "--lookup-attributes", "AttributeKey=EventName,AttributeValue=RevokeSecurityGroupIngress",
        "--max-items", "1",
    )["Events"][0]  # fmt: skip
    assert (found["Username"], found["ReadOnly"]) == ("deploy-pipeline", "false")
    assert {"ResourceType": "AWS::EC2::SecurityGroup", "ResourceName": group} in found["Resources"]
    record = json.loads(found["CloudTrailEvent"])
    who = record["userIdentity"]
    assert who["type"] == "AssumedRole"
    assert who["arn"] == "arn:aws:sts::123456789012:assumed-role/chaosgood-injector/deploy-pipeline"
    assert who["sessionContext"]["sessionIssuer"]["arn"] == resources["injector_role_arn"]
    assert record["sourceIPAddress"] == "203.0.113.10"
    assert record["errorCode"] == "InvalidPermission.NotFound"
    assert record["requestParameters"] == {
        "groupId": group,
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp",
                    "fromPort": 1,
                    "toPort": 2,
                    "ipRanges": {"items": [{"cidrIp": "192.0.2.0/24"}]},
                }
            ]
        },
    }


def test_a_call_from_a_host_comes_from_its_address(twin: RunningTwin, on: Any, aws: Any) -> None:
    identity = on("workstation", "aws sts get-caller-identity --query Arn --output text").stdout.strip()
    assert identity == "arn:aws:sts::123456789012:assumed-role/chaosgood-player/responder"
    event = aws(
        "cloudtrail", "lookup-events",
        "--lookup-attributes", "AttributeKey=EventName,AttributeValue=GetCallerIdentity", "--max-items", "1",
    )["Events"][0]  # fmt: skip
    record = json.loads(event["CloudTrailEvent"])
    assert record["sourceIPAddress"] == twin.host("workstation")["address"]
    assert record["userAgent"].startswith("aws-cli/")


def test_every_tier_s_logs_are_in_its_group(
    client: Client, resources: dict[str, str], on: Any, eventually: Any
) -> None:
    mark = uuid.uuid4().hex
    assert on("internet", f"curl -sf -o /dev/null 'http://10.0.0.4/?{mark}'").returncode == 0
    logs = client("logs")

    def found(tier: str, pattern: str) -> bool:
        name = resources[f"{tier}_log_group_name"]
        return bool(logs.filter_log_events(logGroupName=name, filterPattern=pattern, limit=5)["events"])

    eventually(lambda: found("web", f'"{mark}"'))
    eventually(lambda: found("app", '"listening"'))
    eventually(lambda: found("database", '"connection authorized"'))
    eventually(lambda: found("monitoring", '"Server is ready to receive web requests"'))


def test_a_command_typed_on_a_host_is_in_the_group_of_sessions(
    twin: RunningTwin, resources: dict[str, str], aws: Any, eventually: Any
) -> None:
    mark = uuid.uuid4().hex
    subprocess.run(twin.argv_in("web-1", ["echo", mark]), capture_output=True, check=True)
    group = resources["sessions_log_group_name"]

    def found() -> list[dict[str, Any]]:
        events = aws("logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", f'"{mark}"')["events"]
        return list(events)

    event = eventually(found)[0]
    assert event["logStreamName"] == twin.host("web-1")["name"]
    assert mark in json.loads(event["message"])["command"]


def test_the_stock_cli_describes_every_service_of_the_environment(aws: Any, resources: dict[str, str]) -> None:
    assert aws("ec2", "describe-vpcs", "--vpc-ids", resources["vpc_id"])["Vpcs"]
    assert aws("elbv2", "describe-load-balancers")["LoadBalancers"]
    assert aws("autoscaling", "describe-auto-scaling-groups")["AutoScalingGroups"]
    assert aws("ecs", "describe-clusters", "--clusters", resources["ecs_cluster_name"])["clusters"]
    assert aws("route53", "list-hosted-zones")["HostedZones"]
    assert aws("servicediscovery", "list-services")["Services"]
    assert aws("iam", "list-roles")["Roles"]
    assert aws("logs", "describe-log-groups")["logGroups"]
