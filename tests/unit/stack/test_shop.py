"""The shop as a process: what its users, its load balancer and its operators see."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests

from .conftest import STACK, Gate, Postgres, Shop, free_port, wait_for

StartShop = Callable[..., Shop]


@pytest.fixture
def shop(start_shop: StartShop) -> Shop:
    made = start_shop()
    wait_for(made.serves, "the home page")
    return made


def test_visitor_finds_a_product_and_orders_it(shop: Shop) -> None:
    assert "/products/2" in shop.get("/").text
    product = shop.get("/products/2").text
    assert "Enamel mug" in product
    assert 'action="/orders"' in product
    form = {"product_id": "2", "quantity": "3", "customer": "Ada <3"}
    answer = requests.post(shop.url("/orders"), data=form, timeout=10)
    assert answer.history[0].status_code == 303
    assert "Thank you, Ada &lt;3." in answer.text
    assert "44.70" in answer.text


def test_api_serves_products_and_takes_orders(shop: Shop) -> None:
    products = shop.get("/api/products").json()["products"]
    assert [product["id"] for product in products] == list(range(1, 9))
    placed = shop.order(4, 2)
    assert placed.status_code == 201
    order = placed.json()
    assert order["amount_cents"] == 2 * products[3]["price_cents"]
    assert shop.get(f"/api/orders/{order['id']}").json() == order
    assert shop.get("/api/products/4").json()["stock"] == products[3]["stock"] - 2


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"product_id": 1}, 400, "quantity"),
        ({"product_id": 1, "quantity": 11}, 400, "from 1 to 10"),
        ({"product_id": 1, "quantity": True, "customer": "x" * 81}, 400, "80 characters"),
        ({"product_id": "nine", "quantity": 1}, 400, "product_id"),
        ([1, 2], 400, "JSON object"),
        ({"product_id": 99, "quantity": 1}, 404, "no such product"),
    ],
)
def test_bad_order_is_refused_with_the_reason(shop: Shop, body: object, status: int, words: str) -> None:
    answer = requests.post(shop.url("/api/orders"), json=body, timeout=10)
    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_what_is_not_there_is_a_page_for_people_and_json_for_programs(shop: Shop) -> None:
    assert "<h1>Not Found</h1>" in shop.get("/products/99").text
    assert shop.get("/api/orders/99").json()["error"] == "There is no such order."


def test_every_request_is_one_json_line_with_the_callers_request_id(shop: Shop) -> None:
    requests.get(shop.url("/products/3"), headers={"X-Request-Id": "abc"}, timeout=10)
    line = wait_for(
        lambda: [line for line in shop.logs() if line.get("request_id") == "abc"], "the line of request abc"
    )[0]
    assert line.pop("duration_ms")
    assert str(line.pop("time")).endswith("Z")
    event = {"level": "INFO", "message": "request", "request_id": "abc"}
    assert line == {**event, "method": "GET", "path": "/products/3", "status": 200}


def test_figures_tell_requests_queries_and_pool(shop: Shop) -> None:
    shop.order()
    assert shop.metric('http_requests_total{method="POST",route="/api/orders",status="201"}') == 1
    assert shop.metric('http_request_duration_seconds_count{route="/api/orders"}') == 1
    assert shop.metric('db_query_duration_seconds_count{operation="place_order"}') == 1
    assert shop.metric('db_pool_connections{state="idle"}') >= 1
    assert shop.metric("db_pool_size") == 8
    assert 'db_errors_total{kind="connect_timeout"} 0.0' in shop.get("/metrics").text


def test_shop_that_is_there_before_its_database_serves_when_it_comes(
    start_shop: StartShop, programs: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    late = Postgres(tmp_path_factory.mktemp("late"), programs, free_port())  # type: ignore[arg-type]
    late.initialise()
    shop = start_shop(DATABASE_PORT=late.port, DATABASE_NAME="postgres")
    assert shop.get("/health").status_code == 200
    assert shop.get("/").status_code == 503
    late.start()
    try:
        wait_for(shop.serves, "the home page", deadline_s=3)
    finally:
        late.stop()


def test_lost_database_is_503_with_the_cause_and_over_with_the_next_request(start_shop: StartShop, gate: Gate) -> None:
    shop = start_shop(DATABASE_PORT=gate.port, POOL_MAX_LIFETIME_S=0.5)
    wait_for(shop.serves, "the home page")
    gate.fall_silent()
    silent_since = time.monotonic()
    answers = [shop.get("/api/products")]
    wait_for(lambda: answers[-1].status_code == 503 or answers.append(shop.get("/api/products")), "a 503", 5)
    # Pool lifetime and connect timeout, and some time for the machine.
    assert time.monotonic() - silent_since < 0.5 + 2 + 0.7
    assert answers[-1].json()["kind"] == "connect_timeout"
    assert "503 Service Unavailable" in shop.get("/").text
    assert shop.get("/health").status_code == 200
    assert shop.metric('db_errors_total{kind="connect_timeout"}') >= 2
    errors = [line for line in shop.logs() if line["level"] == "ERROR"]
    assert "database unavailable (connect_timeout)" in str(errors[-1]["error"])
    gate.open()
    assert shop.get("/").status_code == 200


def test_more_requests_than_the_limit_are_refused_at_once_and_health_still_answers(
    start_shop: StartShop, gate: Gate
) -> None:
    shop = start_shop(DATABASE_PORT=gate.port, POOL_MAX_LIFETIME_S=0.2, MAX_CONCURRENT_REQUESTS=3)
    wait_for(shop.serves, "the home page")
    threading.Event().wait(0.25)  # the connections are past their age
    gate.fall_silent()
    with ThreadPoolExecutor(9) as crowd:
        waiting = [crowd.submit(shop.get) for _ in range(3)]
        wait_for(lambda: shop.metric("http_requests_in_progress") == 3, "three requests in progress", 2)
        began = time.monotonic()
        refused = [crowd.submit(shop.get, "/api/products") for _ in range(4)]
        answers = [answer.result() for answer in refused]
        assert time.monotonic() - began < 1
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"] for answer in answers} == {"The shop is too busy at the moment."}
        assert shop.get("/health").status_code == 200
        assert {answer.result().status_code for answer in waiting} == {503}
    assert shop.metric("http_requests_refused_total") == 4
    gate.open()
    assert shop.get("/").status_code == 200


def test_outage_costs_no_more_connections_than_the_pool_holds(
    start_shop: StartShop, postgres: Postgres, database: str
) -> None:
    shop = start_shop(POOL_SIZE=3, POOL_MAX_LIFETIME_S=0.2)
    wait_for(shop.serves, "the home page")
    with ThreadPoolExecutor(10) as crowd:
        statuses = [answer.status_code for answer in crowd.map(lambda _: shop.get(), range(100))]
    assert set(statuses) == {200}
    with postgres.connect("postgres") as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [database]).fetchone()
    assert row is not None
    assert int(row[0]) <= 3  # type: ignore[call-overload]


def test_two_shops_that_start_at_once_share_one_stock(start_shop: StartShop) -> None:
    shops = [start_shop(), start_shop()]
    for shop in shops:
        wait_for(shop.serves, "the home page")
    assert shops[0].order(6, 4).status_code == 201
    assert shops[1].get("/api/products/6").json()["stock"] == 996


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_at_once_when_told_to(shop: Shop, number: signal.Signals) -> None:
    shop.process.send_signal(number)
    began = time.monotonic()
    assert shop.process.wait(5) == 0
    assert time.monotonic() - began < 1
    assert shop.logs()[-1]["message"] == "stopped"


def test_stops_promptly_with_requests_that_wait_for_a_silent_database(start_shop: StartShop, gate: Gate) -> None:
    shop = start_shop(DATABASE_PORT=gate.port, POOL_MAX_LIFETIME_S=0.1)
    wait_for(shop.serves, "the home page")
    threading.Event().wait(0.15)
    gate.fall_silent()
    with ThreadPoolExecutor(1) as crowd:
        waiting = crowd.submit(shop.get)
        wait_for(lambda: shop.metric("http_requests_in_progress") == 1, "a request in progress", 2)
        shop.process.terminate()
        began = time.monotonic()
        shop.process.wait(5)
        assert time.monotonic() - began < 1.8
        assert waiting.exception() or waiting.result()


def test_stays_small(shop: Shop) -> None:
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda _: shop.get(), range(200)))
    assert psutil.Process(shop.process.pid).memory_info().rss < 75 * 2**20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "80a"}, "PORT is '80a', which is no number"),
        ({"DATABASE_HOST": ""}, "DATABASE_HOST is missing"),
        ({"CONNECT_TIMEOUT_S": "1"}, "CONNECT_TIMEOUT_S is 1; it must be at least 2"),
        ({"POOL_SIZE": "0"}, "POOL_SIZE is 0; it must be at least 1"),
        ({"POOL_MAX_LIFETIME_S": "nan"}, "POOL_MAX_LIFETIME_S is nan; it must be at least 0.1"),
    ],
)
def test_unusable_setting_is_named_and_nothing_starts(settings: dict[str, str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shop"],
        cwd=STACK / "shop",
        env={"PORT": "0", "DATABASE_HOST": "127.0.0.1", **settings},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert words in done.stdout


def test_taken_port_is_one_clear_line(shop: Shop) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shop"],
        cwd=STACK / "shop",
        env={"PORT": str(shop.port), "DATABASE_HOST": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert f"cannot listen on port {shop.port}" in done.stdout
