"""Guard `routes`: every subnet can send where it could."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene

Routes = Mapping[str, frozenset[tuple[str, str]]]
"""For each subnet its active routes: destination and target."""


def look(scene: Scene, calm: Routes | None) -> Routes:
    """Look up the routes of every subnet of the VPC."""
    del calm
    ec2 = scene.aws.client("ec2")
    own = [{"Name": "vpc-id", "Values": [scene.outputs.resources["vpc_id"]]}]
    with answering("Looking up the routes"):
        tables = ec2.describe_route_tables(Filters=own)["RouteTables"]
        subnets = [one["SubnetId"] for one in ec2.describe_subnets(Filters=own)["Subnets"]]
    of_subnet = {
        association["SubnetId"]: table
        for table in tables
        for association in table["Associations"]
        if association.get("SubnetId")
    }
    main = next((table for table in tables if any(one.get("Main") for one in table["Associations"])), None)
    return {subnet: _active(of_subnet.get(subnet, main)) for subnet in subnets}


def compare(calm: Routes, now: Routes) -> Finding:
    """A subnet or a route that was there and is not is wrong."""
    gone = []
    for subnet, routes in sorted(calm.items()):
        lost = sorted(routes - now.get(subnet, frozenset()))
        gone += [f"the route of {subnet} to {destination} by {target} is gone" for destination, target in lost]
    return Finding(tuple(gone))


GUARD = Guard("routes", "every subnet has the routes that it had", look, compare, lambda _: "as EC2 describes them")


def _active(table: Mapping[str, Any] | None) -> frozenset[tuple[str, str]]:
    if table is None:
        return frozenset()
    return frozenset(
        (_first(route, "Destination"), _first(route, "Id"))
        for route in table["Routes"]
        if route.get("State", "active") == "active"
    )


def _first(route: Mapping[str, Any], part: str) -> str:
    """The one value whose key says where a route leads (`DestinationCidrBlock`) or by what (`GatewayId`)."""
    return next((str(route[key]) for key in sorted(route) if part in key and route[key]), "")
