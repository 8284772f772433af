"""The pool against a real PostgreSQL, and against one that falls silent."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from chaosgood_ext.stack.shop.shop.errors import DatabaseUnavailable
from chaosgood_ext.stack.shop.shop.pool import KINDS, Pool, classify
from chaosgood_ext.stack.shop.shop.settings import Settings

from .conftest import Gate, Postgres, free_port, wait_for

pytestmark = pytest.mark.usefixtures("postgres")


@pytest.fixture
def settings(postgres: Postgres, database: str) -> Settings:
    environment = {"PORT": "0", "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(postgres.port)}
    return Settings.from_environment({**environment, "DATABASE_NAME": database, "POOL_SIZE": "2", "POOL_WAIT_S": "0.3"})


@pytest.fixture
def pool(settings: Settings) -> Iterator[Pool]:
    made = Pool(settings)
    yield made
    made.close()


def backend(pool: Pool) -> int:
    with pool.transaction("test") as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return int(row[0])


def test_young_connection_is_used_again(pool: Pool) -> None:
    assert backend(pool) == backend(pool)


def test_old_connection_is_replaced_at_the_next_use(settings: Settings) -> None:
    pool = Pool(dataclasses.replace(settings, pool_max_lifetime_s=0.2))
    first = backend(pool)
    began = time.monotonic()
    wait_for(lambda: backend(pool) != first, "another connection", deadline_s=2)
    assert 0.1 < time.monotonic() - began < 1
    pool.close()


def test_connections_retire_at_different_times(settings: Settings) -> None:
    stamps: list[dict[str, float]] = []

    class Record:
        def __init__(self) -> None:
            self.info: dict[str, float] = {}
            stamps.append(self.info)

    pool = Pool(settings)
    now = time.monotonic()
    for _ in range(50):
        pool._stamp_expiry(None, Record())
    lives = [stamp["expires"] - now for stamp in stamps]
    assert 4 <= min(lives) < 4.5 < max(lives) <= 5.1


def test_silent_database_costs_the_connect_timeout_and_no_more(settings: Settings, gate: Gate) -> None:
    gate.fall_silent()
    pool = Pool(dataclasses.replace(settings, database_port=gate.port))
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable) as raised:
        backend(pool)
    assert raised.value.kind == "connect_timeout"
    assert 1.9 < time.monotonic() - began < 2.5


def test_open_connection_outlives_the_silence_until_it_retires(settings: Settings, gate: Gate) -> None:
    pool = Pool(dataclasses.replace(settings, database_port=gate.port, pool_max_lifetime_s=1.0))
    first = backend(pool)
    gate.fall_silent()
    assert backend(pool) == first

    def used_until_lost() -> str:
        try:
            assert backend(pool) == first
        except DatabaseUnavailable as error:
            return error.kind
        return ""

    assert wait_for(used_until_lost, "the end of the connection", deadline_s=4) == "connect_timeout"


def test_first_use_after_the_silence_succeeds(settings: Settings, gate: Gate) -> None:
    pool = Pool(dataclasses.replace(settings, database_port=gate.port))
    gate.fall_silent()
    with pytest.raises(DatabaseUnavailable):
        backend(pool)
    gate.open()
    began = time.monotonic()
    assert backend(pool)
    assert time.monotonic() - began < 0.5
    pool.close()


def test_no_more_connections_than_the_pool_may_hold(pool: Pool) -> None:
    with pool.transaction("one"), pool.transaction("two"):
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="pool_exhausted"):
            backend(pool)
        assert 0.25 < time.monotonic() - began < 1


def test_waiting_request_gets_the_connection_that_is_given_back(settings: Settings) -> None:
    pool = Pool(dataclasses.replace(settings, pool_size=1, pool_wait_s=5))
    lent, give_back = threading.Event(), threading.Event()

    def hold() -> None:
        with pool.transaction("hold"):
            lent.set()
            give_back.wait(5)

    holder = threading.Thread(target=hold)
    holder.start()
    assert lent.wait(5)
    threading.Timer(0.1, give_back.set).start()
    assert backend(pool)
    holder.join()
    pool.close()


def test_failed_block_leaves_no_trace(pool: Pool) -> None:
    with pool.transaction("test") as connection:
        connection.execute("CREATE TABLE trace (n integer)")
    with pytest.raises(ZeroDivisionError), pool.transaction("test") as connection:
        assert connection.execute("INSERT INTO trace VALUES (1)").rowcount / 0
    with pool.transaction("test") as connection:
        assert connection.execute("SELECT count(*) FROM trace").fetchone()[0] == 0


def test_slow_statement_is_cancelled_and_its_connection_kept(settings: Settings) -> None:
    pool = Pool(dataclasses.replace(settings, statement_timeout_s=0.2))
    first = backend(pool)
    with pytest.raises(DatabaseUnavailable, match="statement_timeout"), pool.transaction("test") as connection:
        connection.execute("SELECT pg_sleep(5)")
    assert backend(pool) == first


def test_connection_that_the_server_ends_is_not_lent_again(pool: Pool, postgres: Postgres) -> None:
    first = backend(pool)
    with postgres.connect("postgres") as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [first])
    with pytest.raises(DatabaseUnavailable, match=r"admin_shutdown|connection_lost"):
        backend(pool)
    assert backend(pool) != first


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"database_port": free_port()}, "connection_refused"),
        ({"database_host": "database.invalid"}, "name_resolution"),
        ({"database_name": "nowhere"}, "no_such_database"),
    ],
)
def test_cause_has_a_name(settings: Settings, changes: dict[str, object], kind: str) -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        backend(Pool(dataclasses.replace(settings, **changes)))  # type: ignore[arg-type]
    assert raised.value.kind == kind
    assert kind in KINDS


def test_full_database_has_a_name(settings: Settings, postgres: Postgres) -> None:
    held, pools = [], []

    def fill() -> None:
        with suppress(psycopg.OperationalError):
            while True:
                held.append(psycopg.connect(host="127.0.0.1", port=postgres.port, user="shop", dbname="postgres"))

    try:
        # A connection that somebody closed before may give its slot back after the others were refused.
        with pytest.raises(DatabaseUnavailable, match="too_many_connections"):  # noqa: PT012
            while True:
                fill()
                pools.append(Pool(settings))
                backend(pools[-1])
    finally:
        for connection in held:
            connection.close()


def test_vanishing_packets_end_an_open_connection(settings: Settings) -> None:
    """What a network ACL does: the socket asks the kernel to give up on unacknowledged data."""
    pool = Pool(settings)
    with pool.transaction("test") as connection, socket.socket(fileno=connection.fileno()) as tcp:
        timeout_ms = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        tcp.detach()
    assert timeout_ms == 2000


def test_unknown_failure_counts_as_a_lost_connection() -> None:
    assert classify(psycopg.OperationalError("server closed the connection unexpectedly")).kind == "connection_lost"
