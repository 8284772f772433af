"""Keys stand for who they were given to, for as long as they were given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.sts.models import sts_backends

from chaosgood_ext.twin.cloud import ACCOUNT_ID, PARTITION
from chaosgood_ext.twin.cloud.identities import Credentials
from chaosgood_ext.twin.cloud.tap import Tap

ClientFactory = Callable[..., Any]
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/chaosgood-player"


@pytest.fixture
def session(client: ClientFactory) -> Credentials:
    client("iam").create_role(RoleName="chaosgood-player", AssumeRolePolicyDocument="{}")
    key = client("sts").assume_role(RoleArn=ROLE, RoleSessionName="responder")["Credentials"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"])


def test_a_user_is_who_it_is(client: ClientFactory) -> None:
    told = client("sts").get_caller_identity()
    assert told["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:user/facilitator"
    assert told["UserId"].startswith("AIDA")


def test_a_session_of_a_role_is_told_by_role_and_session_name(client: ClientFactory, session: Credentials) -> None:
    told = client("sts", session).get_caller_identity()
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/chaosgood-player/responder"
    assert told["UserId"].endswith(":responder")


def test_a_role_that_does_not_exist_cannot_be_assumed(client: ClientFactory) -> None:
    with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole") as raised:
        client("sts").assume_role(RoleArn=ROLE, RoleSessionName="responder")
    assert raised.value.response["Error"]["Code"] == "AccessDenied"


def test_a_session_needs_its_own_token(client: ClientFactory, session: Credentials) -> None:
    for token in ("", "another"):
        key = Credentials(session.access_key_id, session.secret_access_key, token)
        with pytest.raises(ClientError, match="InvalidClientTokenId"):
            client("sts", key).get_caller_identity()


def test_a_session_that_is_over_is_told_so(client: ClientFactory, session: Credentials) -> None:
    sts_backends[ACCOUNT_ID][PARTITION].assumed_roles[-1].expiration -= timedelta(hours=2)
    with pytest.raises(ClientError, match="The security token included in the request is expired") as raised:
        client("ec2", session).describe_vpcs()
    assert raised.value.response["Error"]["Code"] == "ExpiredToken"


def test_an_inactive_key_is_no_key(client: ClientFactory, facilitator: Credentials) -> None:
    client("iam").update_access_key(AccessKeyId=facilitator.access_key_id, Status="Inactive", UserName="facilitator")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client("sts").get_caller_identity()


def test_the_facilitator_comes_by_a_role_and_has_no_user(tap: Tap, client: ClientFactory) -> None:
    key = tap.identities.open_facilitator()
    told = client("sts", key).get_caller_identity()
    role = "AWSReservedSSO_Facilitator_0123456789abcdef"
    assert told["Arn"] == f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role}/facilitator"
    assert client("iam", key).get_role(RoleName=role)["Role"]["Path"] == "/aws-reserved/sso.amazonaws.com/"
