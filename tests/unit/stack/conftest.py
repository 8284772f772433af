"""Real programs for the stack's tests: PostgreSQL, the shop as a process, and a gate between the two."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
import requests

import chaosgood_ext
from chaosgood_ext.twin import programs as twin_programs

T = TypeVar("T")
STACK = Path(chaosgood_ext.__file__).parent / "stack"


def wait_for(condition: Callable[[], T], what: str, deadline_s: float = 15) -> T:
    """Return the first true value of `condition`; fail with `what` when there is none in time."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        with suppress(OSError, psycopg.Error):
            if value := condition():
                return value
        threading.Event().wait(0.02)
    pytest.fail(f"not in {deadline_s} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# As in the twin: one user, who is root inside, and a /usr that has everything.
_LAY_OVER_USR = 'mount -t overlay -o lowerdir="$0"/usr:/usr,userxattr overlay /usr && exec "$@"'


@dataclass(frozen=True)
class Programs:
    """Programs in a mount namespace in which the twin's folder of programs is laid over /usr."""

    tree: Path

    def argv(self, *command: str | Path) -> list[str]:
        namespaces = ["unshare", "--user", "--map-root-user", "--mount"]
        return [*namespaces, "sh", "-c", _LAY_OVER_USR, str(self.tree), *map(str, command)]

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*command), cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60
        )

    @contextmanager
    def running(self, *command: str | Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        with log.open("wb") as output, subprocess.Popen(self.argv(*command), stdout=output, stderr=output) as process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()


@pytest.fixture(scope="session")
def programs() -> Programs:
    return Programs(twin_programs.ensure())


@dataclass
class Postgres:
    """A PostgreSQL of its own on a port of 127.0.0.1; `start` and `stop` may be called again and again."""

    folder: Path
    programs: Programs
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def initialise(self) -> None:
        self._run("initdb", "-D", self.data, "-A", "trust", "-N", "-U", "shop", "-E", "UTF8", "--locale=C")

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        settings = ("fsync=off", f"unix_socket_directories={self.folder}", "listen_addresses=127.0.0.1", *self.options)
        arguments = [word for setting in settings for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self._argv("postgres", "-D", self.data, "-p", str(self.port), *arguments),
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: self.connect("postgres").close() is None, "PostgreSQL answers")

    def stop(self) -> None:
        if self.process is not None:
            # PostgreSQL's "fast": sessions are ended, the data is written.
            self._run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")
            self.process.wait(10)
            self.process = None

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host="127.0.0.1", port=self.port, user="shop", dbname=database, autocommit=True)

    def make_database(self, name: str) -> str:
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return name

    def _run(self, *words: str) -> None:
        done = subprocess.run(self._argv(*words), capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def _argv(self, program: str, *arguments: str) -> list[str]:
        # PostgreSQL refuses to be root, so it gets another user in a namespace of its own.
        somebody = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
        return self.programs.argv(*somebody, f"/usr/lib/postgresql/15/bin/{program}", *arguments)


@pytest.fixture(scope="session")
def postgres(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"), programs, free_port(), ("max_connections=60",))
    server.initialise()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> str:
    """The name of an empty database."""
    return postgres.make_database(f"shop_{abs(hash(request.node.nodeid))}")


class Gate:
    """A door to a TCP server which can fall silent as a firewall does: new connections are dropped, open ones live.

    Silence is real: the kernel drops a SYN when the queue of a listening socket is full.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._open = threading.Event()
        self._open.set()
        self._drained = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self._listener.settimeout(0.02)
        self.port = int(self._listener.getsockname()[1])
        self._fillers: list[socket.socket] = []
        self._closed = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def fall_silent(self) -> None:
        self._open.clear()
        self._drained.clear()
        while not self._is_silent():
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def open(self) -> None:
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        self._open.set()
        assert self._drained.wait(5)

    def close(self) -> None:
        self.open()
        self._closed = True
        self._thread.join()
        self._listener.close()

    def _is_silent(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            try:
                probe.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return True
            return False

    def _accept(self) -> None:
        while not self._closed:
            if not self._open.wait(0.02):
                continue
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                self._drained.set()
                continue
            with suppress(OSError):
                server = socket.create_connection(("127.0.0.1", self._target_port))
                for source, sink in ((client, server), (server, client)):
                    source.settimeout(None)
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def gate(postgres: Postgres) -> Iterator[Gate]:
    made = Gate(postgres.port)
    yield made
    made.close()


@dataclass
class Shop:
    """The shop as a process."""

    process: subprocess.Popen[str]
    log_path: Path
    port: int = 0

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def get(self, path: str = "/") -> requests.Response:
        return requests.get(self.url(path), timeout=10)

    def order(self, product_id: int = 1, quantity: int = 1) -> requests.Response:
        wanted = {"product_id": product_id, "quantity": quantity}
        return requests.post(self.url("/api/orders"), json=wanted, timeout=10)

    def metric(self, series: str) -> float:
        for line in self.get("/metrics").text.splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return 0.0

    def logs(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def serves(self) -> bool:
        return self.get().status_code == 200


@pytest.fixture
def start_shop(tmp_path: Path, postgres: Postgres, database: str) -> Iterator[Callable[..., Shop]]:
    """Start shops on free ports; keywords are environment variables of theirs."""
    with ExitStack() as stack:
        made: list[Shop] = []

        def start(**settings: object) -> Shop:
            log_path = tmp_path / f"shop-{len(made)}.log"
            environment = {
                "PORT": "0",
                "DATABASE_HOST": "127.0.0.1",
                "DATABASE_PORT": str(postgres.port),
                "DATABASE_NAME": database,
                **{name: str(value) for name, value in settings.items()},
            }
            with log_path.open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "shop"],
                    cwd=STACK / "shop",
                    env={**os.environ, **environment},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            stack.callback(process.wait, 5)
            stack.callback(process.kill)
            shop = Shop(process, log_path)
            made.append(shop)
            listening = wait_for(
                lambda: [line for line in shop.logs() if line["message"] == "listening"], "the shop listens"
            )
            shop.port = int(str(listening[0]["port"]))
            return shop

        yield start


@pytest.fixture
def stack_copy(tmp_path: Path) -> Path:
    """A copy of the stack's folder in which a test may change machine paths and ports."""
    return Path(shutil.copytree(STACK, tmp_path / "stack"))
