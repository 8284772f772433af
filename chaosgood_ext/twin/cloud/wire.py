"""What travels: requests, answers and errors, in the four protocols that AWS's services speak.

`Call` is a request of which service, action and caller are known. Its parameters are parsed only when
somebody asks for them, so that a call costs little more than it does on moto alone.
"""

from __future__ import annotations

import io
import json
import re
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest
from werkzeug.exceptions import HTTPException

from chaosgood_ext.twin.cloud import s3_names

if TYPE_CHECKING:
    from moto.core.model import OperationModel

    from chaosgood_ext.twin.cloud.identities import Identity

_SCOPE = re.compile(r"Credential=([^/\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_XML_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_XML_MESSAGE = re.compile(rb"<(?:Message|message)>(.*?)</(?:Message|message)>", re.S)
_READING = re.compile(
    r"^(Describe|Get|List|Lookup|Head|BatchGet|Search|Filter|Estimate|Simulate|Test|Validate|Check|Preview)"
)
_READING_TOO = {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "DiscoverInstances", "Query"}
# Signing names that are not the name of the service's model.
_MODELS = {
    "monitoring": "cloudwatch",
    "email": "ses",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
_ELB_V2 = "2015-12-01"


class AwsError(Exception):
    """An error as AWS's services give it: `code`, `message` and the HTTP `status`."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        self.code = code
        self.message = message
        self.status = status
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True)
class Request:
    """An HTTP request; header names are in lower case, `source` is the caller's IPv4 address."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    source: str

    @property
    def path(self) -> str:
        """The path of the target, not decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query string of the target, not decoded."""
        return self.target.partition("?")[2]

    @cached_property
    def form(self) -> dict[str, str]:
        """The fields of the query string and of a form body."""
        fields = {name: values[0] for name, values in parse_qs(self.query, keep_blank_values=True).items()}
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            body = parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
            fields.update((name, values[0]) for name, values in body.items())
        return fields

    def environ(self) -> dict[str, Any]:
        """Return the request as PEP 3333 wants it."""
        host, _, port = self.headers.get("host", "localhost").partition(":")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(self.path, "latin-1"),
            "QUERY_STRING": self.query,
            "RAW_URI": self.target,
            "REQUEST_URI": self.target,
            "REMOTE_ADDR": self.source,
            "SERVER_NAME": host,
            "SERVER_PORT": port or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(self.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            if name == "content-type":
                environ["CONTENT_TYPE"] = value
            elif name not in ("content-length", "transfer-encoding"):
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environ


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def request_id(self) -> str:
        """The request's id, as the caller was told it."""
        return next((value for name, value in self.headers if name.lower() == "x-amzn-requestid"), "")

    @cached_property
    def error(self) -> tuple[str, str] | None:
        """Code and message of an error answer, None of a good one."""
        if self.status < 400:
            return None
        if self.body.lstrip()[:1] == b"{":
            fields = json.loads(self.body)
            code = str(fields.get("__type") or fields.get("code") or self.status)
            message = str(fields.get("message") or fields.get("Message") or "")
            return code.rpartition("#")[2].partition(":")[0], message
        code_match, message_match = _XML_CODE.search(self.body), _XML_MESSAGE.search(self.body)
        return (
            code_match[1].decode() if code_match else str(self.status),
            message_match[1].decode("utf-8", "replace") if message_match else "",
        )


@dataclass(frozen=True)
class Scope:
    """What the signature of a request says: whose key, which region, which service."""

    access_key_id: str = ""
    region: str = ""
    signing_name: str = ""

    @classmethod
    def of(cls, request: Request) -> Scope:
        """Read the scope from the Authorization header, or from a presigned query; empty when there is
        none.
        """
        match = _SCOPE.search(request.headers.get("authorization", ""))
        if match is None:
            credential = request.form.get("X-Amz-Credential", "")
            match = _SCOPE.search(f"Credential={credential}")
        return cls(match[1], match[2], match[3].lower()) if match else cls()


@dataclass(frozen=True)
class Call:
    """A request of which is known who wants what of which service.

    `service` is botocore's name ("elbv2"), `signing_name` AWS's ("elasticloadbalancing"), as in event
    sources.
    """

    request: Request
    region: str
    signing_name: str
    service: str
    action: str
    identity: Identity
    time: float = field(default_factory=time.time)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def reads(self) -> bool:
        """Whether the action only reads, by CloudTrail's meaning of `readOnly`."""
        return self.action in _READING_TOO or _READING.match(self.action) is not None

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The parameters in the names of botocore's model; empty when the model does not know the action."""
        model = operation_model(self.service, self.action)
        if model is None or model.input_shape is None:
            return {}
        http = BackendRequest(self.request.environ())
        labels: dict[str, Any] = {}
        if self.service == "s3":
            _, labels = _s3_route(self.request)
        else:
            with suppress(HTTPException, NotImplementedError):
                labels = dict(get_service_router(self.service).match(http)[1])
        protocol = determine_request_protocol(model.service_model, http.content_type)
        parsed: dict[str, Any] = PROTOCOL_PARSERS[protocol](model).parse(
            {
                "method": http.method,
                "values": http.values,
                "headers": http.headers,
                "body": http.data,
                "url_path": http.path,
                "url_params": labels,
            }
        )
        return parsed


def service_of(request: Request, signing_name: str) -> str:
    """Return botocore's name of the service that a request is meant for."""
    if signing_name == "elasticloadbalancing":
        return "elbv2" if request.form.get("Version") == _ELB_V2 else "elb"
    return _MODELS.get(signing_name, signing_name)


def action_of(request: Request, service: str) -> str:
    """Return the action that a request asks for; empty when it cannot be told."""
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    action = request.form.get("Action")
    if action:
        return action
    if service == "s3":
        return _s3_route(request)[0]
    try:
        operation, _ = get_service_router(service).match(BackendRequest(request.environ()))
    except (HTTPException, NotImplementedError, UnknownServiceError):
        return ""
    return str(operation.name)


def _s3_route(request: Request) -> tuple[str, dict[str, str]]:
    return s3_names.route(request.method, request.path, request.query, request.headers)


@cache
def operation_model(service: str, action: str) -> OperationModel | None:
    """Return botocore's model of an action, None when there is none."""
    try:
        model: OperationModel = get_service_model(service).operation_model(action)
    except (UnknownServiceError, OperationNotFoundError):
        return None
    return model


def result(call: Call, values: Mapping[str, Any]) -> Answer:
    """Return `values`, in the names of botocore's model, in the protocol of the call."""
    model = operation_model(call.service, call.action)
    if model is None:
        raise AwsError("InvalidAction", f"The action {call.action} is not valid for this endpoint.")
    protocol = determine_request_protocol(model.service_model, call.request.headers.get("content-type"))
    written = get_serializer_class(call.service, protocol)(model).serialize(values)
    headers = {**written["headers"], "x-amzn-RequestId": call.id}
    return Answer(written["status_code"], tuple(headers.items()), _bytes(written["body"]))


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def failure(request: Request, service: str, error: AwsError) -> Answer:
    """Return an error in the protocol that the service speaks."""
    identifier = str(uuid.uuid4())
    if _speaks_json(request, service):
        body = json.dumps({"__type": error.code, "message": error.message})
        headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code)]
    else:
        inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        body = _XML_ERRORS.get(service, _XML_ERROR).format(inner=inner, id=identifier)
        headers = [("Content-Type", "text/xml")]
    headers.append(("x-amzn-RequestId", identifier))
    return Answer(error.status, tuple(headers), body.encode())


_XML_ERROR = "<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>{id}</RequestId></ErrorResponse>"
_XML_ERRORS = {
    "ec2": "<Response><Errors><Error>{inner}</Error></Errors><RequestID>{id}</RequestID></Response>",
    "s3": "<Error>{inner}<RequestId>{id}</RequestId></Error>",
}


def _speaks_json(request: Request, service: str) -> bool:
    if "json" in request.headers.get("content-type", "") or "x-amz-target" in request.headers:
        return True
    try:
        return "json" in str(get_service_model(service).protocol)
    except UnknownServiceError:
        return False
