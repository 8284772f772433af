"""ECS services whose desired count an action changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome


def plan_desired_count(arguments: Arguments, clients: Clients) -> Inverse:
    """The count as it is."""
    cluster, service = arguments["cluster"], arguments["service"]
    with answering(f"Looking up the service {service}"):
        found = _describe(cluster, service, clients)
    if found is None:
        raise GameError(f"There is no ECS service {service} in {cluster}.", "See `aws ecs list-services`.")
    return Inverse(
        "ecs.update_desired_count", {"cluster": cluster, "service": service, "desired_count": found["desiredCount"]}
    )


def _describe(cluster: str, service: str, clients: Clients) -> Mapping[str, Any] | None:
    answer = clients.client("ecs").describe_services(cluster=cluster, services=[service])
    return next((one for one in answer["services"] if one["status"] == "ACTIVE"), None)


def _update(arguments: Arguments) -> list[Call]:
    request = {
        "cluster": arguments["cluster"], "service": arguments["service"], "desiredCount": arguments["desired_count"],
    }  # fmt: skip
    return [Call("ecs", "update_service", request)]


def _look(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
    found = _describe(arguments["cluster"], arguments["service"], clients)
    if found is None:
        return Outcome.GONE
    return Outcome.NOT_NEEDED if found["desiredCount"] == arguments["desired_count"] else _update(arguments)


DESIRED_COUNT = Kind(_update, _look, gone="ClusterNotFoundException|ServiceNot(Found|Active)Exception")
