"""Whether an environment on aws can be worked in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from chaosgood_ext.environment.aws import lockout
from chaosgood_ext.environment.aws.standing import must_stand
from chaosgood_ext.environment.outputs import Outputs, parse
from chaosgood_ext.errors import EnvironmentUnavailable
from tests.fakes.outputs import outputs_document

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
ROLE = "chaosgood-player"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def outputs(vpc: str, **changes: Any) -> Outputs:
    document = outputs_document(kind="aws", name="chaosgood", endpoint_url=None, **changes)
    document["resources"]["vpc_id"] = vpc
    return parse(document, "a test")


def built(until: str = "2026-11-22T18:00:00Z", **changes: Any) -> Outputs:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "expires-at", "Value": until}]}]
    ec2 = boto3.client("ec2", region_name="us-east-1")
    return outputs(ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"], **changes)


def lock_out() -> str:
    iam = boto3.client("iam", region_name="us-east-1")
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    arn: str = iam.create_policy(PolicyName="chaosgood-lockout", PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=arn)
    return arn


def test_one_that_is_up_is_well() -> None:
    must_stand(built(), NOW)


def test_a_region_that_somebody_set_for_other_work_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    must_stand(built(), NOW)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: built("2026-11-22T15:59:59Z"), r"expired at 2026-11-22T15:59:59Z.*make aws-up.*make aws-down"),
        (lambda: outputs("vpc-0123456789abcdef0"), r"is gone: there is no vpc-0123456789abcdef0 in us-east-1"),
        (
            lambda: built(account_id="210987654321"),
            r"in account 210987654321.*credentials of 123456789012.*AWS_PROFILE",
        ),
    ],
    ids=["expired", "destroyed", "another account"],
)
def test_one_that_is_not_is_told_with_what_to_do(make: Any, words: str) -> None:
    with pytest.raises(EnvironmentUnavailable, match=words):
        must_stand(make(), NOW)


def test_a_lockout_is_told_with_what_locks_out_and_ends_when_the_player_is_let_in() -> None:
    where, arn = built(), lock_out()
    with pytest.raises(
        EnvironmentUnavailable, match=r"locked out: the day's budget.*chaosgood-lockout.*chaos aws unlock"
    ):
        must_stand(where, NOW)
    session = boto3.Session()
    assert lockout.attached(session, "us-east-1", "chaosgood", ROLE) == arn
    lockout.let_in(session, "us-east-1", ROLE, arn)
    must_stand(where, NOW)


def test_what_the_credentials_may_not_ask_for_is_taken_to_be_well(monkeypatch: pytest.MonkeyPatch) -> None:
    where = built("2026-11-22T15:00:00Z")
    refused = {"DescribeVpcs": "UnauthorizedOperation", "ListAttachedRolePolicies": "AccessDenied"}
    _refuse(monkeypatch, refused, "no")
    must_stand(where, NOW)


def test_a_player_who_is_locked_out_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    where = built()
    said = "You are not authorized to perform this operation, with an explicit deny in an identity-based policy"
    _refuse(monkeypatch, {"DescribeVpcs": "UnauthorizedOperation"}, said)
    with pytest.raises(EnvironmentUnavailable, match=r"locked out.*chaos aws unlock"):
        must_stand(where, NOW)


def _refuse(monkeypatch: pytest.MonkeyPatch, calls: dict[str, str], message: str) -> None:
    call = boto3.client("sts", region_name="us-east-1").__class__.__mro__[1]._make_api_call

    def refusing(self: Any, operation: str, asked: Any) -> Any:
        if operation in calls:
            raise ClientError({"Error": {"Code": calls[operation], "Message": message}}, operation)
        return call(self, operation, asked)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", refusing)
