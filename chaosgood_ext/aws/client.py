"""boto3 clients of the face's functions: whoever the process is, in the configuration's region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def client(service: str, configuration: Mapping[str, Any] | None) -> Any:
    """A client of `service`; it gives up early, because a rollback must not hang."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    return make(
        service,
        region_name=(configuration or {}).get("aws_region"),
        config=Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2}),
    )


@dataclass(frozen=True)
class AsConfigured:
    """Makes clients as chaosaws does: in the role that the configuration names, as whoever breaks something."""

    configuration: Mapping[str, Any] | None

    def client(self, service: str) -> Any:
        """The client of `service`."""
        from chaosaws import aws_client

        return aws_client(service, dict(self.configuration or {}))


@dataclass(frozen=True)
class Here:
    """Makes clients as :func:`client` does, for whoever asks for clients by the name of the service alone."""

    configuration: Mapping[str, Any] | None

    def client(self, service: str) -> Any:
        """The client of `service`."""
        return client(service, self.configuration)
