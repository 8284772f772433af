"""HTTP as seen from a host: what the daemon asks of programs inside, without leaving its own process."""

from __future__ import annotations

import http.client

from chaosgood_ext.twin.hosts.hosts import Host


def get(host: Host, address: str, port: int, path: str, *, name: str = "", timeout_s: float = 2.0) -> tuple[int, bytes]:
    """GET `path` from `address`:`port` out of `host`'s network namespace; return status and body.

    `name` is the Host header. Raises :class:`OSError` or :class:`http.client.HTTPException` where no answer came.
    """
    connection = http.client.HTTPConnection(name or address, port, timeout=timeout_s)
    sock = host.socket()
    try:
        sock.settimeout(timeout_s)
        sock.connect((address, port))
        connection.sock = sock
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
        sock.close()
