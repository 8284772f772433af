"""boto3 in the daemon itself: clients whose requests go straight to the tap, without a socket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from chaosgood_ext.twin.cloud.shortcuts import loader
from chaosgood_ext.twin.cloud.wire import Request

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.identities import Credentials
    from chaosgood_ext.twin.cloud.tap import Tap

_ENDPOINT = "http://10.0.0.2:4566"


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.getvalue()


class Clients:
    """Makes boto3 clients that sign with `credentials` and call `tap`; `source` is the caller's address."""

    def __init__(self, tap: Tap, credentials: Credentials, region: str, source: str) -> None:
        self._tap = tap
        self._source = source
        session = botocore.session.Session()
        session.register_component("data_loader", loader())
        session.set_credentials(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token or None
        )
        self._session = boto3.Session(botocore_session=session, region_name=region)

    def client(self, service: str) -> Any:
        """Return a client of `service`, in botocore's name."""
        config = Config(retries={"max_attempts": 0}, parameter_validation=False)
        made = self._session.client(service, endpoint_url=_ENDPOINT, config=config)  # type: ignore[call-overload]
        made.meta.events.register("before-send", self._send)
        return made

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        split = urlsplit(request.url)
        body: Any = request.body or b""
        answer = self._tap.answer(
            Request(
                method=request.method,
                target=split.path + (f"?{split.query}" if split.query else ""),
                headers={
                    "host": split.netloc,
                    **{
                        str(name).lower(): value.decode() if isinstance(value, bytes) else str(value)
                        for name, value in request.headers.items()
                    },
                },
                body=body.encode() if isinstance(body, str) else body,
                source=self._source,
            )
        )
        return AWSResponse(request.url, answer.status, HTTPHeaders.from_pairs(answer.headers), _Raw(answer.body))
