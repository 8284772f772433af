"""How AWS is asked for what is the environment's: by clients of one session, and by its tag or its VPC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


class Clients(Protocol):
    """What a boto3 session offers."""

    def client(self, service_name: str, *, region_name: str) -> Any:
        """Return a client of the service."""


@dataclass(frozen=True)
class Aws:
    """The account and region where the environment `game` is, or was."""

    session: Clients
    region: str
    game: str
    _made: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = self.session.client(service, region_name=self.region)
        return self._made[service]

    @property
    def tag(self) -> list[dict[str, Any]]:
        """The environment's tag as a filter."""
        return [{"Name": "tag:game", "Values": [self.game]}]

    def is_ours(self, tags: Iterable[Mapping[str, str]] | None) -> bool:
        """Whether the environment's tag is among `tags`; ECS writes its keys in lower case."""
        return any(
            one.get("Key", one.get("key")) == "game" and one.get("Value", one.get("value")) == self.game
            for one in tags or ()
        )

    def every(self, service: str, operation: str, key: str, **asked: Any) -> Iterator[Any]:
        """Everything that an operation lists under `key`, on all of its pages."""
        client = self[service]
        if not client.can_paginate(operation):
            yield from getattr(client, operation)(**asked).get(key, [])
            return
        for page in client.get_paginator(operation).paginate(**asked):
            yield from page.get(key) or []

    def ec2(self, operation: str, key: str, vpc_key: str = "vpc-id") -> list[dict[str, Any]]:
        """What EC2 lists and what carries the tag or is in a VPC of the environment's, whoever made it."""
        found = list(self.every("ec2", operation, key, Filters=self.tag))
        if vpcs := self.vpcs():
            for one in self.every("ec2", operation, key, Filters=[{"Name": vpc_key, "Values": vpcs}]):
                if one not in found:
                    found.append(one)
        return found

    def vpcs(self) -> list[str]:
        """The environment's VPC; more than one when a build was lost."""
        return [vpc["VpcId"] for vpc in self.every("ec2", "describe_vpcs", "Vpcs", Filters=self.tag)]
