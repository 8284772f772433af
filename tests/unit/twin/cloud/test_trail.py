"""The event history answers as CloudTrail's does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chaosgood_ext.twin.cloud.trail import Trail
from chaosgood_ext.twin.cloud.trail_names import elements, resources

ClientFactory = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("trail")


@pytest.fixture
def lookup(client: ClientFactory) -> Callable[..., list[dict[str, Any]]]:
    cloudtrail = client("cloudtrail")

    def look(attribute: tuple[str, str] | None = None, **more: Any) -> list[dict[str, Any]]:
        if attribute:
            more["LookupAttributes"] = [{"AttributeKey": attribute[0], "AttributeValue": attribute[1]}]
        found: list[dict[str, Any]] = cloudtrail.lookup_events(**more)["Events"]
        return found

    return look


def test_the_newest_event_comes_first(client: ClientFactory, lookup: Any) -> None:
    client("ec2").describe_vpcs()
    client("ec2").describe_subnets()
    assert [event["EventName"] for event in lookup()] == ["DescribeSubnets", "DescribeVpcs"]


@pytest.mark.parametrize(
    ("attribute", "found"),
    [
        (("EventName", "CreateVpc"), ["CreateVpc"]),
        (("ReadOnly", "true"), ["DescribeVpcs"]),
        (("ReadOnly", "false"), ["CreateVpc"]),
        (("Username", "facilitator"), ["DescribeVpcs", "CreateVpc"]),
        (("Username", "somebody"), []),
        (("EventSource", "ec2.amazonaws.com"), ["DescribeVpcs", "CreateVpc"]),
        (("ResourceType", "AWS::EC2::VPC"), ["CreateVpc"]),
    ],
)
def test_an_attribute_filters(client: ClientFactory, lookup: Any, attribute: Any, found: list[str]) -> None:
    client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    client("ec2").describe_vpcs()
    events = [event for event in lookup(attribute) if event["EventName"] != "LookupEvents"]
    assert [event["EventName"] for event in events] == found


def test_an_event_is_found_by_the_name_of_what_it_changed(client: ClientFactory, lookup: Any) -> None:
    group = client("ec2").create_security_group(GroupName="g", Description="d")["GroupId"]
    assert [event["EventName"] for event in lookup(("ResourceName", group))] == ["CreateSecurityGroup"]


def test_times_limit_the_events(client: ClientFactory, lookup: Any) -> None:
    client("ec2").describe_vpcs()
    now = datetime.now(UTC)
    assert lookup(StartTime=now - timedelta(minutes=1), EndTime=now + timedelta(minutes=1))
    assert not lookup(StartTime=now + timedelta(minutes=1))
    with pytest.raises(ClientError, match="InvalidTimeRangeException"):
        lookup(StartTime=now, EndTime=now - timedelta(minutes=1))


def test_pages_hold_every_event_once(client: ClientFactory) -> None:
    for _ in range(7):
        client("ec2").describe_vpcs()
    pages = client("cloudtrail").get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 3})
    names = [event["EventId"] for page in pages for event in page["Events"] if event["EventName"] == "DescribeVpcs"]
    assert len(names) == len(set(names)) == 7


def test_a_page_holds_fifty_events_at_most(lookup: Any) -> None:
    with pytest.raises(ClientError, match="InvalidMaxResultsException"):
        lookup(MaxResults=51)


def test_a_failed_call_has_its_error_and_no_response(client: ClientFactory, lookup: Any) -> None:
    with pytest.raises(ClientError):
        client("ec2").delete_vpc(VpcId="vpc-0123456789abcdef0")
    record = json.loads(lookup()[0]["CloudTrailEvent"])
    assert record["errorCode"] == "InvalidVpcID.NotFound"
    assert record["errorMessage"]
    assert record["responseElements"] is None


def test_secrets_are_hidden(client: ClientFactory, lookup: Any) -> None:
    client("rds").create_db_instance(
        DBInstanceIdentifier="d",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="shop",
        MasterUserPassword="do-not-tell",
    )
    client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    key = client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="session")
    texts = [event["CloudTrailEvent"] for event in lookup()]
    assert not any("do-not-tell" in text for text in texts)
    assert not any(key["Credentials"]["SecretAccessKey"] in text for text in texts)
    assert not any(key["Credentials"]["SessionToken"] in text for text in texts)


def test_data_events_are_not_in_the_history(client: ClientFactory, lookup: Any) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1, "message": "m"}])
    assert {event["EventName"] for event in lookup()} == {"CreateLogGroup", "CreateLogStream"}


def test_the_oldest_events_go_first_when_there_are_too_many(client: ClientFactory, tap: Any) -> None:
    short = Trail(kept=2)
    tap.subscribe(short.record)
    tap.handle("cloudtrail", "LookupEvents", short.lookup)
    for ask in ("describe_vpcs", "describe_subnets", "describe_instances"):
        getattr(client("ec2"), ask)()
    found = client("cloudtrail").lookup_events()["Events"]
    assert [event["EventName"] for event in found] == ["DescribeInstances", "DescribeSubnets"]


def test_ec2_lists_are_sets_of_items() -> None:
    asked = {
        "InstanceIds": ["i-1"],
        "Filters": [{"Name": "tier", "Values": ["web", "app"]}],
        "IpPermissions": [{"UserIdGroupPairs": [{"GroupId": "sg-1"}], "IpRanges": []}],
    }
    assert elements("ec2", asked) == {
        "instancesSet": {"items": [{"instanceId": "i-1"}]},
        "filterSet": {
            "items": [{"name": "tier", "valueSet": {"items": [{"value": "web"}, {"value": "app"}]}}],
        },
        "ipPermissions": {"items": [{"groups": {"items": [{"groupId": "sg-1"}]}, "ipRanges": {}}]},
    }


def test_other_services_names_only_begin_in_lower_case() -> None:
    assert elements("rds", {"DBInstanceIdentifier": "d", "VpcSecurityGroupIds": ["sg-1"]}) == {
        "dBInstanceIdentifier": "d",
        "vpcSecurityGroupIds": ["sg-1"],
    }


def test_resources_are_known_by_the_form_of_their_ids_and_by_their_parameter() -> None:
    record = {"groupId": "sg-0123456789abcdef0", "dBInstanceIdentifier": "shop", "description": "sg-like text"}
    assert resources(record, record) == [
        {"ResourceType": "AWS::EC2::SecurityGroup", "ResourceName": "sg-0123456789abcdef0"},
        {"ResourceType": "AWS::RDS::DBInstance", "ResourceName": "shop"},
    ]
