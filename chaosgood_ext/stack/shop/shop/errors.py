"""What can go wrong on purpose; everything else is a defect and answered 500."""

from __future__ import annotations


class ShopError(Exception):
    """An expected failure."""


class SettingsError(ShopError):
    """A variable is missing or unusable; the message is one sentence for whoever started the shop."""


class DatabaseUnavailable(ShopError):
    """The database could not be used; `kind` is one of few words, `cause` a sentence for the log."""

    def __init__(self, kind: str, cause: str) -> None:
        self.kind = kind
        self.cause = cause
        super().__init__(f"{kind}: {cause}")


class NoSuchProduct(ShopError):
    """The shop has no product with this id."""


class NoSuchOrder(ShopError):
    """The shop has no order with this id."""


class OutOfStock(ShopError):
    """There are fewer left than were ordered."""
