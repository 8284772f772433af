"""What the shop's users do: they look around, view products, and order. Run by Locust, in a process of its own.

Users do not wait for each other, and each paces itself: the load stays constant while the shop answers in time.
`CHAOSGOOD_LOAD_RPS` (25) is the load of all users together in requests a second, `CHAOSGOOD_LOAD_USERS` (10) their
number. `CHAOSGOOD_LOAD_LIFELINE` may name a file descriptor: when its other end is closed, Locust ends at once.
"""

from __future__ import annotations

import os
import random
from typing import Any

import gevent  # type: ignore[import-untyped]
from gevent.os import tp_read  # type: ignore[import-untyped]
from locust import FastHttpUser, constant_throughput, events, stats, task

# Ten seconds by default; who looks at the files of a running game wants them fresh: they are written each second.
stats.CSV_STATS_FLUSH_INTERVAL_SEC = 0

_USERS = int(os.environ.get("CHAOSGOOD_LOAD_USERS", "10"))
_REQUESTS_PER_S = float(os.environ.get("CHAOSGOOD_LOAD_RPS", "25"))
_PRODUCTS = range(1, 9)


class Customer(FastHttpUser):
    """Browses pages, sometimes orders by the form, sometimes by the API, as a shop's own mobile client would."""

    wait_time = constant_throughput(_REQUESTS_PER_S / _USERS)
    # Slower than the load balancer's own time-outs, so that what a user sees is the shop's answer.
    network_timeout = 20.0
    connection_timeout = 5.0
    max_retries = 0
    max_redirects = 0

    def on_start(self) -> None:
        """Arrive at a moment of one's own: all users start together and would stay in step."""
        gevent.sleep(random.uniform(0, _USERS / _REQUESTS_PER_S))  # noqa: S311

    @task(5)
    def browse(self) -> None:
        """Look at the catalogue."""
        self._get("/", "/")

    @task(4)
    def view(self) -> None:
        """Look at one product."""
        self._get(f"/products/{random.choice(_PRODUCTS)}", "/products/[id]")  # noqa: S311

    @task(1)
    def search(self) -> None:
        """Read the catalogue as the mobile client does."""
        self._get("/api/products", "/api/products")

    @task(2)
    def order(self) -> None:
        """Order by the form; the confirmation page that follows is not counted."""
        wanted = {"product_id": random.choice(_PRODUCTS), "quantity": random.randint(1, 3), "customer": "load"}  # noqa: S311
        with self.client.post(
            "/orders", data=wanted, name="/orders", allow_redirects=False, catch_response=True
        ) as answer:
            _judge(answer, 303)

    @task(1)
    def order_by_api(self) -> None:
        """Order as the mobile client does."""
        wanted = {"product_id": random.choice(_PRODUCTS), "quantity": 1, "customer": "load"}  # noqa: S311
        with self.client.post("/api/orders", json=wanted, name="/api/orders", catch_response=True) as answer:
            _judge(answer, 201)

    def _get(self, path: str, name: str) -> None:
        with self.client.get(path, name=name, catch_response=True) as answer:
            _judge(answer, 200)


def _judge(answer, expected: int) -> None:  # type: ignore[no-untyped-def]  # Locust's own type is no public one
    if answer.status_code == expected:
        answer.success()
    elif answer.status_code == 0:
        answer.failure(f"no answer: {answer.error}")
    else:
        answer.failure(f"answered {answer.status_code}")


@events.init.add_listener  # type: ignore[untyped-decorator]
def _follow_lifeline(**_: Any) -> None:
    lifeline = os.environ.get("CHAOSGOOD_LOAD_LIFELINE")
    if lifeline:
        gevent.spawn(_end_with, int(lifeline))


def _end_with(lifeline: int) -> None:
    tp_read(lifeline, 1)
    # Whoever started this load is gone, so nobody wants its summary.
    os._exit(1)
