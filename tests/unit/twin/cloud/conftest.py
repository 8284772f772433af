"""A tap of its own for each test, with moto's real state behind it, and boto3 clients that call it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.core.base_backend import BackendDict

from chaosgood_ext.twin.cloud.identities import Credentials
from chaosgood_ext.twin.cloud.server import Server
from chaosgood_ext.twin.cloud.tap import Tap
from chaosgood_ext.twin.cloud.trail import Trail

ClientFactory = Callable[..., Any]


@pytest.fixture
def tap() -> Iterator[Tap]:
    reset()
    yield Tap()
    reset()


def reset() -> None:
    """Forget all that moto knows, which is one state for the whole process."""
    for backend in list(BackendDict._instances):
        backend.reset()


@pytest.fixture
def trail(tap: Tap) -> Trail:
    trail = Trail()
    tap.subscribe(trail.record)
    tap.handle("cloudtrail", "LookupEvents", trail.lookup)
    return trail


@pytest.fixture
def facilitator(tap: Tap) -> Credentials:
    return tap.identities.create_user("facilitator")


@pytest.fixture
def endpoint(tap: Tap) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(tap, listener)
    server.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.stop()


@pytest.fixture
def client(endpoint: str, facilitator: Credentials) -> ClientFactory:
    def make(service: str, key: Credentials = facilitator) -> Any:
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=endpoint,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=key.session_token or None,
            config=Config(retries={"max_attempts": 0}),
        )

    return make
