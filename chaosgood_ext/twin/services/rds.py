"""RDS: each DB instance is a host of its own with a real PostgreSQL, and its status says what that does.

Source: "DB instance status" and "Working with parameters on your RDS for PostgreSQL DB instance" in the RDS User Guide.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaosgood_ext.errors import TwinError
from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.services import interfaces, postgres
from chaosgood_ext.twin.services.reconciler import apply_each

if TYPE_CHECKING:
    from moto.rds.models import DBInstance

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Host, Hosts

_READY_WITHIN_S = 15.0
# MiB of memory, and connections as an untouched instance of the class allows them.
_CLASSES = {
    "db.t4g.micro": (1024, 81),
    "db.t3.micro": (1024, 81),
    "db.t4g.small": (2048, 181),
    "db.t3.small": (2048, 181),
    "db.t4g.medium": (4096, 403),
    "db.t3.medium": (4096, 403),
    "db.t4g.large": (8192, 856),
    "db.t3.large": (8192, 856),
}
_OTHER_CLASS = (16384, 1704)


@dataclass(frozen=True)
class Database:
    """What the control plane says of a DB instance."""

    identifier: str
    status: str
    address: str
    tier: str
    settings: postgres.Settings

    @property
    def host(self) -> str:
        """The name of its host."""
        return f"db-{self.identifier}"


@dataclass(frozen=True)
class Create:
    """Make the host and the database; available when it answers."""

    database: Database


@dataclass(frozen=True)
class Restart:
    """Restart PostgreSQL with the settings that are wanted now."""

    database: Database


@dataclass(frozen=True)
class Reload:
    """Let PostgreSQL read its settings again; those that need a restart wait for one."""

    database: Database


@dataclass(frozen=True)
class SetPassword:
    """Give the master user the password that is wanted now."""

    database: Database


@dataclass(frozen=True)
class Stop:
    """Stop PostgreSQL; its data stay."""

    database: Database


@dataclass(frozen=True)
class Delete:
    """Destroy the host of a DB instance that is gone."""

    host: str


Step = Create | Restart | Reload | SetPassword | Stop | Delete


def plan(databases: Iterable[Database], applied: Mapping[str, postgres.Settings]) -> list[Step]:
    """Return what makes the databases what they should be; `applied` maps hosts to what their PostgreSQL runs with."""
    databases = list(databases)
    steps: list[Step] = []
    for database in databases:
        if database.host not in applied:
            steps.append(Create(database))
        elif database.status == "stopping":
            steps.append(Stop(database))
        elif database.status in ("starting", "rebooting"):
            steps.append(Restart(database))
        elif database.status == "available":
            steps.extend(_changes(database, applied[database.host]))
    wanted = {database.host for database in databases}
    return steps + [Delete(host) for host in applied if host not in wanted]


def _changes(database: Database, applied: postgres.Settings) -> list[Step]:
    steps: list[Step] = []
    if database.settings.password != applied.password:
        steps.append(SetPassword(database))
    if database.settings.instance_class != applied.instance_class:
        steps.append(Restart(database))
    elif postgres.configuration(database.settings) != postgres.configuration(applied):
        steps.append(Reload(database))
    return steps


class Rds:
    """Makes, restarts and removes databases; `images` is where the empty cluster is kept from one twin to the next."""

    name = "rds"

    def __init__(self, tap: Tap, state: State, hosts: Hosts, images: Path) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._images = images
        self._applied: dict[str, postgres.Settings] = {}

    def reconcile(self) -> bool:
        """See `Controller`."""
        with self._tap.lock:
            databases = [self._describe(database) for database in self._state.rds.databases.values()]
        return apply_each(plan(databases, self._applied), self._apply)

    def _describe(self, database: DBInstance) -> Database:
        group = database.db_parameter_groups()[0]
        changed = {
            name: str(one["ParameterValue"]) for name, one in group.parameters.items() if "ParameterValue" in one
        }
        _, connections = _CLASSES.get(database.db_instance_class, _OTHER_CLASS)
        tags = {tag["Key"]: tag["Value"] for tag in database.tags}
        return Database(
            identifier=database.db_instance_identifier,
            status=database.status,
            address=str(interfaces.of_database(self._state, database).private_ip_address),
            tier=tags.get("tier", ""),
            settings=postgres.Settings(
                instance_class=database.db_instance_class,
                port=int(database.port or 5432),
                username=str(database.master_username),
                password=str(database._master_user_password),
                database=database.db_name or "",
                parameters=tuple(sorted({"max_connections": str(connections), **changed}.items())),
            ),
        )

    def _apply(self, step: Step) -> None:
        if isinstance(step, Delete):
            self._hosts.destroy(step.host)
            self._applied.pop(step.host, None)
            return
        database = step.database
        if isinstance(step, Create):
            postgres.install(self._create(database), database.settings, self._images)
            self._open(database)
        elif isinstance(step, Stop):
            self._host(database).stop(postgres.UNIT)
            self._mark(database, "stopped")
        elif isinstance(step, SetPassword):
            postgres.prepare(self._host(database), database.settings)
            self._applied[database.host] = database.settings
        elif isinstance(step, Reload):
            postgres.configure(self._host(database), database.settings)
            self._host(database).signal(postgres.UNIT, signal.SIGHUP)
            self._applied[database.host] = database.settings
        else:
            self._restart(database)

    def _restart(self, database: Database) -> None:
        if database.status == "available":
            self._mark(database, "modifying")
        host = self._host(database)
        host.stop(postgres.UNIT)
        postgres.configure(host, database.settings)
        self._open(database)

    def _create(self, database: Database) -> Host:
        memory_mib, _ = _CLASSES.get(database.settings.instance_class, _OTHER_CLASS)
        return self._hosts.get(database.host) or self._hosts.create(
            HostSpec(
                name=database.host,
                hostname="ip-" + database.address.replace(".", "-"),
                address=database.address,
                tier="database",
                aliases=(database.tier,) if database.tier else (),
                memory_mib=memory_mib,
            )
        )

    def _open(self, database: Database) -> None:
        """Start PostgreSQL and wait until it answers."""
        host = self._host(database)
        host.start(postgres.unit())
        deadline = time.monotonic() + _READY_WITHIN_S
        while not postgres.prepare(host, database.settings):
            if time.monotonic() > deadline:
                tail = " | ".join(host.read(postgres.LOG_PATH).splitlines()[-3:])
                raise TwinError(f"The database {database.identifier} does not start: {tail}")
            time.sleep(0.02)
        self._applied[database.host] = database.settings
        self._mark(database, "available")

    def _host(self, database: Database) -> Host:
        host = self._hosts.get(database.host)
        if host is None:
            self._applied.pop(database.host, None)
            raise TwinError(f"The host of the database {database.identifier} is gone.")
        return host

    def _mark(self, database: Database, status: str) -> None:
        with self._tap.lock:
            known = self._state.rds.databases.get(database.identifier)
            if known is not None:
                known.status = status
