"""The environment of the topology, built through the tap, without hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto.core.base_backend import BackendDict

from chaosgood_ext.twin.builder import Builder, Secrets
from chaosgood_ext.twin.cloud import mends
from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.state import State
from chaosgood_ext.twin.cloud.tap import Tap
from chaosgood_ext.twin.hosts.files import STACK
from chaosgood_ext.twin.services.autoscaling import AutoScaling


@dataclass(frozen=True)
class Built:
    """What a builder left behind."""

    tap: Tap
    state: State
    client: Callable[[str], Any]
    resources: dict[str, str]
    topology: dict[str, Any]


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    mends.install()
    reset()
    topology = json.loads((STACK / "topology.json").read_text())
    tap = Tap()
    state = State(topology["region"])
    scaling = AutoScaling(tap, state, lambda _: {})
    clients = Clients(tap, tap.identities.create_user("facilitator"), topology["region"], "203.0.113.10")
    # No instance of this group ever runs here, so none would join the cluster.
    alone = {**topology, "auto_scaling_groups": {**topology["auto_scaling_groups"]}}
    alone["auto_scaling_groups"]["app"] = {
        **topology["auto_scaling_groups"]["app"],
        "desired_capacity": 0,
        "min_size": 0,
    }
    resources = Builder(clients.client, alone, Secrets("password")).build()
    scaling.reconcile()
    yield Built(tap, state, clients.client, resources, topology)
    reset()


def reset() -> None:
    """Forget all that moto knows, which is one state for the whole process."""
    for backend in list(BackendDict._instances):
        backend.reset()
