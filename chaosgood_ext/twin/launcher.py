"""Starts and ends twins, and finds those that run: what happens outside the sandbox.

A running twin is one `unshare` process; a file in the cache folder's `run/` says which. Ending that process ends
everything inside.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from chaosgood_ext.errors import BadInput, MachineError, TwinError
from chaosgood_ext.twin import cache, programs
from chaosgood_ext.twin.sandbox import PATH, Settings, own_folders

DOORS = ("aws", "application", "prometheus", "alertmanager")
GRAFANA = Path("/usr/share/grafana/bin/grafana")
"""Debian has no Grafana; where the machine has it, it runs in the twin, with a door of its own."""
_BOOT_DEADLINE_S = 90.0
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_UNSHARE = (
    "unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--uts", "--ipc",
    "--fork", "--kill-child", "--mount-proc", "--",
)  # fmt: skip

_MANAGED = ("alb-", "db-")
"""How the names of hosts begin that AWS keeps to itself: load balancer nodes and databases."""

Progress = Callable[[str], None]


def _silent(_: str) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class RunningTwin:
    """A twin that runs: `pid` is the process whose end ends it, `init_pid` the first process of its sandbox."""

    name: str
    pid: int
    init_pid: int
    started: float
    private: bool
    outputs: dict[str, Any]
    lifeline: int = field(default=-1, compare=False)

    @property
    def log_path(self) -> Path:
        """Where its daemon logs."""
        return _run_folder() / f"{self.name}.log"

    @property
    def record_path(self) -> Path:
        """The file that says that it runs."""
        return _run_folder() / f"{self.name}.json"

    def is_alive(self) -> bool:
        """Whether it still runs, and is not another process with its number."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        return False

    def status(self) -> dict[str, Any]:
        """The daemon's last word: `hosts` (name, aliases, address, tier, pid, units), the names of each that is to run
        and does not answer (`down`), and what is `missing`.

        Raises :class:`TwinError` where the twin is gone or its daemon has not yet said anything.
        """
        try:
            text = Path(f"/proc/{self.init_pid}/root/run/twin/status.json").read_text()
        except OSError as gone:
            raise TwinError(f"Twin {self.name} does not answer.", "Run `chaos twin status`.") from gone
        loaded: dict[str, Any] = json.loads(text)
        return loaded

    def host(self, name: str) -> dict[str, Any]:
        """The host with this name, alias, host name or address.

        Raises :class:`BadInput` that lists all, and :class:`TwinError` for one that crashed or reboots.
        """
        status = self.status()
        hosts = status["hosts"]
        for host in hosts:
            if name in (host["name"], host["hostname"], host["address"], *host["aliases"]):
                found: dict[str, Any] = host
                return found
        for names in status["down"]:
            if name in names:
                raise TwinError(
                    f"{names[0]} ({name}) is not connected: it does not answer.",
                    f"See `aws ec2 describe-instance-status --instance-ids {names[0]}`.",
                )
        known = ", ".join(sorted((host["aliases"] or [host["name"]])[0] for host in hosts))
        raise BadInput(f"There is no host {name!r}.", f"Hosts: {known}.")

    def argv_in(self, host: str, argv: Sequence[str], *, logged: bool = True) -> list[str]:
        """The command line that runs `argv` on `host` as an engineer would; an interactive shell where it is empty.

        What is typed or run is logged there as a session, unless `logged` is false: what a game itself tries is not
        an engineer's. The terminal is the caller's. Raises :class:`BadInput` for an unknown host, and for one that
        nobody can log in to on AWS.
        """
        found = self.host(host)
        if found["name"].startswith(_MANAGED):
            raise BadInput(
                f"{host} is a managed service: nobody can log in there, as on AWS.",
                "Use its API, or reach it from a host: `chaos shell app-1 -- psql -h database.chaosgood.internal`.",
            )
        pid = found["pid"]
        session = (
            ["bash", "/etc/chaosgood/session", *argv] if argv else ["bash", "--rcfile", "/etc/chaosgood/bashrc", "-i"]
        )
        session = session if logged else [*argv]
        return [
            "nsenter", "-t", str(self.init_pid), "--user", "--preserve-credentials", "-m", "-n", "-p", "-u", "-i", "--",
            "nsenter", "-t", str(pid), "-m", "-u", "-p", "-n", "--wd=/home/admin", "--",
            "env", "-i", f"TERM={os.environ.get('TERM', 'dumb')}", "HOME=/home/admin", "USER=root", "LANG=C.UTF-8",
            f"CHAOSGOOD_HOST={(found['aliases'] or [found['name']])[0]}",
            "PATH=/home/admin/bin:/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            *session,
        ]  # fmt: skip


