"""The environment and its guardrails, built through the tap without hosts; the probes call it as they call AWS."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto.core.base_backend import BackendDict

from chaosgood_ext.governance import asking
from chaosgood_ext.twin.builder import Builder, Secrets
from chaosgood_ext.twin.cloud import budgets, mends
from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.server import Server
from chaosgood_ext.twin.cloud.tap import Tap
from chaosgood_ext.twin.hosts.files import STACK


@dataclass(frozen=True)
class Governed:
    """An environment as it was built, and clients of its facilitator."""

    client: Callable[[str], Any]
    resources: dict[str, str]


@pytest.fixture(scope="module")
def governed() -> Iterator[Governed]:
    mends.install()
    _reset()
    topology = json.loads((STACK / "topology.json").read_text())
    # No instance of this group ever runs here, so none would join the cluster.
    topology["auto_scaling_groups"]["app"] |= {"desired_capacity": 0, "min_size": 0}
    tap = Tap()
    budgets.serve(tap)
    facilitator = tap.identities.open_facilitator()
    client = cache(Clients(tap, facilitator, topology["region"], "203.0.113.10").client)
    builder = Builder(client, topology, Secrets("password"))
    builder.build()
    builder.guardrails().build()
    server = Server(tap, socket.create_server(("127.0.0.1", 0)))
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials of whoever came first
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.socket.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": facilitator.access_key_id,
            "AWS_SECRET_ACCESS_KEY": facilitator.secret_access_key,
            "AWS_SESSION_TOKEN": facilitator.session_token,
            "AWS_DEFAULT_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }.items():
            patch.setenv(name, value)
        # To make sixty clients takes longer than to ask by them: one of each service for all of these tests.
        make, made = asking.client, dict[tuple[str, str | None], Any]()

        def kept(service: str, configuration: Any) -> Any:
            key = (service, os.environ.get("AWS_SESSION_TOKEN"))
            if key not in made:
                made[key] = make(service, configuration)
            return made[key]

        patch.setattr(asking, "client", kept)
        yield Governed(client, builder.resources)
    mends.remove()
    server.stop()
    _reset()


def _reset() -> None:
    for backend in list(BackendDict._instances):
        backend.reset()
