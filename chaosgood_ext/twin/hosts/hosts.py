"""The hosts of a twin: each a namespace, a cable, a disk and its units."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from chaosgood_ext.errors import CommandError, TwinError
from chaosgood_ext.twin.fabric.fabric import RESOLVERS, Fabric
from chaosgood_ext.twin.fabric.firewall import Network
from chaosgood_ext.twin.hosts.figures import Usage, proc_files
from chaosgood_ext.twin.hosts.files import disk_of, units_in
from chaosgood_ext.twin.hosts.model import HostSpec, Unit
from chaosgood_ext.twin.hosts.namespace import HOME, SYSRQ, Namespace, open_namespace
from chaosgood_ext.twin.hosts.supervisor import Supervisor
from chaosgood_ext.twin.hosts.sysrq import Sysrq
from chaosgood_ext.twin.hosts.units import environment_of, expand
from chaosgood_ext.twin.kernel import network_namespace

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MANAGED = ("alb-", "db-")
"""How the names of hosts begin on which AWS installs its own software, and we none."""


# The AWS CLI 1 takes the endpoint of RDS in us-east-1 from nowhere but its command line, and has no `logs tail`.
_AWS = f"""\
#!/bin/sh
if [ "$1 $2" = "logs tail" ]; then
    shift 2
    exec {sys.executable} -m chaosgood_ext.twin.logs_tail "$@"
