"""What the environment costs an hour, from the topology and a committed price table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from chaosgood_ext.errors import BadInput

VOLUME_GB = {"web": 8, "app": 30, "monitoring": 10, "workstation": 8}
"""Size of a host's volume, as terraform's modules have it; a test compares them."""

_LOGS_GB_AN_HOUR = 0.05
_UNITS_A_BALANCER = 1


@dataclass(frozen=True)
class Item:
    """One line of the bill: prices in US dollars, `number` of units of `price_an_hour`."""

    what: str
    number: float
    price_an_hour: float
    source: str

    @property
    def cost_an_hour(self) -> float:
        """Dollars an hour."""
        return self.number * self.price_an_hour


@cache
def prices() -> dict[str, Any]:
    """The committed table, with when and where each price was looked up."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath("prices.json").read_text())
    return loaded


def bill(topology: Mapping[str, Any], table: Mapping[str, Any]) -> list[Item]:
    """Every item of the environment at its desired size; raises :class:`BadInput` for one without a price."""
    return [
        *_hosts(topology, table),
        *_database(topology, table),
        *_edge(topology, table),
        _item(table, "per_month", "secret", "database password in Secrets Manager", 1),
        _item(table, "per_month", "hosted zone", "private zones", 2),
        _item(table, "per_month", "alarm", "billing alarm", 1),
        _item(table, "per_gb", "logs", f"logs, {_LOGS_GB_AN_HOUR:g} GB an hour (estimate)", _LOGS_GB_AN_HOUR),
    ]


def _hosts(topology: Mapping[str, Any], table: Mapping[str, Any]) -> list[Item]:
    groups = topology["auto_scaling_groups"]
    counts = {tier: (group["instance_type"], group["desired_capacity"]) for tier, group in groups.items()}
    counts |= {tier: (host["instance_type"], 1) for tier, host in topology["instances"].items()}
    hosts = [_item(table, "per_hour", kind, f"{tier}: {kind}", number) for tier, (kind, number) in counts.items()]
    volume_gb = sum(VOLUME_GB[tier] * number for tier, (_, number) in counts.items())
    addresses = sum(number for _, number in counts.values())
    return [
        *hosts,
        _item(table, "per_month", "gp3 GB", f"volumes of the hosts, {volume_gb} GB", volume_gb),
        _item(table, "per_hour", "public IPv4 address", "public addresses of the hosts", addresses),
    ]


def _database(topology: Mapping[str, Any], table: Mapping[str, Any]) -> list[Item]:
    items = []
    for database in topology["db_instances"].values():
        kind, size_gb = database["instance_class"], database["allocated_storage"]
        copies = 2 if database["multi_az"] else 1
        items.append(_item(table, "per_hour", kind, f"database: {kind}", copies))
        items.append(
            _item(table, "per_month", "database gp3 GB", f"storage of the database, {size_gb} GB", size_gb * copies)
        )
    return items


def _edge(topology: Mapping[str, Any], table: Mapping[str, Any]) -> list[Item]:
    balancers = topology["load_balancers"].values()
    public = sum(not balancer["internal"] for balancer in balancers) * len(topology["availability_zones"])
    return [
        _item(table, "per_hour", "load balancer", "load balancers", len(balancers)),
        _item(
            table,
            "per_hour",
            "load balancer capacity unit",
            "capacity units, one a load balancer (estimate)",
            len(balancers) * _UNITS_A_BALANCER,
        ),
        _item(table, "per_hour", "public IPv4 address", "public addresses of the public load balancer", public),
    ]


def _item(table: Mapping[str, Any], unit: str, key: str, what: str, number: float) -> Item:
    found = table[unit].get(key)
    if found is None:
        raise BadInput(f"The price table has no price of {key}.", "Add it to environment/aws/prices.json.")
    price = found["price"] / table["hours_a_month"] if unit == "per_month" else found["price"]
    return Item(what, number, price, found["source"])
