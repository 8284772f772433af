"""How a probe asks: every resource that it looked at, what is wrong with it, and one ruling of all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosgood_ext.aws.client import client
from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.aws import answering
from chaosgood_ext.report.compliance import Failure, Ruling, State

logger = logging.getLogger("chaostoolkit")


@dataclass(frozen=True)
class Seen:
    """A resource that was looked at; without a `fault` it keeps the rule. `remedy` is a command, or a sentence."""

    resource: str
    fault: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Aws:
    """Clients of one run of a probe, by botocore's names of their services."""

    configuration: Mapping[str, Any] | None
    _made: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, service: str) -> Any:
        if service not in self._made:
            self._made[service] = client(service, self.configuration)
        return self._made[service]

    def every(self, service: str, operation: str, key: str, **asked: Any) -> Iterator[Any]:
        """Everything that a paginated operation lists under `key`."""
        for page in self[service].get_paginator(operation).paginate(**asked):
            yield from page[key]

    def account(self) -> str:
        """The account that is asked."""
        return str(self["sts"].get_caller_identity()["Account"])

    def vpc(self, vpc_id: str) -> list[dict[str, Any]]:
        """The filter by that VPC; raises botocore's error where there is none: nothing in it would break no rule."""
        self["ec2"].describe_vpcs(VpcIds=[vpc_id])
        return [{"Name": "vpc-id", "Values": [vpc_id]}]

    def instances(self, vpc_id: str) -> Iterator[Mapping[str, Any]]:
        """The instances of a VPC that are not terminated."""
        for one in self.every("ec2", "describe_instances", "Reservations", Filters=self.vpc(vpc_id)):
            for instance in one["Instances"]:
                if instance["State"]["Name"] not in ("terminated", "shutting-down"):
                    yield instance


Look = Callable[[Aws], Iterator[Seen]]


def ask(
    rule: str, demands: str, look: Look, configuration: Mapping[str, Any] | None, *, missing: str = ""
) -> dict[str, Any]:
    """Look, and rule; where `look` finds no resource at all, that is a failure, told by `missing`.

    Raises :class:`EnvironmentUnavailable` where AWS refuses or does not answer. Only where the environment itself
    does not know the question is the state `cannot be asked here`.
    """
    from botocore.exceptions import ClientError

    try:
        with answering(f"Asking for {rule}"):
            seen = list(look(Aws(configuration)))
    except EnvironmentUnavailable as refusal:
        cause = refusal.__cause__
        if not isinstance(cause, ClientError) or cause.response["Error"]["Code"] != "NotImplemented":
            raise
        ruling = Ruling(rule, demands, State.UNASKABLE, note=str(cause.response["Error"]["Message"]))
        logger.warning(f"{rule} {ruling.state}: {ruling.note}")
        return ruling.to_json()
    if not seen and missing:
        seen = [Seen("the environment", "has nothing to look at", missing)]
    failures = tuple(Failure(one.resource, one.fault, one.remedy) for one in seen if one.fault)
    for one in failures:
        logger.warning(f"{rule}: {one.resource} {one.fault}. To mend it: {one.remedy}")
    return Ruling(rule, demands, State.FAILS if failures else State.HOLDS, len(seen), failures).to_json()


def tags_of(listed: list[Mapping[str, str]] | None) -> dict[str, str]:
    """AWS's list of tags as a mapping; ECS writes its keys in lower case."""
    return {one.get("Key", one.get("key", "")): one.get("Value", one.get("value", "")) for one in listed or ()}
