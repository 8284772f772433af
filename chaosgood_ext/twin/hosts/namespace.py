"""A host's namespaces: mount, uts, pid and network, held by its first process.

The machine's root is seen read-only; what a host may write (`/etc`, `/var`, `/tmp`, `/run`, its home) lies in its own
folder on the sandbox's tmpfs and goes away with it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from chaosgood_ext.errors import TwinError
from chaosgood_ext.twin.sandbox import own_folders

HOME = "/home/admin"
FIGURES = ("meminfo", "loadavg", "uptime", "stat")
"""Files of /proc that would tell of the machine: a host reads its own instead."""

SYSRQ = "/run/sysrq-trigger"
"""A host's own FIFO in place of :data:`KERNEL_SYSRQ`, over which it is laid where the machine's kernel has that."""

KERNEL_SYSRQ = "/proc/sysrq-trigger"

_DISK = ("etc", "etc.work", "var/log", "var/lib", "var/cache", "var/tmp", "home")
_VOLATILE = ("tmp", "shm", "run")


@dataclass(frozen=True)
class Namespace:
    """A running host's first process, and the folder that holds what it writes."""

    pid: int
    folder: Path
    holder: subprocess.Popen[bytes]

    @property
    def lives(self) -> bool:
        """Whether its first process is still there; without it no other can be."""
        return self.holder.poll() is None

    @property
    def root(self) -> Path:
        """The host's `/`, as the daemon sees it."""
        return Path(f"/proc/{self.pid}/root")

    def enter(self, argv: list[str]) -> list[str]:
        """The command line that runs `argv` in this host."""
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-p", "-n", "--wd=/", "--", *argv]

    def end(self) -> None:
        """Kill every process of the host; its network interface goes with it."""
        self.holder.kill()
        self.holder.wait()


def script(hostname: str, folder: str, shown: Sequence[str] = ()) -> str:
    """The shell script that the host's first process runs before it becomes its init (pure).

    The folders `shown` stay visible also where they lie below the `/tmp` or the `/var` of the machine.
    """
    own, etc = shlex.quote(folder), shlex.quote(str(Path(folder).parent.parent / "etc"))
    covered = [shlex.quote(path) for path in shown if path.startswith(("/tmp/", "/var/"))]  # noqa: S108
    lines = [
        "set -e",
        f"hostname {shlex.quote(hostname)}",
        "mount -t proc proc /proc",
        *(f"mount --bind {own}/proc/{name} /proc/{name}" for name in FIGURES),
        f"mount -t overlay overlay -o lowerdir={etc},upperdir={own}/etc,workdir={own}/etc.work,userxattr /etc",
        *(f"mkdir -p {own}{path} && mount --rbind {path} {own}{path}" for path in covered),
        f"mount --rbind {own}/var /var",
        f"mount --rbind {own}/tmp /tmp",  # noqa: S108
        f"mount --bind {own}/home {HOME}",
        f"mount --bind {own}/shm /dev/shm",
        f"mount --bind {own}/run /run",
        f"if [ -e {KERNEL_SYSRQ} ]; then mount --bind {SYSRQ} {KERNEL_SYSRQ}; fi",
        "echo ready",
        "exec catatonit -P",
    ]
    return "\n".join(lines) + "\n"


def open_namespace(name: str, hostname: str, base: Path, deadline_s: float = 10) -> Namespace:
    """Make the namespaces of host `name`, its folder below `base`; what an earlier one left on its disk is there.

    Raises :class:`TwinError` with what the kernel said when that fails.
    """
    folder = base / name
    for part in _VOLATILE:
        shutil.rmtree(folder / part, ignore_errors=True)
    for part in (*_DISK, *_VOLATILE, "run/lock", "proc"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for figure in FIGURES:
        (folder / "proc" / figure).touch()
    os.mkfifo(f"{folder}{SYSRQ}", 0o200)
    holder = subprocess.Popen(
        [
            "unshare",
            "--mount",
            "--uts",
            "--pid",
            "--net",
            "--fork",
            "--kill-child",
            "--",
            "sh",
            "-c",
            script(hostname, str(folder), own_folders()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert holder.stdout is not None
    first = holder.stdout.readline().decode().strip()
    if first != "ready":
        holder.kill()
        rest = holder.stdout.read().decode().strip()
        raise TwinError(f"Host {name} could not be made: {' '.join(filter(None, (first, rest)))}")
    holder.stdout.close()
    return Namespace(_first_process(holder.pid, time.monotonic() + deadline_s), folder, holder)


def _first_process(holder_pid: int, deadline: float) -> int:
    while time.monotonic() < deadline:
        children = psutil.Process(holder_pid).children()
        if children:
            return int(children[0].pid)
        time.sleep(0.001)
    raise TwinError("A host's first process did not appear.")
