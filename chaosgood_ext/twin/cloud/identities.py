"""Who calls: access keys, what they stand for, and what AWS says of a key that stands for nobody.

The state is moto's: users and their keys in its IAM, sessions of roles in its STS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from chaosgood_ext.twin.cloud import ACCOUNT_ID, PARTITION
from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend, User
    from moto.sts.models import AssumedRole, STSBackend

FACILITATOR = "facilitator"
_FACILITATORS = "AWSReservedSSO_Facilitator_0123456789abcdef"
_FOREVER_S = 10 * 365 * 24 * 3600


@dataclass(frozen=True)
class Credentials:
    """What a client signs with; `session_token` is empty for a user's own key."""

    access_key_id: str
    secret_access_key: str
    session_token: str = ""


@dataclass(frozen=True)
class Identity:
    """A caller, in CloudTrail's terms.

    `kind` is "IAMUser" or "AssumedRole"; `name` is the user's or the session's name; the role fields are
    empty for a user.
    """

    kind: str
    arn: str
    principal_id: str
    name: str
    access_key_id: str
    role_arn: str = ""
    role_id: str = ""
    since: float = 0.0


class Identities:
    """The users and sessions of the account. Not thread safe: the tap calls it under its lock."""

    def __init__(self) -> None:
        self._iam: IAMBackend = iam_backends[ACCOUNT_ID][PARTITION]
        self._sts: STSBackend = sts_backends[ACCOUNT_ID][PARTITION]

    def create_user(self, name: str) -> Credentials:
        """Create an IAM user with an access key, which nobody could do through the API yet."""
        user = self._iam.create_user(region_name="us-east-1", user_name=name)
        user.id = "AIDA" + user.id[:17].upper()  # the form of AWS's, which CloudTrail shows
        key = self._iam.create_access_key(name)
        return Credentials(key.access_key_id, key.secret_access_key)

    def open_facilitator(self) -> Credentials:
        """A session of the facilitator, who comes by a role of IAM Identity Center and has no user or key.

        https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
        It lasts as long as any twin.
        """
        service = {"Federated": f"arn:aws:iam::{ACCOUNT_ID}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"}
        statement = {"Effect": "Allow", "Principal": service, "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"]}
        self._iam.create_role(
            role_name=_FACILITATORS,
            assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
            path="/aws-reserved/sso.amazonaws.com/",
            permissions_boundary=None,
            description="Facilitators",
            tags=[],
            max_session_duration="43200",
        )
        return self.open_session(_FACILITATORS, FACILITATOR, _FOREVER_S)

    def open_session(self, role_name: str, session_name: str, duration_s: int) -> Credentials:
        """Open a session of a role as an AWS service does for what it runs; no caller, so no event of it."""
        role = self._iam.get_role(role_name)
        session = self._sts.assume_role(
            region_name="us-east-1",
            role_session_name=session_name,
            role_arn=role.arn,
            policy="",
            duration=duration_s,
            external_id="",
        )
        return Credentials(session.access_key_id, session.secret_access_key, session.session_token)

    def resolve(self, access_key_id: str, session_token: str) -> Identity:
        """Return whose key that is.

        Raises `AwsError` for a key that nobody has, for a session's key with another token, and for a
        session that is over. https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
        """
        session = self._sts.get_assumed_role_from_access_key(access_key_id)
        if session is not None:
            return self._session(session, session_token)
        user = self._iam.get_user_from_access_key_id(access_key_id)
        if user is None or not _is_active(user, access_key_id):
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        return Identity("IAMUser", user.arn, user.id, user.name, access_key_id)

    def may_assume(self, caller: Identity, role_arn: str) -> None:
        """Raise AWS's `AccessDenied` when there is no such role; moto would assume any name."""
        roles = {role.arn for role in self._iam.get_roles()}
        if role_arn not in roles:
            raise AwsError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
                403,
            )

    @staticmethod
    def _session(session: AssumedRole, session_token: str) -> Identity:
        if session.session_token != session_token:
            raise AwsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
        expires = session.expiration.replace(tzinfo=UTC)
        if expires <= datetime.now(UTC):
            raise AwsError("ExpiredToken", "The security token included in the request is expired", 403)
        role_id, _, name = session.user_id.partition(":")
        return Identity(
            kind="AssumedRole",
            arn=session.arn,
            principal_id=session.user_id,
            name=name,
            access_key_id=session.access_key_id,
            role_arn=session.role_arn,
            role_id=role_id,
            since=session.access_key.create_date.replace(tzinfo=UTC).timestamp(),
        )


def _is_active(user: User, access_key_id: str) -> bool:
    return any(key.access_key_id == access_key_id and key.status == "Active" for key in user.access_keys)


def as_service_says(error: AwsError, service: str) -> AwsError:
    """Return an authentication error in the code that the service uses for it."""
    if error.code != "InvalidClientTokenId":
        return error
    if service == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if service in ("ecs", "logs", "cloudtrail", "servicediscovery", "ssm", "cloudwatch", "application-autoscaling"):
        return AwsError("UnrecognizedClientException", error.message, 400)
    if service == "s3":
        return AwsError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403)
    return error
