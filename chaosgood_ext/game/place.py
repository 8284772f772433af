"""Where a fault acts, as the undo log remembers it, and how its AWS is reached once nothing else is left of a game."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chaosgood_ext.environment.outputs import Outputs, parse
from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.aws import Aws, Clients

_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Place:
    """An environment by its label (`twin swift-heron`, `aws us-east-1`), and where its AWS API is.

    No secret is kept: on aws the keys are those of the profile, or what boto3's own chain finds, and with them
    `role_arn` is assumed where there is one.
    """

    environment: str
    region: str = ""
    endpoint_url: str | None = None
    profile: str | None = None
    role_arn: str | None = None

    @classmethod
    def of(cls, outputs: Outputs) -> Place:
        """The place of an environment with these outputs."""
        return cls(f"{outputs.kind} {outputs.name}", outputs.region, outputs.endpoint_url)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Place:
        """Read it back; keys of a later version are passed over."""
        return cls(**{key: document[key] for key in cls.__dataclass_fields__ if key in document})

    def to_json(self) -> dict[str, Any]:
        """As the undo log keeps it: what is known."""
        return {key: value for key, value in asdict(self).items() if value}

    @property
    def twin(self) -> str:
        """The name of the twin, or nothing where it is no twin."""
        kind, _, name = self.environment.partition(" ")
        return name if kind == "twin" else ""

    def typed(self) -> str:
        """What a person types so that the AWS CLI is there: a line of bash."""
        if self.twin:
            return f'eval "$(chaos twin env {self.twin} --facilitator)"'
        known = {"AWS_REGION": self.region, "AWS_ENDPOINT_URL": self.endpoint_url, "AWS_PROFILE": self.profile}
        return "export " + " ".join(f"{key}={value}" for key, value in known.items() if value)


def here(configuration: Mapping[str, Any]) -> Place:
    """Where chaosaws acts with this `configuration` in this process; a running twin is recognised by its address.

    Raises :class:`EnvironmentUnavailable` where no region is set, as chaosaws does.
    """
    region = configuration.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise EnvironmentUnavailable("AWS needs a region.", "Set AWS_REGION, or aws_region in the configuration.")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or None
    profile = configuration.get("aws_profile_name") or os.environ.get("AWS_PROFILE")
    own = {"profile": profile, "role_arn": configuration.get("aws_assume_role_arn")}
    if endpoint:
        from chaosgood_ext.twin import launcher

        for twin in launcher.running():
            if twin.outputs["endpoint_url"] == endpoint:
                return Place(f"twin {twin.name}", region, endpoint, **own)
    return Place(f"aws {region}", region, endpoint, **own)


def reach(place: Place) -> Clients | None:
    """Clients for `place`, or None when it is a twin that is gone: its faults went with it.

    A twin of the same name at another address is another twin.
    """
    if not place.twin:
        return Chain(place)
    from chaosgood_ext.twin import launcher

    for twin in launcher.running():
        if twin.name == place.twin and place.endpoint_url in (None, twin.outputs["endpoint_url"]):
            return Aws(parse(twin.outputs, f"twin {twin.name}"))
    return None


@dataclass
class Chain:
    """Makes clients for `place` with `keys` (boto3's arguments of a session), else what boto3 finds by itself."""

    place: Place
    keys: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """The client of `service`; raises :class:`EnvironmentUnavailable` where there are no credentials."""
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]

    def _make(self, service: str) -> Any:
        from boto3.session import Session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            session: Any = Session(profile_name=self.place.profile, region_name=self.place.region, **self.keys)
            config = Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"total_max_attempts": 3})
            reached = {"endpoint_url": self.place.endpoint_url, "config": config}
            if self.place.role_arn:
                answer = session.client("sts", **reached).assume_role(
                    RoleArn=self.place.role_arn, RoleSessionName="chaosgood-undo"
                )
                key = answer["Credentials"]
                session = Session(
                    key["AccessKeyId"], key["SecretAccessKey"], key["SessionToken"], region_name=self.place.region
                )
            return session.client(service, **reached)
        except (BotoCoreError, ClientError) as cause:
            raise EnvironmentUnavailable(
                f"{self.place.environment} cannot be reached: {cause}.",
                "Sign in as whoever played, for instance by AWS_PROFILE, and try again.",
            ) from cause
