"""Guard `data`: no order was lost, stock is what was delivered less what was ordered, and orders are really taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaosgood_ext.game.guards.guard import Finding, Guard, Scene
from chaosgood_ext.game.prometheus import NotJson

CUSTOMER = "referee"


@dataclass(frozen=True)
class Books:
    """The shop's books: `stock`, `delivered` and `ordered` of each product by its id, `orders` up to `until`.

    `false` says in clauses what the shop answered that cannot be true.
    """

    accounts: Mapping[int, tuple[int, int, int]]
    orders: int
    until: int
    false: tuple[str, ...] = ()


def look(scene: Scene, calm: Books | None) -> Books:
    """Read the books through the front door, and order something there."""
    false = _order(scene)
    until = calm.until if calm is not None else 0
    try:
        ledger = scene.application.get("/api/ledger", {"until": str(until)} if until else None)
        accounts = {
            int(one["product_id"]): (int(one["stock"]), int(one["delivered"]), int(one["ordered"]))
            for one in ledger["accounts"]
        }
        return Books(accounts, int(ledger["orders"]), until or int(ledger["last_order_id"]), false)
    except (NotJson, KeyError, TypeError, ValueError):
        return Books({}, 0, until, (*false, "the shop's ledger is none"))


def compare(calm: Books, now: Books) -> Finding:
    """What does not add up, is lost, or cannot be true is wrong."""
    wrong = [*now.false]
    if not any("ledger" in one for one in now.false):
        lost = sorted(set(calm.accounts) - set(now.accounts))
        wrong += [f"the product {product} is lost" for product in lost]
        if now.orders < calm.orders:
            wrong.append(f"{calm.orders - now.orders} of {calm.orders} orders are lost")
        for product, (stock, delivered, ordered) in sorted(now.accounts.items()):
            if stock != delivered - ordered:
                wrong.append(
                    f"the stock of product {product} is {stock}, but {delivered} were delivered and {ordered} ordered"
                )
    return Finding(tuple(wrong))


GUARD = Guard(
    "data",
    "no order is lost, the stock adds up, and orders are really taken",
    look,
    compare,
    lambda _: "by the shop's own ledger, and by an order that is placed and read back, through the front door",
    only_when_served=True,
)


def _order(scene: Scene) -> tuple[str, ...]:
    """Order one of the first product and read the order back; what is odd about it, in clauses."""
    wanted: dict[str, Any] = {"product_id": 1, "quantity": 1, "customer": CUSTOMER}
    try:
        placed = scene.application.post("/api/orders", wanted)
        number = placed["id"]
        order = scene.application.get(f"/api/orders/{number}")
        if {key: order[key] for key in wanted} != wanted:
            return (f"order {number} reads back as another",)
    except (KeyError, TypeError):
        return ("the shop takes an order and says nothing of it",)
    except NotJson:
        return ("the shop says yes to an order and then nothing that makes sense",)
    return ()
