"""What the shop can be told from outside: environment variables, as an ECS task definition sets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import SettingsError

Number = TypeVar("Number", int, float)


@dataclass(frozen=True)
class Settings:
    """Everything that may differ from one shop to the next; durations in seconds."""

    port: int
    database_host: str
    database_port: int
    database_name: str
    database_user: str
    database_password: str
    max_concurrent_requests: int
    pool_size: int
    pool_max_lifetime_s: float
    pool_wait_s: float
    connect_timeout_s: int
    statement_timeout_s: float

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the variables of an ECS task definition; `PORT` and `DATABASE_HOST` have no default.

        Raises :class:`SettingsError` for a variable that is missing, not a number, or out of range.
        """
        whole = _Numbers(environment, int)
        seconds = _Numbers(environment, float)
        return cls(
            port=whole.read("PORT", None, at_least=0),
            database_host=_text(environment, "DATABASE_HOST"),
            database_port=whole.read("DATABASE_PORT", 5432),
            database_name=environment.get("DATABASE_NAME", "shop"),
            database_user=environment.get("DATABASE_USER", "shop"),
            database_password=environment.get("DATABASE_PASSWORD", ""),
            max_concurrent_requests=whole.read("MAX_CONCURRENT_REQUESTS", 16),
            pool_size=whole.read("POOL_SIZE", 8),
            pool_max_lifetime_s=seconds.read("POOL_MAX_LIFETIME_S", 5.0, at_least=0.1),
            pool_wait_s=seconds.read("POOL_WAIT_S", 2.0, at_least=0.1),
            # libpq and psycopg wait for two seconds at least, whatever they are asked for.
            connect_timeout_s=whole.read("CONNECT_TIMEOUT_S", 2, at_least=2),
            statement_timeout_s=seconds.read("STATEMENT_TIMEOUT_S", 5.0, at_least=0.1),
        )


def _text(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise SettingsError(f"The environment variable {name} is missing.")
    return environment[name]


@dataclass(frozen=True)
class _Numbers(Generic[Number]):
    environment: Mapping[str, str]
    kind: type[Number]

    def read(self, name: str, default: Number | None, at_least: Number | None = None) -> Number:
        raw = _text(self.environment, name) if default is None else self.environment.get(name, str(default))
        least = self.kind(1) if at_least is None else at_least
        try:
            value = self.kind(raw)
        except ValueError:
            raise SettingsError(f"The environment variable {name} is {raw!r}, which is no number.") from None
        if not value >= least:
            raise SettingsError(f"The environment variable {name} is {raw}; it must be at least {least}.")
        return value
