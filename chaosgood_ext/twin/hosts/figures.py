"""Figures that are a host's own: what a node exporter would say there, and what `free`, `top` and `uptime` read.

/proc shows the machine's figures inside every namespace, so they are summed from the processes of each host's pid
namespace instead, and told in the node exporter's names on port 9100, where AWS has a real one.
Source: node_exporter 1.5 `/metrics`; proc(5).
"""

from __future__ import annotations

import contextlib
import http.server
import logging
import os
import socketserver
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from chaosgood_ext.twin.kernel import network_namespace

if TYPE_CHECKING:
    from chaosgood_ext.twin.hosts.hosts import Host, Hosts

logger = logging.getLogger(__name__)

PORT = 9100
_PERIOD_S = 1.0
_MIB = 1024 * 1024


@dataclass
class Usage:
    """What the processes of one host used since it was made; CPU in seconds, memory in bytes."""

    started: float = field(default_factory=time.time)
    user_s: float = 0.0
    system_s: float = 0.0
    memory_bytes: int = 0
    processes: int = 0
    load: float = 0.0
    seen: dict[int, tuple[float, float]] = field(default_factory=dict)

    def add(self, sample: Iterable[tuple[int, float, float, int]]) -> None:
        """Take in (pid, user_s, system_s, resident bytes) of each process alive now; sums never fall."""
        before, self.seen = self.seen, {}
        self.memory_bytes = self.processes = 0
        busy_s = 0.0
        for pid, user_s, system_s, resident in sample:
            old_user_s, old_system_s = before.get(pid, (0.0, 0.0))
            self.user_s += max(0.0, user_s - old_user_s)
            self.system_s += max(0.0, system_s - old_system_s)
            busy_s += max(0.0, user_s - old_user_s) + max(0.0, system_s - old_system_s)
            self.seen[pid] = (user_s, system_s)
            self.memory_bytes += resident
            self.processes += 1
        self.load += (busy_s / _PERIOD_S - self.load) * (_PERIOD_S / 60)


def metrics(usage: Usage, host: str, memory_mib: int, vcpus: int, network: str, now: float) -> str:
    """Render a node exporter's page; `network` is the host's /proc/net/dev (pure)."""
    total = memory_mib * _MIB
    idle_s = max(0.0, (now - usage.started) * vcpus - usage.user_s - usage.system_s)
    lines = [
        "# TYPE node_cpu_seconds_total counter",
        *(
            f'node_cpu_seconds_total{{cpu="{cpu}",mode="{mode}"}} {seconds / vcpus:.3f}'
            for cpu in range(vcpus)
            for mode, seconds in (("idle", idle_s), ("system", usage.system_s), ("user", usage.user_s))
        ),
        "# TYPE node_memory_MemTotal_bytes gauge",
        f"node_memory_MemTotal_bytes {total}",
        "# TYPE node_memory_MemAvailable_bytes gauge",
        f"node_memory_MemAvailable_bytes {max(0, total - usage.memory_bytes)}",
        "# TYPE node_load1 gauge",
        f"node_load1 {usage.load:.3f}",
        "# TYPE node_procs_running gauge",
        f"node_procs_running {usage.processes}",
        "# TYPE node_boot_time_seconds gauge",
        f"node_boot_time_seconds {usage.started:.3f}",
        "# TYPE node_time_seconds gauge",
        f"node_time_seconds {now:.3f}",
        "# TYPE node_uname_info gauge",
        f'node_uname_info{{nodename="{host}",sysname="Linux"}} 1',
    ]
    for kind, column in (
        ("receive_bytes", 0),
        ("receive_packets", 1),
        ("transmit_bytes", 8),
        ("transmit_packets", 9),
    ):
        lines.append(f"# TYPE node_network_{kind}_total counter")
        for line in network.splitlines()[2:]:
            device, _, values = line.partition(":")
            lines.append(f'node_network_{kind}_total{{device="{device.strip()}"}} {values.split()[column]}')
    return "\n".join(lines) + "\n"


