"""The player's credentials: a session of the player's role, an hour at most, with whose it is in its tags.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from chaosgood_ext.environment.aws.account import BY_CONSOLE
from chaosgood_ext.environment.outputs import Credentials, Outputs
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable

PROFILE = "chaosgood-player"
_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_FEDERATION = "https://signin.aws.amazon.com/federation"
_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Player:
    """A session of the player's role in an environment, called `name`; it ends at `expires`."""

    outputs: Outputs
    name: str
    credentials: Credentials
    expires: datetime

    def variables(self) -> dict[str, str]:
        """What makes the AWS CLI and boto3 the player."""
        variables = {"AWS_REGION": self.outputs.region, "AWS_DEFAULT_REGION": self.outputs.region}
        if self.outputs.endpoint_url:
            variables["AWS_ENDPOINT_URL"] = self.outputs.endpoint_url
        return variables | self.credentials.variables()

    def exports(self) -> str:
        """The variables for `eval` in a shell, and what would be in their way taken back."""
        gone = ["AWS_PROFILE", *([] if self.outputs.endpoint_url else ["AWS_ENDPOINT_URL"])]
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.variables().items()]
        return "\n".join([*lines, f"unset {' '.join(gone)}"])

    def process(self) -> str:
        """What the AWS CLI and the SDKs take from a `credential_process`.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
        """
        key = self.credentials
        return json.dumps(
            {
                "Version": 1,
                "AccessKeyId": key.access_key_id,
                "SecretAccessKey": key.secret_access_key,
                "SessionToken": key.session_token,
                "Expiration": self.expires.isoformat(),
            }
        )


def sign_in(outputs: Outputs, name: str, minutes: int | None = None) -> Player:
    """Take the player's role as the facilitator: on a twin with its outputs' key, on aws with the SDK's own chain.

    Without `minutes` it lasts an hour, which is the most that the role allows; a session for the console must not be
    asked for with a length. Raises :class:`BadInput` for a name that AWS does not take, and
    :class:`EnvironmentUnavailable` with what to do where AWS refuses or is silent.
    """
    from boto3.session import Session
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, MissingDependencyException, NoCredentialsError

    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot name a session.", "Use 2 to 64 letters, digits or any of _+=,.@-")
    key = outputs.credentials.get("facilitator")
    try:
        session: Any = Session(
            aws_access_key_id=key.access_key_id if key else None,
            aws_secret_access_key=key.secret_access_key if key else None,
            aws_session_token=(key.session_token or None) if key else None,
            region_name=outputs.region,
        )
        sts = session.client(
            "sts",
            endpoint_url=outputs.endpoint_url,
            config=Config(
                connect_timeout=_TIMEOUT_S,
                read_timeout=_TIMEOUT_S,
                retries={"total_max_attempts": 2},
                proxies={} if outputs.kind == "twin" else None,
            ),
        )
        given = sts.assume_role(
            RoleArn=outputs.resources["player_role_arn"],
            RoleSessionName=name,
            **({"DurationSeconds": minutes * 60} if minutes else {}),
            Tags=[{"Key": "environment", "Value": outputs.name}, {"Key": "player", "Value": name}],
            SourceIdentity=name,
        )["Credentials"]
    except NoCredentialsError as cause:
        raise EnvironmentUnavailable("There are no AWS credentials here.", _LOG_IN) from cause
    except MissingDependencyException as cause:
        raise EnvironmentUnavailable("The credentials of `aws login` cannot be used directly.", BY_CONSOLE) from cause
    except ClientError as cause:
        error = cause.response["Error"]
        raise EnvironmentUnavailable(
            f"AWS does not give out the player's role: {error['Code']}: {error['Message']}.", _remedy(error["Code"])
        ) from cause
    except BotoCoreError as cause:
        raise EnvironmentUnavailable(f"AWS cannot be asked for the player's role: {cause}", _LOG_IN) from cause
    credentials = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return Player(outputs, name, credentials, given["Expiration"])


_LOG_IN = "Log in as the facilitator: `aws sso login --profile NAME`, with AWS_PROFILE=NAME."


def _remedy(code: str) -> str:
    if code == "AccessDenied":
        return (
            "Only a facilitator may take it (facilitator_arns in terraform/aws.toml), and the player's own credentials "
            "may not: unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN, and log in."
        )
    return _LOG_IN


def profile(outputs: Outputs, name: str, command: list[str]) -> str:
    """A profile of `~/.aws/config` whose credentials `command` prints, anew when they run out; no secret is in it."""
    lines = [f"[profile {PROFILE}]", f"region = {outputs.region}", f"credential_process = {shlex.join(command)}"]
    if outputs.endpoint_url:
        lines.append(f"endpoint_url = {outputs.endpoint_url}")
    return "\n".join([f"# The player {name} in {outputs.kind} {outputs.name}", *lines])


def console_link(player: Player, federation: str = _FEDERATION) -> str:
    """A link that signs whoever opens it in to the console as `player`, whose session has no length of its own.

    The link is good for fifteen minutes. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html
    Raises :class:`BadInput` on a twin, which has no console.
    """
    import requests

    if player.outputs.kind != "aws":
        raise BadInput("A twin has no console.", 'Use `chaos dashboards`, or the AWS CLI: eval "$(chaos player)".')
    key = player.credentials
    session = {"sessionId": key.access_key_id, "sessionKey": key.secret_access_key, "sessionToken": key.session_token}
    try:
        asked = {"Action": "getSigninToken", "Session": json.dumps(session)}
        answer = requests.get(federation, params=asked, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        token = str(answer.json()["SigninToken"])
    except (requests.RequestException, ValueError, KeyError) as cause:
        raise EnvironmentUnavailable(
            f"AWS gives out no link to its console: {type(cause).__name__}.", "Try again, or use the AWS CLI."
        ) from cause
    region = player.outputs.region
    destination = f"https://{region}.console.aws.amazon.com/console/home?region={region}"
    said: Mapping[str, str] = {
        "Action": "login",
        "Issuer": "chaos player",
        "Destination": destination,
        "SigninToken": token,
    }
    return f"{federation}?{urlencode(said)}"