fi
exec {sys.executable} -m awscli --endpoint-url "${{AWS_ENDPOINT_URL:-http://{RESOLVERS[0]}:4566}}" "$@"
"""


class Host:
    """A running host. Raises :class:`TwinError` where it went away meanwhile."""

    def __init__(
        self, spec: HostSpec, namespace: Namespace, supervisor: Supervisor, environment: Mapping[str, str]
    ) -> None:
        self.spec = spec
        self.namespace = namespace
        self._supervisor = supervisor
        self._environment = dict(environment)

    @property
    def root(self) -> Path:
        """This host's `/`, as the daemon sees it."""
        return self.namespace.root

    def knows(self, unit_name: str) -> bool:
        """Whether a unit of that name was started since this host booted, and not stopped."""
        return self._supervisor.get(self.spec.name, unit_name) is not None

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,  # noqa: A002
        timeout_s: float = 10,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` on this host to its end; raise :class:`CommandError` when it takes over `timeout_s`."""
        try:
            return subprocess.run(
                self.namespace.enter(list(argv)), input=input, text=True, capture_output=True,
                timeout=timeout_s, env={**self._environment, **(env or {})}, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            raise CommandError(argv, -9, f"no answer within {timeout_s:g} s") from late

    def spawn(self, argv: Sequence[str], stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        """Begin to run `argv` on this host, in a session and a process group of its own."""
        return subprocess.Popen(
            self.namespace.enter(list(argv)), env=self._environment, stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=stderr, start_new_session=True,
        )  # fmt: skip

    def start(self, unit: Unit) -> None:
        """Start `unit` and keep it running; one of that name that runs is replaced."""
        self._supervisor.start(self.spec.name, unit, lambda: self._spawn(unit))

    def stop(self, unit_name: str) -> None:
        """Stop a unit for good."""
        self._supervisor.stop(self.spec.name, unit_name)

    def is_running(self, unit_name: str) -> bool:
        """Whether the unit's program runs now."""
        supervised = self._supervisor.get(self.spec.name, unit_name)
        return bool(supervised and supervised.process and supervised.process.poll() is None)

    def exit_status(self, unit_name: str) -> int | None:
        """How the unit's program ended (negative: by that signal); None while it runs, or where it never did."""
        supervised = self._supervisor.get(self.spec.name, unit_name)
        return supervised.process.poll() if supervised and supervised.process else None

    def units(self) -> list[tuple[str, bool, int]]:
        """Name, whether it runs, and how often it was restarted, of each unit."""
        return [
            (s.unit.name, bool(s.process and s.process.poll() is None), s.restarts)
            for s in self._supervisor.of_host(self.spec.name)
        ]

    def signal(self, unit_name: str, sig: signal.Signals) -> None:
        """Send `sig` to a unit's program; nothing happens where it does not run."""
        supervised = self._supervisor.get(self.spec.name, unit_name)
        if supervised and (pid := supervised.main_pid):
            os.kill(pid, sig)

    def path(self, path: str) -> Path:
        """A path on this host, as the daemon sees it."""
        return self.root / path.lstrip("/")

    def on_disk(self, path: str) -> Path:
        """A path below /var or /run of this host as the daemon sees it; a reboot does not change it."""
        return self.namespace.folder / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file on this host, its folder made where missing; what reads it never sees half of it."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        fresh.touch()
        fresh.chmod(mode)
        fresh.write_text(text)
        fresh.replace(target)

    def read(self, path: str) -> str:
        """Read a file of this host."""
        return self.path(path).read_text()

    def socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """A socket that lives in this host's network namespace."""
        try:
            with network_namespace(self.namespace.pid):
                return socket.socket(socket.AF_INET, kind)
        except FileNotFoundError as gone:
            raise TwinError(f"Host {self.spec.name} is gone.") from gone

    def _spawn(self, unit: Unit) -> subprocess.Popen[bytes]:
        environment = {**self._environment, **environment_of(unit, self.read)}
        log_path = self.path(unit.log_path or f"/var/log/{unit.name}.log")
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab", buffering=0) as log:
            for command in unit.exec_start_pre:
                subprocess.run(
                    self.namespace.enter(expand(command, environment)), env=environment, check=False,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=60,
                )  # fmt: skip
            argv = expand(unit.exec_start, environment)
            if unit.nested_uid is not None:
                uid = str(unit.nested_uid)
                argv = ["unshare", "--user", f"--map-user={uid}", f"--map-group={uid}", "--", *argv]
            if unit.working_directory != "/":
                argv = ["sh", "-c", f"cd {shlex.quote(unit.working_directory)} && exec {shlex.join(argv)}"]
            return subprocess.Popen(
                self.namespace.enter(argv), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip


class Hosts:
    """All hosts; makes and removes them, finds them by name or alias, and guards them. Safe to use from any thread."""

    def __init__(self, fabric: Fabric, supervisor: Supervisor, base: Path, environment: Mapping[str, str]) -> None:
        self._fabric = fabric
        self._supervisor = supervisor
        self._base = base
        self._environment = {"PATH": PATH, "HOME": HOME, "LANG": "C.UTF-8", **environment}
        self._hosts: dict[str, Host] = {}
        self._network = Network()
        self._lock = threading.RLock()
        self._sysrq = Sysrq(self._on_sysrq)

    def create(self, spec: HostSpec) -> Host:
        """Make a host: namespace, files, rules, cable, then its tier's units; guarded from the start.

        Where a host of that name was shut down or died, the new one boots from the disk that it left: what is on
        it is not written again.
        """
        first_boot = not self.has_disk(spec.name)
        namespace = open_namespace(spec.name, spec.hostname, self._base)
        host = Host(spec, namespace, self._supervisor, self._environment)
        try:
            for name, text in proc_files(Usage(), spec.memory_mib, spec.vcpus, time.time()).items():
                (namespace.folder / "proc" / name).write_text(text)
            if first_boot:
                _furnish(host)
            if spec.guarded:
                self._fabric.guard_host(self._network, spec.name, namespace.pid, spec.address)
            self._fabric.plug(namespace.pid, spec.address)
        except BaseException:
            namespace.end()
            if first_boot:
                shutil.rmtree(namespace.folder, ignore_errors=True)
            raise
        with self._lock:
            self._hosts[spec.name] = host
            network = self._network
        if spec.guarded:
            self._fabric.guard_host(network, spec.name, namespace.pid, spec.address)
        self._sysrq.watch(host.on_disk(SYSRQ), spec.name)
        for unit in units_in(host.root):
            if all(host.path(path).exists() for path in unit.condition_paths):
                host.start(unit)
        return host

    def has_disk(self, name: str) -> bool:
        """Whether a host of that name is there, or has been and left its disk."""
        return (self._base / name).exists()

    def shut_down(self, name: str) -> None:
        """Let a host's units end, as at a shutdown, then cut it off; its disk stays. Unknown names are ignored."""
        if self.get(name) is not None:
            self._supervisor.shut_down_host(name)
            self._take(name)

    def crash(self, name: str) -> None:
        """Let a host die as hardware does: first silence, then no process is left. Its disk stays."""
        self._take(name)

    def reap(self) -> dict[str, int]:
        """Forget the instances' hosts whose first process has died; return by which signal it did, by their names.

        Where a host itself called reboot(2), that is SIGHUP for a restart and SIGINT for a halt (pid_namespaces(7)).
        """
        with self._lock:
            dead = {n: host for n, host in self._hosts.items() if n.startswith("i-") and not host.namespace.lives}
        for name in dead:
            self._take(name)
        return {name: -int(host.namespace.holder.returncode) for name, host in dead.items()}

    def destroy(self, name: str) -> None:
        """End every process of a host, at once, and remove its disk; unknown names are ignored."""
        self._take(name)
        shutil.rmtree(self._base / name, ignore_errors=True)

    def answers(self, name: str) -> bool:
        """Whether a host would answer an ARP request: it lives, and its interface is up (no program is needed)."""
        host = self._hosts.get(name)
        return host is not None and host.namespace.lives and self._fabric.has_carrier(host.namespace.pid)

    def _take(self, name: str) -> None:
        """Take a host off the network before its processes end, so that nobody hears of their end."""
        with self._lock:
            host = self._hosts.pop(name, None)
        if host:
            self._sysrq.forget(name)
            self._supervisor.forget_host(name)
            self._fabric.unplug(host.namespace.pid)
            host.namespace.end()

    def _on_sysrq(self, name: str, letter: str) -> None:
        if letter == "c":
            self.on_crash(name)
            self.crash(name)

    def on_crash(self, name: str) -> None:
        """Called when a host is about to crash its own kernel; the cloud puts its own here."""

    def get(self, name: str) -> Host | None:
        """The host with this name, host name, address or alias, or None."""
        with self._lock:
            if name in self._hosts:
                return self._hosts[name]
            for host in self._hosts.values():
                if name in (*host.spec.aliases, host.spec.hostname, host.spec.address):
                    return host
        return None

    def __iter__(self) -> Iterator[Host]:
        with self._lock:
            return iter(list(self._hosts.values()))

    def apply_network(self, network: Network) -> None:
        """Make security groups, ACLs and routes true on packets; loads only what changed."""
        with self._lock:
            self._network = network
            hosts = list(self._hosts.values())
        self._fabric.guard_router(network)
        for host in hosts:
            if host.spec.guarded and host.namespace.lives:
                self._fabric.guard_host(network, host.spec.name, host.namespace.pid, host.spec.address)


def _furnish(host: Host) -> None:
    """Write what a host finds on its disk at its first boot."""
    spec = host.spec
    disk = disk_of(spec.tier, with_common=not spec.name.startswith(_MANAGED))
    for path, text in {**_identity(spec), **disk.files, **spec.files}.items():
        host.write(path, text, 0o600 if path.startswith(HOME) else 0o644)
    host.write(f"{HOME}/bin/aws", _AWS, 0o755)


def _identity(spec: HostSpec) -> dict[str, str]:
    return {
        "/etc/hostname": f"{spec.hostname}\n",
        "/etc/hosts": f"127.0.0.1 localhost\n{spec.address} {spec.hostname}.ec2.internal {spec.hostname}\n",
        "/etc/resolv.conf": f"nameserver {RESOLVERS[0]}\nsearch ec2.internal\n",
        "/etc/passwd": (
            "root:x:0:0:root:/home/admin:/bin/bash\nrds:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/sh\n"
            "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        ),
        "/etc/group": "root:x:0:\nrds:x:999:\nnogroup:x:65534:\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }
