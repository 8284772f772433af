"""The price of an hour."""

from __future__ import annotations

import copy
import json
import re
from datetime import date

import pytest

from chaosgood_ext.environment.aws import settings
from chaosgood_ext.environment.aws.cost import VOLUME_GB, bill, prices
from chaosgood_ext.errors import BadInput

TOPOLOGY = json.loads((settings.ROOT / "chaosgood_ext/stack/topology.json").read_text())


def test_an_hour_costs_less_than_thirty_cents() -> None:
    assert 0.15 < sum(item.cost_an_hour for item in bill(TOPOLOGY, prices())) < 0.30


def test_every_price_has_a_source_and_the_table_a_date() -> None:
    table = prices()
    assert date.fromisoformat(table["looked_up"])
    for unit in ("per_hour", "per_month", "per_gb"):
        for price in table[unit].values():
            assert price["price"] > 0
            assert price["source"].startswith("https://aws.amazon.com/")


def test_every_class_that_a_game_may_reach_has_a_price() -> None:
    assert set(TOPOLOGY["db_instance_classes"]) <= set(prices()["per_hour"])


def test_more_hosts_cost_more() -> None:
    larger = copy.deepcopy(TOPOLOGY)
    larger["auto_scaling_groups"]["web"]["desired_capacity"] = 4
    before, after = (sum(item.cost_an_hour for item in bill(each, prices())) for each in (TOPOLOGY, larger))
    assert after == pytest.approx(before + 2 * (0.0104 + 0.005 + 8 * 0.08 / 730))


def test_a_size_without_a_price_is_told() -> None:
    other = copy.deepcopy(TOPOLOGY)
    other["instances"]["monitoring"]["instance_type"] = "m7i.large"
    with pytest.raises(BadInput, match=r"no price of m7i\.large"):
        bill(other, prices())


@pytest.mark.parametrize("tier", VOLUME_GB)
def test_volumes_are_as_large_as_terraform_makes_them(tier: str) -> None:
    module = (settings.TERRAFORM / "modules" / tier / "main.tf").read_text()
    assert re.findall(r"volume_size\s+= (\d+)", module) == [str(VOLUME_GB[tier])]
