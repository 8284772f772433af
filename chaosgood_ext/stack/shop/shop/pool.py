"""How the shop reaches PostgreSQL: a pool whose connections are short-lived, and errors that name their cause.

Connections retire young on purpose. A firewall that stops new connections leaves tracked ones alone (so do security
groups: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html), and a pool that
never reconnects would hide that for hours.

Nothing here backs off: while the database is away every request makes one attempt of its own, bounded in time and, by
the pool's size, in number; so the first request after the database is back succeeds.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from . import metrics
from .errors import DatabaseUnavailable
from .settings import Settings

Connection = psycopg.Connection[Any]

# A connection lives for this part of the longest lifetime at least, so that they do not all retire at once.
_SHORTEST_LIFE = 0.8

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (PoolTimeout, "pool_exhausted"),
    (psycopg.errors.ConnectionTimeout, "connect_timeout"),
    (psycopg.errors.QueryCanceled, "statement_timeout"),
)
# What libpq says when there is no connection yet, and so no SQLSTATE either.
_PHRASES = (
    ("remaining connection slots are reserved", "too_many_connections"),
    ("too many clients", "too_many_connections"),
    ("authentication failed", "authentication"),
    ("could not translate host name", "name_resolution"),
    ("resolve", "name_resolution"),
    ("refused", "connection_refused"),
    ("starting up", "starting_up"),
    ("shutting down", "shutting_down"),
    ("timeout expired", "connect_timeout"),
    ("does not exist", "no_such_database"),
)
KINDS = frozenset(kind for _, kind in (*_KINDS, *_PHRASES)) | {"connection_lost"}


def classify(error: Exception) -> DatabaseUnavailable:
    """Name the cause of `error`, which a connection attempt, the pool, or a statement raised."""
    cause = " ".join(str(error).split())
    for known, kind in _KINDS:
        if isinstance(error, known):
            return DatabaseUnavailable(kind, cause)
    if getattr(error, "sqlstate", None):
        return DatabaseUnavailable(re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower(), cause)
    kind = next((kind for phrase, kind in _PHRASES if phrase in cause), "connection_lost")
    return DatabaseUnavailable(kind, cause)


class Pool:
    """Connections to one database, at most `pool_size`, none older than `pool_max_lifetime_s`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = QueuePool(
            self._connect,  # type: ignore[arg-type]  # psycopg's connection is one, in wider types
            pool_size=settings.pool_size,
            max_overflow=0,
            timeout=settings.pool_wait_s,
        )
        event.listen(self._pool, "connect", self._stamp_expiry)
        event.listen(self._pool, "checkout", self._refuse_expired)
        for kind in KINDS:
            # A rate needs a series that was there before the first error.
            metrics.DATABASE_ERRORS.labels(kind)
        metrics.POOL_SIZE.set(settings.pool_size)
        metrics.POOL_CONNECTIONS.labels("in_use").set_function(self._pool.checkedout)
        metrics.POOL_CONNECTIONS.labels("idle").set_function(self._pool.checkedin)

    @contextmanager
    def transaction(self, operation: str) -> Iterator[Connection]:
        """Lend a connection for one transaction: committed at the end, rolled back when the block raises.

        The time it took is recorded under the name `operation`. Raises :class:`DatabaseUnavailable`, also for what
        fails inside the block, when there is no connection in time, it breaks, or a statement takes too long.
        """
        with metrics.QUERY_SECONDS.labels(operation).time():
            try:
                with self._lend() as connection, connection.transaction():
                    yield connection
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                unavailable = classify(error)
                metrics.DATABASE_ERRORS.labels(unavailable.kind).inc()
                raise unavailable from error

    @contextmanager
    def _lend(self) -> Iterator[Connection]:
        lent = self._pool.connect()
        connection: Connection = lent.dbapi_connection  # type: ignore[assignment]
        try:
            yield connection
        finally:
            if connection.closed:
                lent.invalidate()
            lent.close()

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.dispose()

    def _connect(self) -> Connection:
        settings = self._settings
        connection = psycopg.connect(
            host=settings.database_host,
            port=settings.database_port,
            dbname=settings.database_name,
            user=settings.database_user,
            password=settings.database_password,
            application_name="shop",
            connect_timeout=settings.connect_timeout_s,
            # An open connection whose packets vanish must not hang: unacknowledged data ends it as well.
            tcp_user_timeout=settings.connect_timeout_s * 1000,
            gssencmode="disable",
            options=f"-c statement_timeout={settings.statement_timeout_s * 1000:.0f}",
            autocommit=True,
            row_factory=namedtuple_row,
        )
        metrics.CONNECTIONS_OPENED.inc()
        return connection

    def _stamp_expiry(self, _connection: object, record: Any) -> None:
        life = self._settings.pool_max_lifetime_s * random.uniform(_SHORTEST_LIFE, 1)  # noqa: S311
        record.info["expires"] = time.monotonic() + life

    def _refuse_expired(self, _connection: object, record: Any, _proxy: object) -> None:
        if time.monotonic() >= record.info["expires"]:
            metrics.CONNECTIONS_RETIRED.inc()
            # The pool's own way to have a connection replaced; it replaces this one only.
            raise DisconnectionError
