"""Orders and stock in a real PostgreSQL: what many at once do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chaosgood_ext.stack.shop.shop import store as store_module
from chaosgood_ext.stack.shop.shop.errors import DatabaseUnavailable, NoSuchOrder, NoSuchProduct, OutOfStock
from chaosgood_ext.stack.shop.shop.pool import Pool
from chaosgood_ext.stack.shop.shop.settings import Settings
from chaosgood_ext.stack.shop.shop.store import Store

from .conftest import Postgres


@pytest.fixture
def make_store(postgres: Postgres, database: str) -> Iterator[Callable[[], Store]]:
    pools: list[Pool] = []

    def make() -> Store:
        environment = {"PORT": "0", "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(postgres.port)}
        pools.append(Pool(Settings.from_environment({**environment, "DATABASE_NAME": database})))
        return Store(pools[-1])

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    made = make_store()
    made.migrate()
    return made


def count(postgres: Postgres, database: str, query: str) -> int:
    with postgres.connect(database) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])  # type: ignore[call-overload]


def unbalanced(postgres: Postgres, database: str) -> int:
    """How many products whose stock is not what was delivered less what was ordered."""
    return count(
        postgres,
        database,
        "SELECT count(*) FROM products p WHERE stock <> "
        "(SELECT sum(quantity) FROM deliveries d WHERE d.product_id = p.id) - "
        "(SELECT coalesce(sum(quantity), 0) FROM orders o WHERE o.product_id = p.id)",
    )


def test_order_takes_from_the_stock_and_can_be_read_again(store: Store) -> None:
    order = store.place_order(2, 3, "Ada")
    assert (order.product_name, order.quantity, order.amount_cents, order.customer) == ("Enamel mug", 3, 4470, "Ada")
    assert store.order(order.id) == order
    assert store.product(2).stock == 997


def test_what_is_not_there_has_a_name(store: Store) -> None:
    with pytest.raises(NoSuchProduct):
        store.product(99)
    with pytest.raises(NoSuchProduct):
        store.place_order(99, 1, "Ada")
    with pytest.raises(NoSuchOrder):
        store.order(99)


def test_concurrent_orders_never_sell_what_is_not_there(
    store: Store, postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RESTOCK_QUANTITY", 0)

    def order(_: int) -> int:
        try:
            return store.place_order(1, 9, "crowd").quantity
        except OutOfStock:
            return 0

    with ThreadPoolExecutor(8) as crowd:
        sold = sum(crowd.map(order, range(130)))
    assert sold == 999
    assert store.product(1).stock == 1
    assert unbalanced(postgres, database) == 0


def test_low_stock_is_replenished_with_the_order_that_made_it_low(
    store: Store, postgres: Postgres, database: str
) -> None:
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(lambda _: store.place_order(1, 10, "crowd"), range(200)))
    # 1000 there, 2000 ordered; each time less than 100 were left, 1000 came.
    assert store.product(1).stock == 1000
    assert count(postgres, database, "SELECT count(*) FROM deliveries WHERE product_id = 1") == 3
    assert unbalanced(postgres, database) == 0


def test_shops_that_start_together_make_the_schema_once(
    make_store: Callable[[], Store], postgres: Postgres, database: str
) -> None:
    stores = [make_store() for _ in range(8)]
    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(Store.migrate, stores))
    assert [product.stock for product in stores[0].products()] == [1000] * 8
    assert count(postgres, database, "SELECT count(*) FROM deliveries") == 8


def test_migration_leaves_orders_and_stock_alone(store: Store) -> None:
    order = store.place_order(5, 7, "Ada")
    store.migrate()
    assert store.product(5).stock == 993
    assert store.order(order.id) == order


def test_before_the_migration_nothing_is_asked_of_the_database(make_store: Callable[[], Store]) -> None:
    with pytest.raises(DatabaseUnavailable, match="starting_up"):
        make_store().products()


def test_the_ledger_shows_the_books_of_one_moment(store: Store) -> None:
    first = store.place_order(1, 2, "Ada")
    store.place_order(1, 1, "Bob")
    ledger = store.ledger(until=first.id)
    assert (ledger.orders, ledger.last_order_id) == (1, first.id + 1)
    assert store.ledger().orders == 2
    account = ledger.accounts[0]
    assert (account.product_id, account.delivered, account.ordered, account.stock) == (1, 1000, 3, 997)
    assert all(each.stock == each.delivered - each.ordered for each in ledger.accounts)
