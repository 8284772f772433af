"""A small web shop: pages and a JSON API over products, stock and orders kept in PostgreSQL.

Reading order: :mod:`.settings` (what can be set), :mod:`.pool` (how it reaches the database), :mod:`.store`
(what it does there), :mod:`.web` (what its users see), :mod:`.serving` (how many at a time), ``__main__`` (its life).
"""
