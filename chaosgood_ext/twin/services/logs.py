"""CloudWatch Logs: ships what hosts and containers log into moto's log groups, as the agents do on AWS."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaosgood_ext.twin.services.elb_nginx import ACCESS_LOG

if TYPE_CHECKING:
    from moto.logs.models import LogStream

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Host, Hosts

SESSION_LOG = "/var/log/session.log"
_CHUNK_BYTES = 256 * 1024
_CHUNKS_A_ROUND = 8
_LINE_BYTES = 64 * 1024
_EMPTY_AT_BYTES = 8 * 1024 * 1024
_KEPT_EVENTS = 10_000


@dataclass(frozen=True)
class Source:
    """A file to ship, where the daemon sees it, and where to."""

    path: Path
    group: str
    stream: str


@dataclass
class Tail:
    """How far a file has been read."""

    inode: int = 0
    offset: int = 0


def split_lines(chunk: bytes) -> tuple[list[str], int]:
    """Return the whole lines of `chunk` that are not empty, and how many bytes were used.

    The rest of a line that has not ended waits for its end, unless it is too long to be one.
    """
    end = chunk.rfind(b"\n") + 1
    if not end and len(chunk) >= _LINE_BYTES:
        end = len(chunk)
    lines = chunk[:end].decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.strip()], end


class Logs:
    """Ships every source a few times a second; files are emptied once shipped, so that they do not fill the memory."""

    name = "logs"

    def __init__(
        self,
        tap: Tap,
        state: State,
        hosts: Hosts,
        groups: dict[str, str],
        containers: Callable[[], Iterable[Source]] = lambda: (),
    ) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._groups = groups
        self._containers = containers
        self._tails: dict[Source, Tail] = {}

    def reconcile(self) -> bool:
        """See `Controller`."""
        sources = [*self._sources(), *self._containers()]
        for source in sources:
            for _ in range(_CHUNKS_A_ROUND):
                lines = self._read(source)
                if not lines:
                    break
                self._ship(source, lines)
        for gone in self._tails.keys() - set(sources):
            if not gone.path.exists():  # a host that is only down goes on where it was
                del self._tails[gone]
        for path in self._unshipped():
            with contextlib.suppress(OSError):
                if path.stat().st_size > _EMPTY_AT_BYTES:
                    os.truncate(path, 0)
        return False

    def _unshipped(self) -> Iterator[Path]:
        """Logs that stay on their host, as a load balancer's do when nobody asked for them."""
        for host in self._hosts:
            if host.spec.name.startswith("alb-"):
                yield host.on_disk(ACCESS_LOG)

    def _sources(self) -> Iterator[Source]:
        for host in self._hosts:
            name = host.spec.name.removeprefix("db-")
            yield Source(host.on_disk(SESSION_LOG), self._groups["sessions"], name)
            group = self._groups.get(host.spec.tier)
            if group:
                for path in _files(host):
                    yield Source(path, group, name)

    def _read(self, source: Source) -> list[str]:
        tail = self._tails.setdefault(source, Tail())
        try:
            with source.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != tail.inode or status.st_size < tail.offset:
                    tail.inode, tail.offset = status.st_ino, 0
                if status.st_size == tail.offset:
                    return []
                file.seek(tail.offset)
                lines, used = split_lines(file.read(_CHUNK_BYTES))
            tail.offset += used
            if tail.offset > _EMPTY_AT_BYTES and tail.offset == source.path.stat().st_size:
                os.truncate(source.path, 0)
                tail.offset = 0
        except OSError:
            return []
        return lines

    def _ship(self, source: Source, lines: list[str]) -> None:
        with self._tap.lock:
            stream = self._stream(source)
            if stream is None:
                return
            now = int(time.time() * 1000)
            stream.put_log_events([{"timestamp": now, "message": line} for line in lines])
            del stream.events[:-_KEPT_EVENTS]

    def _stream(self, source: Source) -> LogStream | None:
        group = self._state.logs.groups.get(source.group)
        if group is None:
            return None
        if source.stream not in group.streams:
            group.create_log_stream(source.stream)
        return group.streams[source.stream]


def _files(host: Host) -> list[Path]:
    match host.spec.tier:
        case "web":
            return [host.on_disk("/var/log/nginx/access.log"), host.on_disk("/var/log/nginx/error.log")]
        case "database":
            return [host.on_disk("/var/log/postgresql.log")]
        case "monitoring":
            folder = host.on_disk("/var/log")
            return sorted(path for path in folder.glob("*.log") if path.name != "session.log")
    return []
