"""Locust as a process: ``import locust`` replaces the sockets of whoever imports it, so it never runs in ours.

The process leads a process group of its own and holds the reading end of a pipe whose other end is ours: it ends with
us however we end. (A parent-death signal would not do: it fires when the *thread* that started the child ends, and
Chaos Toolkit runs background activities in threads.)
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaosgood_ext.errors import BadInput, GameError

_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_START_DEADLINE_S = 20.0
_STOP_DEADLINE_S = 0.8
_POLL_S = 0.05

_CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP)
"""Signals by which a process ends that does what it must not."""

_loads: list[Load] = []


@dataclass
class Load:
    """Load that is being offered. `folder` holds its pid file, its log, and Locust's CSV files."""

    pid: int
    started: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    lifeline: int | None = field(default=None, repr=False)
    out_of_memory: int = 0
    """How many processes the kernel had killed for want of memory when this one was started."""

    @classmethod
    def start(cls, url: str, users: int, requests_per_s: float) -> Load:
        """Start Locust and wait until all its users are at work.

        Raises :class:`BadInput` for a URL or a number that is none, :class:`GameError` when Locust does not start.
        """
        _require_usable(url, users, requests_per_s)
        folder = _folder()
        read_end, write_end = os.pipe()
        try:
            process = _spawn(url, users, requests_per_s, folder, read_end)
        except OSError as error:
            os.close(write_end)
            raise GameError(f"Locust cannot be started: {error}.") from error
        finally:
            os.close(read_end)
        load = cls(process.pid, _start_time(process.pid), folder, process, write_end, _killed_for_memory())
        _loads.append(load)
        (folder / "pid.json").write_text(json.dumps({"pid": load.pid, "started": load.started}))
        load._wait_until_at_work()
        return load

    @property
    def running(self) -> bool:
        """Whether the process is still there, and still the one that was started."""
        if self.process is not None:
            return self.process.poll() is None
        return bool(self.started) and _start_time(self.pid) == self.started

    def lost(self) -> str:
        """How somebody ended or halted the process, in a clause; nothing while it is at work.

        Raises :class:`GameError` where it ended by itself, or by the kernel: that is nobody's doing.
        """
        status = self.process.poll() if self.process is not None else None
        if status is not None and (own := self._own_end(status)):
            raise GameError(f"Locust ended by itself ({own}), and without users there is no game.", self._advice)
        if status is not None:
            return f"the load was ended by {signal.Signals(-status).name}"
        if not self.running:
            return "the load was ended"
        return "the load was halted" if _state(self.pid) in ("T", "t") else ""

    @property
    def _advice(self) -> str:
        return f"See {self.folder / 'locust.log'}, and play again."

    def _own_end(self, status: int) -> str:
        """How it ended, where nobody ended it."""
        if status >= 0:
            return f"status {status}"
        number = signal.Signals(-status)
        if number in _CRASHES:
            return number.name
        if number is signal.SIGKILL and _killed_for_memory() > self.out_of_memory:
            return "the machine has too little memory"
        return ""

    def requests(self) -> int:
        """How many requests were made so far; 0 when the process is gone."""
        if not self.running:
            return 0
        try:
            # Locust only ever appends to this file, while it empties and rewrites the others.
            written = (self.folder / "requests_stats_history.csv").read_text()
        except FileNotFoundError:
            return 0
        whole_lines = written[: written.rfind("\n") + 1].splitlines()
        totals = [int(row["Total Request Count"]) for row in csv.DictReader(whole_lines) if row["Name"] == "Aggregated"]
        return max(totals, default=0)

    def stop(self) -> None:
        """End the process group, by force when it does not end within a second; harmless when it has ended."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.running:
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, number)
            if _until(lambda: not self.running, _STOP_DEADLINE_S):
                break
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None
        (self.folder / "pid.json").unlink(missing_ok=True)
        if self in _loads:
            _loads.remove(self)

    def _wait_until_at_work(self) -> None:
        _until(lambda: not self.running or self.requests() > 0, _START_DEADLINE_S)
        if self.requests() > 0:
            return
        what = "gave no request" if self.running else "ended"
        self.stop()
        tail = " | ".join((self.folder / "locust.log").read_text(errors="replace").strip().splitlines()[-3:])
        raise GameError(f"Locust {what} when it was started: {tail or 'it said nothing'}.")


def current() -> Load | None:
    """Return the load that this process offers."""
    return next((load for load in _loads if load.running), None)


def left_behind() -> Load | None:
    """Return the load of this game's folder (`CHAOSGOOD_GAME`) that another process started and that still runs."""
    game = os.environ.get("CHAOSGOOD_GAME")
    if not game:
        return None
    folder = Path(game) / "load"
    try:
        written = json.loads((folder / "pid.json").read_text())
    except (OSError, ValueError):
        return None
    load = Load(written["pid"], written["started"], folder)
    return load if load.running else None


def _require_usable(url: str, users: int, requests_per_s: float) -> None:
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"The load needs the application's URL, and {url!r} is none.", "Give `url`, or an environment.")
    if users < 1 or requests_per_s <= 0:
        raise BadInput(f"The load of {users} users and {requests_per_s} requests a second is none.")


def _folder() -> Path:
    game = os.environ.get("CHAOSGOOD_GAME")
    if not game:
        return Path(tempfile.mkdtemp(prefix="chaosgood-load-"))
    folder = Path(game).resolve() / "load"
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("requests_*.csv"):
        left_over.unlink()
    return folder


def _spawn(url: str, users: int, requests_per_s: float, folder: Path, lifeline: int) -> subprocess.Popen[bytes]:
    argv = [
        *(sys.executable, "-m", "locust", "--locustfile", str(_LOCUSTFILE), "--host", url),
        *("--headless", "--only-summary", "--users", str(users), "--spawn-rate", str(users)),
        *("--csv", str(folder / "requests"), "--exit-code-on-error", "0"),
    ]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("LOCUST_")},
        "CHAOSGOOD_LOAD_USERS": str(users),
        "CHAOSGOOD_LOAD_RPS": str(requests_per_s),
        "CHAOSGOOD_LOAD_LIFELINE": str(lifeline),
    }
    with (folder / "locust.log").open("wb") as log:
        return subprocess.Popen(
            argv,
            cwd=folder,  # Locust reads settings from the folder that it is started in
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lifeline],
            start_new_session=True,
        )


def _killed_for_memory() -> int:
    """How many processes the kernel has killed for want of memory since it started; see proc_vmstat(5)."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _state(pid: int) -> str:
    """Return the letter of a process' state, or "" when it is gone; see proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    """Return when `pid` was started, in clock ticks since boot, or "" when it is gone or a zombie; see proc(5)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if after_name[0] in "ZX" else after_name[19]


def _until(condition: Callable[[], bool], deadline_s: float) -> bool:
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True
