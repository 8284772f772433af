"""A target for load balancer tests: what it does wrong depends on the path asked for.

`/health` answers with what the file given as second argument says (an HTTP status), so that a test can change it.
`/slow` answers when that file's neighbour with the suffix `.go` appears; the one with `.slow` says that it was asked.
"""

import socket
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    server = socket.create_server(("", int(sys.argv[1])))
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection, Path(sys.argv[2])), daemon=True).start()


def serve(connection: socket.socket, health: Path) -> None:
    with connection:
        while asked := read_head(connection):
            path = asked.split(b" ")[1].decode()
            if path == "/health":
                answer(connection, health.read_text().strip(), b"")
            elif path == "/silent":
                time.sleep(30)
            elif path == "/close":
                return
            elif path == "/garbage":
                connection.sendall(b"HTTP/1.1 200 OK\r\nthis is no header\r\n\r\n")
                return
            elif path == "/slow":
                health.with_suffix(".slow").touch()
                deadline = time.monotonic() + 30
                while not health.with_suffix(".go").exists() and time.monotonic() < deadline:
                    time.sleep(0.01)
                answer(connection, "200", b"slow")
            else:
                answer(connection, "200", asked)


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        head += chunk
    return head


def answer(connection: socket.socket, status: str, body: bytes) -> None:
    head = f"HTTP/1.1 {status} Whatever\r\nServer: misbehave\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


if __name__ == "__main__":
    main()
