"""The instance metadata service at 169.254.169.254, version 2 only, as the launch templates require it.

Programs on an instance get its role's credentials from it, and whoever is on a host can ask it who it is.
Source: "Use the Instance Metadata Service to access instance metadata" in the Amazon EC2 User Guide.
"""

from __future__ import annotations

import http.server
import json
import secrets
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chaosgood_ext.twin.cloud.identities import Credentials

ADDRESS = "169.254.169.254"
_SESSION_S = 6 * 3600
_REFRESH_BEFORE_S = 1800
_MAX_TOKEN_S = 21600
_TTL = "X-aws-ec2-metadata-token-ttl-seconds"


@dataclass(frozen=True)
class About:
    """What an instance may know of itself."""

    instance_id: str
    instance_type: str
    address: str
    hostname: str
    availability_zone: str
    image_id: str
    security_groups: tuple[str, ...]
    role: str
    tags: Mapping[str, str] = field(default_factory=dict)
    user_data: str = ""


Find = Callable[[str], About | None]
"""Returns the instance with this private address."""

Assume = Callable[[str, str, int], Credentials]
"""Opens a session of a role: its name, the session's name, and how long it lasts in seconds."""


@dataclass(frozen=True)
class Page:
    """An answer: HTTP status and text."""

    status: int
    text: str


class Metadata:
    """Answers requests by the address they come from; keeps tokens and each instance's credentials."""

    def __init__(self, region: str, account_id: str, find: Find, assume: Assume) -> None:
        self._region = region
        self._account_id = account_id
        self._find = find
        self._assume = assume
        self._tokens: dict[str, tuple[str, float]] = {}
        self._sessions: dict[str, tuple[Credentials, float]] = {}
        self._lock = threading.Lock()

    def token(self, source: str, ttl: str) -> Page:
        """Answer `PUT /latest/api/token`: a token for requests from `source`, for `ttl` seconds (1 to 21600)."""
        if not ttl.isdigit() or not 1 <= int(ttl) <= _MAX_TOKEN_S:
            return Page(400, "Bad Request")
        token = secrets.token_urlsafe(40)
        with self._lock:
            now = time.time()
            self._tokens = {one: value for one, value in self._tokens.items() if value[1] > now}
            self._tokens[token] = (source, now + int(ttl))
        return Page(200, token)

    def get(self, source: str, token: str, path: str) -> Page:
        """Answer `GET path`; 401 without a token that was given to `source`, 404 for what there is not."""
        owner, expires = self._tokens.get(token, ("", 0.0))
        if owner != source or expires < time.time():
            return Page(401, "Unauthorized")
        about = self._find(source)
        if about is None:
            return Page(404, "Not Found")
        if path.rstrip("/") == "/latest/dynamic/instance-identity/document":
            return Page(200, json.dumps(self._document(about), indent=2))
        if path == "/latest/user-data" and about.user_data:
            return Page(200, about.user_data)
        prefix = "/latest/meta-data"
        if not path.startswith(prefix):
            return Page(404, "Not Found")
        return self._leaf(about, path.removeprefix(prefix).strip("/"))

    def _leaf(self, about: About, path: str) -> Page:
        role_path = f"iam/security-credentials/{about.role}"
        leaves: dict[str, Callable[[], str]] = {
            "ami-id": lambda: about.image_id,
            "hostname": lambda: f"{about.hostname}.ec2.internal",
            "instance-id": lambda: about.instance_id,
            "instance-type": lambda: about.instance_type,
            "local-hostname": lambda: f"{about.hostname}.ec2.internal",
            "local-ipv4": lambda: about.address,
            "placement/availability-zone": lambda: about.availability_zone,
            "placement/region": lambda: self._region,
            "security-groups": lambda: "\n".join(about.security_groups),
            **({role_path: lambda: json.dumps(self._credentials(about), indent=2)} if about.role else {}),
            **{f"tags/instance/{key}": (lambda value=value: value) for key, value in about.tags.items()},  # type: ignore[misc]
        }
        if path in leaves:
            return Page(200, leaves[path]())
        below = f"{path}/" if path else ""
        children = sorted(
            {
                rest.split("/")[0] + ("/" if "/" in rest else "")
                for rest in (leaf.removeprefix(below) for leaf in leaves if leaf.startswith(below))
            }
        )
        return Page(200, "\n".join(children)) if children else Page(404, "Not Found")

    def _document(self, about: About) -> dict[str, str]:
        return {
            "accountId": self._account_id,
            "architecture": "x86_64",
            "availabilityZone": about.availability_zone,
            "imageId": about.image_id,
            "instanceId": about.instance_id,
            "instanceType": about.instance_type,
            "privateIp": about.address,
            "region": self._region,
        }

    def _credentials(self, about: About) -> dict[str, str]:
        with self._lock:
            credentials, expires = self._sessions.get(about.instance_id, (None, 0.0))
            if credentials is None or expires - time.time() < _REFRESH_BEFORE_S:
                credentials = self._assume(about.role, about.instance_id, _SESSION_S)
                expires = time.time() + _SESSION_S
                self._sessions[about.instance_id] = (credentials, expires)
        return {
            "Code": "Success",
            "LastUpdated": _stamp(expires - _SESSION_S),
            "Type": "AWS-HMAC",
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "Expiration": _stamp(expires),
        }

    def serve(self, address: str = ADDRESS, port: int = 80) -> None:
        """Answer HTTP on `address` from threads of its own, for as long as the process lives."""
        metadata = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:  # the base class's name
                ttl = self.headers.get(_TTL, "")
                known = self.path == "/latest/api/token"
                self._send(metadata.token(self.client_address[0], ttl) if known else Page(404, "Not Found"))

            def do_GET(self) -> None:
                token = self.headers.get("X-aws-ec2-metadata-token", "")
                self._send(metadata.get(self.client_address[0], token, self.path))

            def _send(self, page: Page) -> None:
                body = page.text.encode()
                self.send_response_only(page.status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                if self.command == "PUT":
                    self.send_header(_TTL, self.headers.get(_TTL, ""))  # AWS's SDK for Go insists on it
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
            daemon_threads = True
            allow_reuse_address = True

        server = Server((address, port), Handler)
        threading.Thread(target=server.serve_forever, name="metadata", daemon=True).start()


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
