"""RDS: an instance is `creating` until its database answers, and passes through the states that AWS shows."""

from __future__ import annotations

from typing import Any

from moto.rds.models import DBInstance, RDSBackend

from chaosgood_ext.twin.cloud.mends.patching import replace

_ID = "cw8pq2rt5kzx"


def install() -> None:
    """Patch moto."""
    _begin_as("__init__", "creating")
    _enter("reboot_db_instance", "rebooting")
    _enter("stop_db_instance", "stopping")
    _enter("start_db_instance", "starting")

    def address(self: DBInstance) -> str:
        return f"{self.db_instance_identifier}.{_ID}.{self.region}.rds.amazonaws.com"

    # moto's is "aaaaaaaaaa", which nobody takes for an account's.
    replace(DBInstance, "address", property(address))


def _begin_as(name: str, status: str) -> None:
    """moto's database is available at once; the rds controller says when."""

    def begin(self: DBInstance, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.status = status

    original = replace(DBInstance, name, begin)


def _enter(name: str, status: str) -> None:
    """moto changes nothing, or jumps to the end of it."""

    def enter(self: RDSBackend, *args: Any, **kwargs: Any) -> DBInstance:
        database: DBInstance = original(self, *args, **kwargs)
        database.status = status
        return database

    original = replace(RDSBackend, name, enter)
