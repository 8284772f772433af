"""How many requests the shop answers at a time, and how it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import ThreadedTaskDispatcher  # type: ignore[import-untyped]

from . import metrics
from .web import REFUSED

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# /health and /metrics must answer while every other place is taken, and so must refusals.
_UNLIMITED = frozenset({"/health", "/metrics"})
_SPARE_THREADS = 4
_GRACE_S = 1.0


class Limited:
    """A WSGI application that answers 503 at once to requests above `limit` at the same time."""

    def __init__(self, app: WSGIApplication, limit: int) -> None:
        self._app = app
        self._places = threading.BoundedSemaphore(limit)
        metrics.REQUESTS_LIMIT.set(limit)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request; the place is free again when the application has returned."""
        if environ["PATH_INFO"] in _UNLIMITED:
            return self._app(environ, start_response)
        if not self._places.acquire(blocking=False):
            return self._refuse(environ, start_response)
        metrics.REQUESTS_IN_PROGRESS.inc()
        try:
            return self._app(environ, start_response)
        finally:
            metrics.REQUESTS_IN_PROGRESS.dec()
            self._places.release()

    def _refuse(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        metrics.REQUESTS_REFUSED.inc()
        environ[REFUSED] = True
        return self._app(environ, start_response)


class _PromptDispatcher(ThreadedTaskDispatcher):  # type: ignore[misc]  # waitress has no types
    def shutdown(self, cancel_pending: bool = True, timeout: float = _GRACE_S) -> Any:
        return super().shutdown(cancel_pending, timeout)


def serve(app: WSGIApplication, *, port: int, limit: int, on_ready: Callable[[int], None]) -> None:
    """Answer requests on all addresses until SystemExit is raised in this thread; then give those under way 1 s.

    `on_ready` is called with the port once requests are accepted; port 0 picks a free one. Raises OSError when the
    port is taken.
    """
    dispatcher = _PromptDispatcher()
    dispatcher.set_thread_count(limit + _SPARE_THREADS)
    server = create_server(
        Limited(app, limit),
        host="0.0.0.0",  # noqa: S104  # a container's port is published by its host
        port=port,
        threads=limit + _SPARE_THREADS,
        _dispatcher=dispatcher,
        ident="shop",
        backlog=256,
        connection_limit=1000,  # idle ones of load balancers count as well
        asyncore_use_poll=True,  # select(2) cannot watch that many
        channel_timeout=75,  # longer than a load balancer keeps an idle connection, so that it never races a close
        clear_untrusted_proxy_headers=False,
    )
    on_ready(int(server.effective_port))
    server.run()
