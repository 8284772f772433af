import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chaosgood_ext.twin.cloud.mends import security_groups


@pytest.fixture
def ec2(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    security_groups.install()
    with mock_aws():
        yield boto3.client("ec2", region_name="us-east-1")


@pytest.fixture
def group(ec2):
    return ec2.create_security_group(GroupName="database", Description="d")["GroupId"]


def permission(source, **more):
    return [{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": source, **more}]}]


def test_a_rule_is_revoked_without_its_description(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(group, Description="from the app"))
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permission(group))
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


def test_the_same_rule_under_another_description_is_a_duplicate(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(group, Description="from the app"))
    with pytest.raises(ClientError, match=r"InvalidPermission\.Duplicate"):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(group))


def test_the_description_of_a_groups_rule_is_told(ec2, group):
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(group, Description="from the app"))
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert [rule.get("Description") for rule in rules if not rule["IsEgress"]] == ["from the app"]


def test_another_source_is_another_rule(ec2, group):
    other = ec2.create_security_group(GroupName="other", Description="d")["GroupId"]
    for source in (group, other):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permission(source))
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permission(other))
    (left,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [pair["GroupId"] for pair in left["UserIdGroupPairs"]] == [group]