def boot(name: str | None = None, *, private: bool = False, on_progress: Progress = _silent) -> RunningTwin:
    """Start a twin and wait for its steady state; a `private` one ends with the calling process.

    Raises :class:`BadInput` for a name that cannot be used or is in use, :class:`MachineError` where the machine
    lacks something, and :class:`TwinError` with the daemon's last words where it did not come up.
    """
    name = name or f"twin-{secrets.token_hex(2)}"
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be a twin's name.", "Use lower-case letters, digits and hyphens.")
    if any(twin.name == name for twin in running()):
        raise BadInput(f"Twin {name} is already running.", f"End it by `chaos twin down {name}`, or use it.")
    tools = programs.ensure(on_progress)
    images = cache.folder() / "images"
    images.mkdir(parents=True, exist_ok=True)
    _run_folder().mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        listeners = {
            door: stack.enter_context(_listen()) for door in (*DOORS, *(["grafana"] if GRAFANA.exists() else []))
        }
        status_read, status_write = _pipe(stack)
        lifeline_read, lifeline_write = _pipe(stack)
        # Now, while the numbers of all descriptors that the stack closes are still taken.
        lifeline = os.dup(lifeline_write) if private else -1
        settings = Settings(
            name=name,
            programs=str(tools),
            images=str(images),
            keep=own_folders(),
            listeners={door: listener.fileno() for door, listener in listeners.items()},
            urls={door: f"http://127.0.0.1:{listener.getsockname()[1]}" for door, listener in listeners.items()},
            status_fd=status_write,
            lifeline_fd=lifeline_read if private else -1,
        )
        process = _spawn(settings, name)
        os.set_blocking(status_read, False)
        try:
            outputs = _await_ready(process, status_read, status_write, on_progress, _run_folder() / f"{name}.log")
        except BaseException:
            _close(lifeline)
            _kill(process.pid)
            process.wait()
            (_run_folder() / f"{name}.log").unlink(missing_ok=True)
            raise
        twin = RunningTwin(
            name=name,
            pid=process.pid,
            init_pid=psutil.Process(process.pid).children()[0].pid,
            started=psutil.Process(process.pid).create_time(),
            private=private,
            outputs=outputs,
            lifeline=lifeline,
        )
        _write_record(twin)
        return twin


def running() -> list[RunningTwin]:
    """All twins of this user that run, oldest first; files of dead ones are removed."""
    twins = []
    for path in _run_folder().glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            values = json.loads(path.read_text())
            twin = RunningTwin(**values)
            if twin.is_alive():
                twins.append(twin)
            else:
                _forget(twin)
    _sweep()
    return sorted(twins, key=lambda twin: twin.started)


def find(name: str | None = None) -> RunningTwin:
    """The running twin `name`, or the only one. Raises :class:`TwinError` where there is none or a choice."""
    twins = running()
    if name:
        for twin in twins:
            if twin.name == name:
                return twin
        others = ", ".join(twin.name for twin in twins)
        raise TwinError(
            f"No twin {name!r} is running.",
            f"Running: {others}." if others else "Start one by `chaos twin up`.",
        )
    if not twins:
        raise TwinError("No twin is running.", "Start one by `chaos twin up`, or play a game: `make play`.")
    if len(twins) > 1:
        names = ", ".join(twin.name for twin in twins)
        raise TwinError(f"Several twins are running: {names}.", "Name one by CHAOSGOOD_TWIN.")
    return twins[0]


def shut_down(twin: RunningTwin, deadline_s: float = 5.0) -> None:
    """End a twin and wait until nothing of it is left. Raises :class:`TwinError` after `deadline_s`."""
    processes = [twin.pid, twin.init_pid]
    descriptors = []
    for pid in processes:
        with contextlib.suppress(OSError):
            descriptors.append(os.pidfd_open(pid))
    if twin.is_alive():
        _kill(twin.init_pid)  # and its parent, `unshare`, sees it off
    deadline = time.monotonic() + deadline_s
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TwinError(f"Twin {twin.name} (process {twin.pid}) did not end within {deadline_s:g} s.")
            for key, _ in ready:
                selector.unregister(key.fd)
                os.close(key.fd)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(twin.pid, os.WNOHANG)
    if twin.lifeline >= 0:
        with contextlib.suppress(OSError):
            os.close(twin.lifeline)
    _forget(twin)


