"""PostgreSQL on a database host: its files, its settings, and the roles that RDS makes.

An empty cluster is made once and kept; each database starts from a copy of it.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chaosgood_ext.errors import CommandError
from chaosgood_ext.twin.hosts.model import Unit
from chaosgood_ext.twin.run import run

if TYPE_CHECKING:
    from chaosgood_ext.twin.hosts.hosts import Host

UNIT = "postgresql"
LOG_PATH = "/var/log/postgresql.log"
_BIN = "/usr/lib/postgresql/15/bin"
_DATA = "/var/lib/rdsdbdata"
_SOCKETS = "/run/postgresql"
_UID = 999
_IMAGE = "postgresql-15-cluster-1"
_ADMIN = "rdsadmin"
_NESTED = ("unshare", "--user", f"--map-user={_UID}", f"--map-group={_UID}", "--")

# The superuser comes in by the socket only, as the agent does on RDS; everybody else with a password.
_HBA = f"""\
local all {_ADMIN} trust
host all {_ADMIN} all reject
host all all all scram-sha-256
"""


@dataclass(frozen=True)
class Settings:
    """What a DB instance is made with; `parameters` are those of its parameter group.

    PostgreSQL takes most parameters while it runs, and keeps the others until it restarts; another class always
    restarts it.
    """

    port: int
    username: str
    password: str = field(repr=False)
    database: str
    instance_class: str = ""
    parameters: tuple[tuple[str, str], ...] = ()


def unit() -> Unit:
    """The unit that keeps PostgreSQL running."""
    return Unit(
        name=UNIT,
        description="PostgreSQL",
        exec_start=(f"{_BIN}/postgres", "-D", _DATA),
        exec_start_pre=(("mkdir", "-p", _SOCKETS),),
        restart="always",
        restart_delay_s=0.5,
        nested_uid=_UID,
        log_path=LOG_PATH,
        stop_signal="SIGINT",
    )


def configuration(settings: Settings) -> str:
    """Render the lines of postgresql.conf.

    Parameters of RDS's own (`rds.…`) and formulas (`{DBInstanceClassMemory/32768}`) are left out.
    """
    lines = {
        "listen_addresses": "*",
        "port": str(settings.port),
        "unix_socket_directories": _SOCKETS,
        "hba_file": f"{_DATA}/pg_hba.conf",
        "shared_buffers": "32MB",
        "min_wal_size": "4MB",
        "max_wal_size": "64MB",
        "fsync": "off",
        "jit": "off",
        "log_line_prefix": "%t:%r:%u@%d:[%p]:",
        "log_timezone": "UTC",
        "timezone": "UTC",
        **{name: value for name, value in settings.parameters if "." not in name and "{" not in value},
    }
    return "".join(f"{name} = '{_escaped(value)}'\n" for name, value in lines.items())


def install(host: Host, settings: Settings, images: Path) -> None:
    """Put a cluster on the host, from the kept image, which is made where missing."""
    image = images / _IMAGE
    data = host.path(_DATA)
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    if not image.is_dir():
        _make_image(host, image)
        configure(host, settings)
        return
    # `cp` is several times faster at this than Python.
    run(["cp", "-r", "--preserve=mode", str(image), str(data)])
    configure(host, settings)


def configure(host: Host, settings: Settings) -> None:
    """Write the configuration; it holds from the next start."""
    host.write(f"{_DATA}/postgresql.conf", configuration(settings))
    host.write(f"{_DATA}/pg_hba.conf", _HBA)


def prepare(host: Host, settings: Settings) -> bool:
    """Make the roles and the database as RDS does, where they are missing; return False while it does not answer."""
    if not host.path(f"{_SOCKETS}/.s.PGSQL.{settings.port}").exists():
        return False
    database = _psql(host, settings, _roles(settings))
    if database is None:
        return False
    if settings.database and not database:
        name = _name(settings.database)
        _psql(host, settings, f"CREATE DATABASE {name} OWNER {_name(settings.username)} STRATEGY file_copy;")
    return True


def _roles(settings: Settings) -> str:
    user, password = _name(settings.username), "'" + settings.password.replace("'", "''") + "'"
    return f"""\
DO $$ BEGIN
  CREATE ROLE rds_superuser NOLOGIN;
  GRANT pg_monitor, pg_signal_backend, pg_read_all_data TO rds_superuser WITH ADMIN OPTION;
  CREATE ROLE {user} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
ALTER ROLE {user} PASSWORD {password};
SELECT datname FROM pg_database WHERE datname = '{settings.database}';
"""  # noqa: S608


def _psql(host: Host, settings: Settings, script: str) -> str | None:
    done = host.run(
        [f"{_BIN}/psql", "-h", _SOCKETS, "-p", str(settings.port), "-U", _ADMIN, "-d", "postgres", "-AtqX", "-v",
         "ON_ERROR_STOP=1"],
        input=script,
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else None


def _make_image(host: Host, image: Path) -> None:
    # On the host, which knows the user; and on its own disk, because it may not see the folder of images.
    argv = [
        *_NESTED, f"{_BIN}/initdb", "-D", _DATA, "-U", _ADMIN, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
        "--no-sync", "--wal-segsize=1",
    ]  # fmt: skip
    done = host.run(argv, timeout_s=60)
    if done.returncode:
        raise CommandError(argv, done.returncode, done.stdout + done.stderr)
    fresh = image.with_name(f".{image.name}.{host.namespace.pid}")
    run(["cp", "-r", "--preserve=mode", str(host.path(_DATA)), str(fresh)])
    try:
        fresh.rename(image)
    except OSError:
        # Another twin was faster.
        shutil.rmtree(fresh, ignore_errors=True)
        if not image.is_dir():
            raise


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _escaped(value: str) -> str:
    return re.sub(r"(['\\])", r"\1\1", value)
