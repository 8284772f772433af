"""What the shop does in its database: show products, take orders, keep enough in stock."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from . import metrics
from .errors import DatabaseUnavailable, NoSuchOrder, NoSuchProduct, OutOfStock
from .pool import Pool

MOST_PER_ORDER = 10
RESTOCK_BELOW = 100
RESTOCK_QUANTITY = 1000
_MIGRATION_LOCK = 0x5A0F
_LEDGER = """
    SELECT products.id, stock, coalesce(delivered, 0)::int AS delivered, coalesce(ordered, 0)::int AS ordered,
           orders, last_order_id
    FROM products
    LEFT JOIN (SELECT product_id, sum(quantity) AS delivered FROM deliveries GROUP BY 1) d ON d.product_id = products.id
    LEFT JOIN (SELECT product_id, sum(quantity) AS ordered FROM orders GROUP BY 1) o ON o.product_id = products.id
    CROSS JOIN (
        SELECT count(*) FILTER (WHERE id <= coalesce(%(until)s::bigint, id))::int AS orders,
               coalesce(max(id), 0) AS last_order_id
        FROM orders
    ) AS counted
    ORDER BY products.id
"""


@dataclass(frozen=True)
class Product:
    """Something for sale; `stock` counts what is left."""

    id: int
    name: str
    description: str
    price_cents: int
    stock: int


@dataclass(frozen=True)
class Order:
    """One order of one product; `amount_cents` is the price of all of it on that day."""

    id: int
    product_id: int
    product_name: str
    quantity: int
    amount_cents: int
    customer: str
    placed_at: datetime


@dataclass(frozen=True)
class Account:
    """What is known of one product's stock: it equals what was delivered less what was ordered."""

    product_id: int
    stock: int
    delivered: int
    ordered: int


@dataclass(frozen=True)
class Ledger:
    """The books of the shop at one moment: an account a product, `orders` up to the one asked for, and the last one."""

    accounts: Sequence[Account]
    orders: int
    last_order_id: int


class Store:
    """The shop's database. Every method raises :class:`DatabaseUnavailable` when it cannot be used."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._migrated = threading.Event()
        self._why_not = ("starting_up", "the shop has not reached its database yet")

    def migrate(self) -> None:
        """Make what is missing of tables and seed; any number of shops may do this at the same time."""
        sql = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
        with self._pool.transaction("migrate") as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
            connection.execute(sql)
        self._migrated.set()

    def keep_migrating(self, pause_s: float = 0.25) -> None:
        """Migrate, again and again until the database lets it; while it does not, every other method raises why."""
        while not self._migrated.is_set():
            try:
                self.migrate()
            except DatabaseUnavailable as error:
                self._why_not = (error.kind, error.cause)
                self._migrated.wait(pause_s)

    def products(self) -> Sequence[Product]:
        """Return all products in the order of their ids."""
        self._require_tables()
        with self._pool.transaction("list_products") as connection:
            rows = connection.execute("SELECT id, name, description, price_cents, stock FROM products ORDER BY id")
            return [Product(*row) for row in rows]

    def product(self, product_id: int) -> Product:
        """Return one product; raises :class:`NoSuchProduct`."""
        self._require_tables()
        with self._pool.transaction("get_product") as connection:
            row = connection.execute(
                "SELECT id, name, description, price_cents, stock FROM products WHERE id = %s", [product_id]
            ).fetchone()
        if row is None:
            raise NoSuchProduct(product_id)
        return Product(*row)

    def place_order(self, product_id: int, quantity: int, customer: str) -> Order:
        """Take `quantity` from the stock and write the order, or do neither; restock when little is left.

        Raises :class:`NoSuchProduct` and :class:`OutOfStock`.
        """
        self._require_tables()
        with self._pool.transaction("place_order") as connection:
            product = connection.execute(
                "SELECT name, price_cents, stock FROM products WHERE id = %s FOR UPDATE", [product_id]
            ).fetchone()
            if product is None:
                raise NoSuchProduct(product_id)
            left = product.stock - quantity
            if left < 0:
                raise OutOfStock(product_id)
            restock = RESTOCK_QUANTITY if left < RESTOCK_BELOW else 0
            connection.execute("UPDATE products SET stock = %s WHERE id = %s", [left + restock, product_id])
            if restock:
                connection.execute(
                    "INSERT INTO deliveries (product_id, quantity) VALUES (%s, %s)", [product_id, restock]
                )
            row = connection.execute(
                "INSERT INTO orders (product_id, quantity, amount_cents, customer) VALUES (%s, %s, %s, %s) "
                "RETURNING id, product_id, %s::text, quantity, amount_cents, customer, placed_at",
                [product_id, quantity, quantity * product.price_cents, customer, product.name],
            ).fetchone()
        metrics.ORDERS.inc()
        metrics.RESTOCKS.inc(1 if restock else 0)
        return Order(*row)  # type: ignore[misc]  # an INSERT that returns always has a row

    def order(self, order_id: int) -> Order:
        """Return one order; raises :class:`NoSuchOrder`."""
        self._require_tables()
        with self._pool.transaction("get_order") as connection:
            row = connection.execute(
                "SELECT orders.id, product_id, products.name, quantity, amount_cents, customer, placed_at "
                "FROM orders JOIN products ON products.id = product_id WHERE orders.id = %s",
                [order_id],
            ).fetchone()
        if row is None:
            raise NoSuchOrder(order_id)
        return Order(*row)

    def ledger(self, until: int | None = None) -> Ledger:
        """Return the books; `orders` counts those with an id up to `until`, or all. One statement, so one moment."""
        self._require_tables()
        with self._pool.transaction("ledger") as connection:
            rows = connection.execute(_LEDGER, {"until": until}).fetchall()
        accounts = [Account(*row[:4]) for row in rows]
        return Ledger(accounts, *(rows[0][4:] if rows else (0, 0)))

    def _require_tables(self) -> None:
        if not self._migrated.is_set():
            raise DatabaseUnavailable(*self._why_not)