def proc_files(usage: Usage, memory_mib: int, vcpus: int, now: float) -> dict[str, str]:
    """Render /proc/meminfo, loadavg, uptime and stat of a host (pure)."""
    total, used = memory_mib * 1024, usage.memory_bytes // 1024
    up_s = now - usage.started
    ticks = os.sysconf("SC_CLK_TCK")
    user, system = int(usage.user_s * ticks), int(usage.system_s * ticks)
    idle = max(0, int(up_s * vcpus * ticks) - user - system)
    free = max(0, total - used)
    cpus = [f"cpu{i} {user // vcpus} 0 {system // vcpus} {idle // vcpus} 0 0 0 0 0 0" for i in range(vcpus)]
    return {
        "meminfo": "".join(
            f"{name + ':':<16}{value:>8} kB\n"
            for name, value in {
                "MemTotal": total, "MemFree": free, "MemAvailable": free, "Buffers": 0, "Cached": 0, "SReclaimable": 0,
                "Shmem": 0, "SwapCached": 0, "SwapTotal": 0, "SwapFree": 0,
            }.items()
        ),
        "loadavg": f"{usage.load:.2f} {usage.load:.2f} {usage.load:.2f} 1/{usage.processes} 1\n",
        "uptime": f"{up_s:.2f} {idle / ticks:.2f}\n",
        "stat": f"cpu  {user} 0 {system} {idle} 0 0 0 0 0 0\n" + "\n".join(cpus)
        + f"\nbtime {int(psutil.boot_time())}\nprocesses {usage.processes}\nprocs_running 1\nprocs_blocked 0\n",
    }  # fmt: skip


class Figures:
    """Samples all hosts once a second from one thread, and answers on port 9100 of every EC2 host."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._usage: dict[int, Usage] = {}
        self._servers: dict[int, http.server.HTTPServer] = {}

    def start(self) -> None:
        """Start sampling."""
        threading.Thread(target=self._loop, name="figures", daemon=True).start()

    def _loop(self) -> None:
        while True:
            began = time.monotonic()
            try:
                self.sample()
            except (OSError, psutil.Error):  # a host that went away in between is gone from the next sample
                logger.debug("a host went away while it was sampled", exc_info=True)
            time.sleep(max(0.1, _PERIOD_S - (time.monotonic() - began)))

    def sample(self) -> None:
        """Take one sample of every host, serve new hosts, and forget those that are gone."""
        hosts = {host.namespace.pid: host for host in self._hosts}
        by_namespace: dict[str, list[tuple[int, float, float, int]]] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                spaces = Path(f"/proc/{process.pid}/ns/pid").readlink().name
                times, memory = process.cpu_times(), process.memory_info()
                by_namespace.setdefault(spaces, []).append(
                    (process.pid, times.user, times.system, memory.rss - memory.shared)
                )
        now = time.time()
        for pid, host in hosts.items():
            usage = self._usage.setdefault(pid, Usage())
            with contextlib.suppress(OSError):
                usage.add(by_namespace.get(Path(f"/proc/{pid}/ns/pid").readlink().name, []))
                for name, text in proc_files(usage, host.spec.memory_mib, host.spec.vcpus, now).items():
                    with (host.namespace.folder / "proc" / name).open("r+") as file:
                        file.write(text)  # over what is there: who reads meanwhile must not find it empty
                        file.truncate()
                if pid not in self._servers and host.spec.name.startswith("i-"):
                    self._servers[pid] = self._serve(host)
        for pid in set(self._usage) - set(hosts):
            del self._usage[pid]
            if server := self._servers.pop(pid, None):
                server.shutdown()
                server.server_close()

    def _serve(self, host: Host) -> http.server.HTTPServer:
        pid, figures = host.namespace.pid, self

        class Page(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # the base class's name
                body = figures.page(host).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            address_family = 2

            def server_bind(self) -> None:
                socketserver.TCPServer.server_bind(self)
                self.server_name, self.server_port = "", PORT

        with network_namespace(pid):
            server = Server(("0.0.0.0", PORT), Page)  # noqa: S104  # all addresses of the host's own namespace
        threading.Thread(target=server.serve_forever, args=(0.5,), name=f"figures-{pid}", daemon=True).start()
        return server

    def page(self, host: Host) -> str:
        """The metrics page of `host` as of now."""
        pid = host.namespace.pid
        usage = self._usage.get(pid) or Usage()
        try:
            network = Path(f"/proc/{pid}/net/dev").read_text()
        except OSError:
            network = ""
        return metrics(usage, host.spec.hostname, host.spec.memory_mib, host.spec.vcpus, network, time.time())
