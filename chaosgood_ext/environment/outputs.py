"""What an environment says about itself: the one thing that a game knows of where it is played."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from chaosgood_ext.errors import EnvironmentUnavailable

FROM_ENVIRONMENT = "from the environment"
"""What a scenario writes for a configuration value that the environment's outputs fill in."""


@dataclass(frozen=True)
class Url:
    """An address, and how it is reached: `direct`, or `session-manager` (by a port forward)."""

    url: str
    access: Literal["direct", "session-manager"]


@dataclass(frozen=True)
class Credentials:
    """An AWS access key; the session token is empty for a long-lived one."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)

    def variables(self) -> dict[str, str]:
        """The variables by which the AWS SDKs and the AWS CLI take the key."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
        }


@dataclass(frozen=True)
class Timing:
    """How long things take there: `hold_window_s` in seconds, the scales are factors."""

    time_scale: float
    hold_window_s: float
    time_limit_scale: float


@dataclass(frozen=True)
class Outputs:
    """The outputs of one environment; `schemas/environment.schema.json` describes each of them."""

    kind: Literal["twin", "aws"]
    name: str
    region: str
    account_id: str
    endpoint_url: str | None
    resources: Mapping[str, str]
    urls: Mapping[str, Url]
    timing: Timing
    credentials: Mapping[str, Credentials]

    def aws_variables(self, identity: str) -> dict[str, str]:
        """The variables by which boto3 and the AWS CLI find this environment as `identity`.

        `identity` is `facilitator` or `player`. On aws the keys come from the SDK's own chain.
        """
        variables = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        if self.endpoint_url:
            variables["AWS_ENDPOINT_URL"] = self.endpoint_url
        if identity in self.credentials:
            variables |= self.credentials[identity].variables()
        return variables

    def configuration(self) -> dict[str, str]:
        """What a scenario may ask of its environment by a value :data:`FROM_ENVIRONMENT`.

        The resources by their names, and the keys that Chaos Toolkit's extensions for AWS and Prometheus
        read from the configuration.
        """
        return {
            **self.resources,
            **{f"{name}_url": url.url for name, url in self.urls.items()},
            "aws_region": self.region,
            "aws_assume_role_arn": self.resources["injector_role_arn"],
            "prometheus_base_url": self.urls["prometheus"].url,
        }


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the outputs."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("environment.schema.json").read_text())
    return loaded


def parse(document: object, origin: str) -> Outputs:
    """Check `document` and turn it into outputs; `origin` says where it is from.

    Raises :class:`EnvironmentUnavailable` with all that is wrong, each with its path in the document.
    """
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(schema()).iter_errors(document), key=lambda error: error.json_path)
    if errors:
        faults = "; ".join(f"{error.json_path}: {error.message}" for error in errors[:5])
        more = f" and {len(errors) - 5} more" if len(errors) > 5 else ""
        raise EnvironmentUnavailable(
            f"The outputs of the environment from {origin} cannot be used: {faults}{more}.",
            "Build the environment again with this version of Chaotic Good.",
        )
    assert isinstance(document, dict)
    return Outputs(
        kind=document["kind"],
        name=document["name"],
        region=document["region"],
        account_id=document["account_id"],
        endpoint_url=document["endpoint_url"],
        resources=dict(document["resources"]),
        urls={name: Url(**value) for name, value in document["urls"].items()},
        timing=Timing(**document["timing"]),
        credentials={name: Credentials(**value) for name, value in document.get("credentials", {}).items()},
    )
