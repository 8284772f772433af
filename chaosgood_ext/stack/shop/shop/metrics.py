"""What Prometheus learns about the shop, from its page at ``/metrics``."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# When a series began is nothing that anybody asks here, and it doubles the page.
disable_created_metrics()  # type: ignore[no-untyped-call]

_REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_QUERY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

REQUESTS = Counter("http_requests", "Requests answered.", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "http_request_duration_seconds", "Time to answer a request.", ["route"], buckets=_REQUEST_BUCKETS_S
)
REQUESTS_IN_PROGRESS = Gauge("http_requests_in_progress", "Requests being answered now.")
REQUESTS_LIMIT = Gauge("http_requests_concurrent_limit", "Requests that may be answered at the same time.")
REQUESTS_REFUSED = Counter("http_requests_refused", "Requests refused because the limit was reached.")

QUERY_SECONDS = Histogram(
    "db_query_duration_seconds", "Time in the database, waiting for a connection included.", ["operation"],
    buckets=_QUERY_BUCKETS_S,
)  # fmt: skip
DATABASE_ERRORS = Counter("db_errors", "Failures to use the database, by their kind.", ["kind"])
POOL_CONNECTIONS = Gauge("db_pool_connections", "Pooled database connections by state.", ["state"])
POOL_SIZE = Gauge("db_pool_size", "Most connections that the pool may hold.")
CONNECTIONS_OPENED = Counter("db_connections_opened", "Connections opened to the database.")
CONNECTIONS_RETIRED = Counter("db_connections_retired", "Connections closed because of their age.")

ORDERS = Counter("shop_orders", "Orders placed.")
RESTOCKS = Counter("shop_restocks", "Deliveries booked because the stock ran low.")
