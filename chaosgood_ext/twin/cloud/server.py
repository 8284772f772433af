"""The tap on a listening socket: HTTP/1.1 with connections kept open.

Werkzeug's own server closes the connection after every answer, which costs a client a new connection and the
server a new thread for each call.
"""

from __future__ import annotations

import http.server
import logging
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.cloud.wire import Request

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.tap import Tap

log = logging.getLogger(__name__)

_IDLE_S = 120
_OUTSIDE = "203.0.113.10"


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves a tap on `listener` from `start` to `stop`; a caller on the machine's loopback comes from the
    internet.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, tap: Tap, listener: socket.socket) -> None:
        socketserver.BaseServer.__init__(self, listener.getsockname(), _Handler)
        self.tap = tap
        self.socket = listener

    def start(self) -> None:
        """Serve in a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.1,), name="cloud-server", daemon=True).start()

    def stop(self) -> None:
        """Take no more calls, and close the listening socket."""
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log what went wrong with one connection (most often the client went away)."""
        log.debug("connection from %s ended badly", client_address, exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a second packet waits for the client's delayed acknowledgement
    wbufsize = -1
    timeout = _IDLE_S

    def _serve(self) -> None:
        source = str(self.client_address[0])
        request = Request(
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self._body(),
            source=_OUTSIDE if source.startswith("127.") else source,
        )
        answer = self.server.tap.answer(request)
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def __getattr__(self, name: str) -> Any:
        """Answer every method the same way; `http.server` asks for `do_GET` and so on."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def handle_expect_100(self) -> bool:
        """Send the interim answer at once: the client waits for it before it sends the body."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: the trail is the log."""
