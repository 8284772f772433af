"""What a host and a unit are, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class HostSpec:
    """A host to make. `name` is its unique key: an instance id, `alb-edge`, `db-chaosgood`.

    `tier` names the folder of `stack/` whose files and units it gets ("" for none). `files` (absolute path →
    text) are written over those. `memory_mib` and `vcpus` are what its figures tell. `guarded` is False for a
    host that no security group guards, such as the internet.
    """

    name: str
    hostname: str
    address: str
    tier: str = ""
    aliases: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    memory_mib: int = 1024
    vcpus: int = 2
    guarded: bool = True


@dataclass(frozen=True)
class Unit:
    """A program that the supervisor keeps running on a host, in systemd's terms.

    `restart` is `always`, `on-failure` or `no`. `nested_uid` runs it as that user id in a user namespace of its
    own, for programs that refuse to be root. Standard output and error go to `log_path`
    (`/var/log/<name>.log` when empty). `stop_signal` ends it. Where one of `condition_paths` does not exist on the
    host, the unit is not started there with the others of its tier.
    """

    name: str
    exec_start: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    environment_files: tuple[str, ...] = ()
    exec_start_pre: tuple[tuple[str, ...], ...] = ()
    restart: str = "always"
    restart_delay_s: float = 0.1
    working_directory: str = "/"
    nested_uid: int | None = None
    log_path: str = ""
    stop_signal: str = "SIGTERM"
    description: str = ""
    condition_paths: tuple[str, ...] = ()
