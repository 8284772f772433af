"""AWS clients of the game itself: the facilitator's, impatient, made once and shared by all threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from chaosgood_ext.environment.outputs import Outputs
from chaosgood_ext.errors import EnvironmentUnavailable

_TIMEOUT_S = {"twin": 1.0, "aws": 5.0}
"""An interrupted game has two seconds to undo its fault on the twin."""


class Clients(Protocol):
    """Whoever makes AWS clients: for an environment, or for wherever an experiment acts."""

    def client(self, service: str) -> Any:
        """The client of `service`, in botocore's name."""


@dataclass
class Aws:
    """Makes clients for the environment with these `outputs`, as its facilitator."""

    outputs: Outputs
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _making: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def client(self, service: str) -> Any:
        """The client of `service`. Making one takes a fifth of a second, so make it before it is urgent."""
        from boto3.session import Session
        from botocore.config import Config

        with self._making:
            if service not in self._clients:
                key = self.outputs.credentials.get("facilitator")
                session: Any = Session(
                    aws_access_key_id=key.access_key_id if key else None,
                    aws_secret_access_key=key.secret_access_key if key else None,
                    aws_session_token=(key.session_token or None) if key else None,
                    region_name=self.outputs.region,
                )
                patience = _TIMEOUT_S[self.outputs.kind]
                self._clients[service] = session.client(
                    service,
                    endpoint_url=self.outputs.endpoint_url,
                    config=Config(
                        connect_timeout=patience,
                        read_timeout=patience,
                        retries={"total_max_attempts": 1},
                        proxies={} if self.outputs.kind == "twin" else None,
                    ),
                )
            return self._clients[service]


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turn botocore's errors inside into :class:`EnvironmentUnavailable`; `what` says what was asked for.

    A refusal by AWS keeps its code and message; only silence is told as such.
    """
    try:
        yield
    except ClientError as cause:
        error = cause.response["Error"]
        raise EnvironmentUnavailable(f"{what} failed: {error['Code']}: {error['Message']}.") from cause
    except BotoCoreError as cause:
        raise EnvironmentUnavailable(f"{what} failed: the AWS API does not answer ({cause}).") from cause
