"""The web tier's nginx and mtail, with the real configuration; only machine paths and ports are changed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from .conftest import Programs, free_port, wait_for


@dataclass(frozen=True)
class Web:
    port: int
    status_port: int
    configuration: Path
    access_log: Path

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=30)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]

    def line(self) -> dict[str, object]:
        """The only line, which nginx writes after it has answered."""
        (only,) = wait_for(self.lines, "a line in the access log")
        return only


class Application(BaseHTTPRequestHandler):
    """Answers as the path says: /status/503, or /echo with the request's headers."""

    def do_GET(self) -> None:
        kind, _, argument = self.path.strip("/").partition("/")
        self.send_response(int(argument) if kind == "status" else 200)
        body = json.dumps(dict(self.headers)).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def application() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture
def start_web(programs: Programs, stack_copy: Path, tmp_path: Path) -> Iterator[Callable[[int], Web]]:
    """Start nginx in front of an application on the given port."""
    with ExitStack() as running:

        def start(application_port: int) -> Web:
            web = Web(free_port(), free_port(), stack_copy / "web/etc/nginx/nginx.conf", tmp_path / "access.log")
            text = web.configuration.read_text()
            for find, replace in {
                "user www-data;": "user root;",
                "pid /run/nginx.pid;": f"pid {tmp_path}/pid;",
                "/var/log/nginx/access.log": str(web.access_log),
                "/var/log/nginx/error.log": f"{tmp_path}/error.log",
                "http {": "http {" + "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in _TEMPORARY),
                "listen 80;": f"listen 127.0.0.1:{web.port};",
                "listen 127.0.0.1:8080;": f"listen 127.0.0.1:{web.status_port};",
                "http://app.chaosgood.internal": f"http://127.0.0.1:{application_port}",
            }.items():
                assert text.count(find) == 1, find
                text = text.replace(find, replace)
            web.configuration.write_text(text)
            arguments = ("-e", tmp_path / "error.log", "-c", web.configuration)
            checked = programs.run("nginx", *arguments, "-t")
            assert checked.returncode == 0, checked.stdout
            assert "warn" not in checked.stdout
            running.enter_context(
                programs.running("nginx", *arguments, "-g", "daemon off;", log=tmp_path / "nginx.out")
            )
            wait_for(lambda: web.get("/health").ok, "nginx answers")
            return web

        yield start


_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def test_health_is_nginx_own_and_not_in_the_log(start_web: Callable[[int], Web]) -> None:
    web = start_web(free_port())
    assert web.get("/health").text == "ok\n"
    assert web.lines() == []


def test_user_gets_the_applications_own_answer(start_web: Callable[[int], Web], application: int) -> None:
    web = start_web(application)
    for status in (200, 404, 500, 503):
        assert web.get(f"/status/{status}").status_code == status


def test_application_learns_who_asked_and_under_which_id(start_web: Callable[[int], Web], application: int) -> None:
    web = start_web(application)
    headers = web.get("/echo", **{"X-Forwarded-For": "198.51.100.7", "Host": "shop.example"}).json()
    assert headers["Host"] == "shop.example"
    assert headers["X-Forwarded-For"] == "198.51.100.7, 127.0.0.1"
    line = web.line()
    assert headers["X-Request-Id"] == line["request_id"]
    assert (line["method"], line["path"], line["status"], line["upstream_status"]) == ("GET", "/echo", 200, "200")


def test_application_that_refuses_is_502(start_web: Callable[[int], Web]) -> None:
    assert start_web(free_port()).get("/").status_code == 502


def test_log_line_is_json_whatever_a_user_sends(start_web: Callable[[int], Web], application: int) -> None:
    web = start_web(application)
    web.get('/"\\,"status":999?x={y}', **{"User-Agent": '"}\\ \t{'})
    assert web.line()["user_agent"] == '"}\\ \t{'


def test_mtail_counts_what_users_got(
    start_web: Callable[[int], Web], application: int, programs: Programs, stack_copy: Path, tmp_path: Path
) -> None:
    web = start_web(application)
    port = free_port()
    arguments = ("--progs", stack_copy / "web/etc/mtail", "--logs", web.access_log, "--logtostderr")
    address = ("--address", "127.0.0.1", "--port", str(port), "--poll_interval", "100ms")

    def counted() -> dict[str, float]:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        found = re.findall(r'^nginx_http_requests_total\{method="GET",.*status="(\w+)"\} (\d+)$', text, re.MULTILINE)
        return {status: float(value) for status, value in found}

    with programs.running("mtail", *arguments, *address, log=tmp_path / "mtail.out"):
        wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).ok, "mtail answers")
        web.get("/status/200")
        # The series of errors begins with the first request, so that a rate sees the first error.
        wait_for(lambda: counted() == {"2xx": 1, "5xx": 0}, "the first request is counted")
        for status in (200, 303, 404, 503, 503):
            requests.get(f"http://127.0.0.1:{web.port}/status/{status}", timeout=5, allow_redirects=False)
        wait_for(lambda: counted() == {"2xx": 2, "3xx": 1, "4xx": 1, "5xx": 2}, "all requests are counted")
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        assert re.search(r'nginx_http_request_duration_seconds_count\{method="GET",.*\} 6', text)


def test_exporter_shows_connections(
    start_web: Callable[[int], Web], application: int, programs: Programs, tmp_path: Path
) -> None:
    web = start_web(application)
    port = free_port()
    source = f"-nginx.scrape-uri=http://127.0.0.1:{web.status_port}/stub_status"
    address = f"-web.listen-address=127.0.0.1:{port}"
    with programs.running("prometheus-nginx-exporter", source, address, log=tmp_path / "exporter.out"):
        text = wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text, "figures")
    assert "nginx_up 1" in text
    assert "nginx_connections_active" in text
