"""Locust for real, against a small server: it starts, it is seen, it ends at once, and it never outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest

from chaosgood_ext.errors import BadInput, GameError
from chaosgood_ext.load import process
from chaosgood_ext.load.actions import start_load, stop_load
from chaosgood_ext.load.probes import load_is_offered


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = 15) -> None:
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {deadline_s} s: {what}"
        threading.Event().wait(0.02)


class Shop:
    """Answers as the shop does, or 503, and counts."""

    def __init__(self) -> None:
        shop = self
        self.seen: Counter[str] = Counter()
        self.broken = False

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(200)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(303 if self.path == "/orders" else 201)

            def answer(self, status: int) -> None:
                shop.seen[f"{self.command} {self.path}"] += 1
                self.send_response(503 if shop.broken else status)
                self.send_header("Content-Length", "0")
                if status == 303:
                    self.send_header("Location", "/orders/1")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def requests(self) -> int:
        return self.seen.total()


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.server.shutdown()


@pytest.fixture(autouse=True)
def game(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CHAOSGOOD_GAME", str(tmp_path))
    yield tmp_path
    stop_load()


def figures(game: Path) -> dict[str, int]:
    rows = (game / "load/requests_stats_history.csv").read_text().splitlines()
    last = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    return {name: int(last[f"Total {name}"]) for name in ("Request Count", "Failure Count")}


def test_users_browse_view_and_order_at_a_constant_rate(shop: Shop) -> None:
    start_load(shop.url, users=10, requests_per_s=25)
    wait_for(lambda: shop.requests >= 30, "the first requests")
    began, before = time.monotonic(), shop.requests
    wait_for(lambda: shop.requests >= before + 75, "75 requests more", 6)
    assert 20 < (shop.requests - before) / (time.monotonic() - began) < 30
    assert {"GET /", "GET /api/products", "POST /orders", "POST /api/orders"} <= set(shop.seen)
    assert any(path.startswith("GET /products/") for path in shop.seen)
    assert not any(path.startswith("GET /orders/") for path in shop.seen)


def test_errors_are_counted_as_failures(shop: Shop, game: Path) -> None:
    start_load(shop.url)
    assert figures(game)["Failure Count"] == 0
    shop.broken = True
    wait_for(lambda: figures(game)["Failure Count"] > 20, "failures")
    assert stop_load()
    assert "answered 503" in (game / "load/requests_failures.csv").read_text()


def test_load_stops_at_once_and_its_figures_stay(shop: Shop, game: Path) -> None:
    pid = start_load(shop.url)["pid"]
    assert load_is_offered()
    began = time.monotonic()
    assert stop_load()
    assert time.monotonic() - began < 1
    assert not psutil.pid_exists(int(str(pid)))
    after = shop.requests
    threading.Event().wait(0.3)
    assert shop.requests == after
    assert not load_is_offered()
    assert figures(game)["Request Count"] > 0
    assert "Aggregated" in (game / "load/locust.log").read_text()


def test_starting_twice_is_one_load_and_stopping_twice_is_harmless(shop: Shop) -> None:
    assert start_load(shop.url) == start_load(shop.url)
    assert stop_load() is True
    assert stop_load() is False


def test_new_load_is_not_judged_by_the_figures_of_the_last(shop: Shop) -> None:
    for _ in range(2):
        before = shop.requests
        start_load(shop.url)
        assert shop.requests > before
        stop_load()


def test_load_goes_on_in_the_background_when_the_thread_that_started_it_has_ended(shop: Shop) -> None:
    starter = threading.Thread(target=start_load, args=[shop.url])
    starter.start()
    starter.join()
    before = shop.requests
    wait_for(lambda: shop.requests > before + 25, "more requests", 3)


def test_url_comes_from_the_configuration(shop: Shop) -> None:
    start_load(configuration={"application_url": shop.url})
    assert load_is_offered()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "needs the application's URL"),
        ({"url": "shop.example"}, "'shop.example' is none"),
        ({"url": "http://x", "users": 0}, "0 users"),
        ({"url": "http://x", "requests_per_s": 0}, "0 requests a second"),
    ],
)
def test_load_that_cannot_be_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        start_load(**arguments)  # type: ignore[arg-type]


def test_locust_that_does_not_start_is_an_error_with_its_last_words(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "locustfile.py"
    broken.write_text("raise SystemError('no users today')")
    monkeypatch.setattr(process, "_LOCUSTFILE", broken)
    with pytest.raises(GameError, match=r"Locust ended when it was started: .*no users today"):
        start_load(shop.url)
    assert not load_is_offered()


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGKILL, "the load was ended by SIGKILL"), (signal.SIGTERM, "the load was ended by SIGTERM")],
)
def test_load_that_somebody_ended_says_how(number: int, said: str) -> None:
    load = ended_by(f"kill -{number:d} $$")
    assert load.lost() == said


@pytest.mark.parametrize(
    ("script", "said"), [("exit 3", r"status 3"), ("kill -SEGV $$", "SIGSEGV"), ("kill -ABRT $$", "SIGABRT")]
)
def test_load_that_ended_by_itself_is_nobodys_doing(script: str, said: str) -> None:
    with pytest.raises(GameError, match=rf"Locust ended by itself \({said}\).*locust.log"):
        ended_by(script).lost()


def test_load_that_the_kernel_killed_for_want_of_memory_is_nobodys_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    load = ended_by("kill -KILL $$")
    monkeypatch.setattr(process, "_killed_for_memory", lambda: load.out_of_memory + 1)
    with pytest.raises(GameError, match="too little memory"):
        load.lost()


def test_the_kernel_counts_whom_it_kills_for_want_of_memory() -> None:
    counted = [line for line in Path("/proc/vmstat").read_text().splitlines() if line.startswith("oom_kill ")]
    assert process._killed_for_memory() == int(counted[0].split()[1])


def ended_by(script: str) -> process.Load:
    """Load whose process, here a shell, has ended."""
    shell = subprocess.Popen(["bash", "-c", script])
    shell.wait()
    return process.Load(shell.pid, "", Path("load"), shell, None, process._killed_for_memory())


_PARENT = """
import signal, sys
from chaosgood_ext.load.actions import start_load
print(start_load(sys.argv[1])["pid"], flush=True)
signal.pause()
"""


@pytest.fixture
def parent(shop: Shop) -> Iterator[subprocess.Popen[str]]:
    """Another process that has started the load."""
    with subprocess.Popen([sys.executable, "-c", _PARENT, shop.url], stdout=subprocess.PIPE, text=True) as made:
        yield made
        made.kill()


def test_load_dies_with_a_parent_that_is_killed(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait(5)
    wait_for(lambda: not psutil.pid_exists(pid), "the end of Locust", 2)


def test_load_of_another_process_can_be_seen_and_stopped(parent: subprocess.Popen[str], shop: Shop) -> None:
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert load_is_offered()
    assert stop_load()
    wait_for(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "the end of Locust", 2)
    assert not load_is_offered()


def test_pid_of_somebody_else_is_left_alone(game: Path) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as somebody:
        (game / "load").mkdir()
        (game / "load/pid.json").write_text(json.dumps({"pid": somebody.pid, "started": "1"}))
        assert stop_load() is False
        assert somebody.poll() is None
        os.kill(somebody.pid, signal.SIGKILL)