def exports(outputs: dict[str, Any], who: str = "player") -> dict[str, str]:
    """The environment variables with which the AWS CLI and boto3 speak to the twin as `who`."""
    keys = outputs["credentials"][who]
    return {
        "AWS_ENDPOINT_URL": outputs["endpoint_url"],
        "AWS_REGION": outputs["region"],
        "AWS_DEFAULT_REGION": outputs["region"],
        "AWS_ACCESS_KEY_ID": keys["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_access_key"],
        "AWS_SESSION_TOKEN": keys["session_token"],
    }


def _sweep() -> None:
    """Remove the logs of twins that ended before they were up; a living one holds a lock on its log."""
    for path in _run_folder().glob("*.log"):
        if not path.with_suffix(".json").exists():
            with contextlib.suppress(OSError), path.open("rb") as log:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def _run_folder() -> Path:
    return cache.folder() / "run"


def _listen() -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", 0), backlog=256)
    except OSError as problem:
        raise MachineError(f"No port of the loopback can be had: {problem}.") from problem


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        stack.callback(_close, end)
    return ends


def _close(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        os.close(descriptor)


def _spawn(settings: Settings, name: str) -> subprocess.Popen[bytes]:
    descriptors = [*settings.listeners.values(), settings.status_fd]
    if settings.lifeline_fd >= 0:
        descriptors.append(settings.lifeline_fd)
    if not shutil.which("unshare"):
        raise MachineError("The program `unshare` is missing.", "Install the package util-linux.")
    environment = {
        key: value for key, value in os.environ.items() if key in ("LANG", "CHAOSGOOD_CACHE", "PYTHONDONTWRITEBYTECODE")
    }
    with (_run_folder() / f"{name}.log").open("ab") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the daemon inherits it, and so holds it to its end
        except BlockingIOError as held:
            raise BadInput(f"Twin {name} is being started already.", "Wait for it, or choose another name.") from held
        log.truncate(0)
        return subprocess.Popen(
            [*_UNSHARE, sys.executable, "-m", "chaosgood_ext.twin.sandbox", settings.dump()],
            pass_fds=descriptors, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**environment, "PATH": PATH, "HOME": "/home/admin"}, cwd="/",
        )  # fmt: skip


def _await_ready(
    process: subprocess.Popen[bytes], status_read: int, status_write: int, on_progress: Progress, log: Path
) -> dict[str, Any]:
    """Follow the daemon's progress to its `ready` line and return the outputs that it carries."""
    os.close(status_write)  # so that the end of the daemon is the end of the pipe
    deadline = time.monotonic() + _BOOT_DEADLINE_S
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(status_read, selectors.EVENT_READ)
        while selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(status_read, 65536)
            if not chunk:
                process.wait(5)
                raise TwinError(f"The twin ended while it started: {_tail(log)}", "Run `chaos doctor`.")
            *lines, pending = (pending + chunk).split(b"\n")
            for line in map(json.loads, lines):
                if "progress" in line:
                    on_progress(line["progress"])
                elif "error" in line:
                    raise TwinError(line["error"], line["remedy"])
                else:
                    outputs: dict[str, Any] = line["ready"]
                    return outputs
    raise TwinError(f"The twin did not come up within {_BOOT_DEADLINE_S:g} s: {_tail(log)}")


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return (" | ".join(lines[-3:]) or "it said nothing").rstrip(".") + "."


def _kill(pid: int) -> None:
    """End the sandbox's first process, and so all inside; or the `unshare` before it, which takes it along."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _write_record(twin: RunningTwin) -> None:
    values = {
        "name": twin.name, "pid": twin.pid, "init_pid": twin.init_pid, "started": twin.started,
        "private": twin.private, "outputs": twin.outputs,
    }  # fmt: skip
    fresh = twin.record_path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(values))
    fresh.replace(twin.record_path)


def _forget(twin: RunningTwin) -> None:
    """Remove the files of a twin, unless a later one of its name has them by now."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(twin.record_path.read_text())["pid"] != twin.pid:
            return
    twin.record_path.unlink(missing_ok=True)
    twin.log_path.unlink(missing_ok=True)
