"""What the twin needs of the machine, tried for real in a sandbox that lives for a moment.

:func:`examine` tries and gathers :class:`Facts`; :func:`diagnose` turns facts into findings and touches nothing.
"""

from __future__ import annotations

import platform
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chaosgood_ext.errors import CommandError, MachineError
from chaosgood_ext.twin import cache, programs
from chaosgood_ext.twin.run import Runner, run
from chaosgood_ext.twin.sandbox import PATH

MEMORY_MIB = 1024
"""What should be free: a whole idle twin is some 600 MiB, and a game brings its own load."""

FREE_DISK_MIB = 300
"""For games and, at first, the twin's images; the programs check what they need themselves."""

_MIB = 1024**2
_SANDBOX = (
    "unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--uts", "--ipc",
    "--fork", "--kill-child", "--mount-proc", "--", "sh", "-e", "-c",
)  # fmt: skip
_MIN_NAMESPACES = 32
_SYSCTLS = (
    "kernel.apparmor_restrict_unprivileged_userns",
    "kernel.unprivileged_userns_clone",
    *(f"user.max_{kind}_namespaces" for kind in ("user", "net", "pid", "mnt", "uts", "ipc")),
)
_CONNTRACK = """
table inet doctor {
  chain input { type filter hook input priority 0; policy drop; ct state established,related accept; }
}
"""


@dataclass(frozen=True)
class Trial:
    """A step that the twin takes when it starts: a shell script, run with the programs at `$TREE`."""

    name: str
    script: str
    needs_programs: bool = False


TRIALS = (
    Trial("overlay over /usr", "true", needs_programs=True),
    Trial("network namespace", "ip link add doctor type veth peer name rotcod; ip link set doctor up", True),
    Trial("nested process namespace", "unshare --mount --pid --fork --kill-child --mount-proc true"),
    Trial("nested user namespace", "unshare --user --map-user=999 --map-group=999 true"),
    Trial(
        "executable tmpfs",
        "mount -t tmpfs tmpfs /run; echo '#!/bin/sh' >/run/program; chmod +x /run/program; /run/program",
    ),
    Trial(
        "overlay over /etc",
        "mount -t tmpfs tmpfs /run; mkdir /run/upper /run/work;"
        " mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work,userxattr /etc;"
        " touch /etc/doctor",
    ),
    Trial(
        "read-only mounts",
        "mount -t tmpfs tmpfs /run; "
        f"{shlex.quote(sys.executable)} -c 'from chaosgood_ext.twin import kernel; kernel.make_read_only(\"/\")'; "
        "! touch /run/doctor 2>/dev/null",
    ),
    Trial("packet filter with connection tracking", f"echo {shlex.quote(_CONNTRACK)} | nft -f -", True),
    Trial(
        "programs start",
        "nginx -v && catatonit --version && prometheus --version && prometheus-alertmanager --version"
        " && /usr/lib/postgresql/15/bin/postgres --version",
        True,
    ),
)
"""In the order in which they are tried, inside a user namespace."""

_OVERLAY = 'mount -t overlay overlay -o "lowerdir=$TREE/usr:/usr" /usr; '


@dataclass(frozen=True)
class Facts:
    """What :func:`examine` saw; the defaults are those of a machine that lacks nothing.

    `failures` maps a trial's name to what was said when it failed; `untried` holds the names of those that need what
    is missing already. `sysctls` has the kernel's switches that exist here.
    """

    system: str = "Linux"
    kernel: str = ""
    python: tuple[int, int] = (3, 13)
    container: bool = False
    sysctls: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    untried: frozenset[str] = frozenset()
    programs: str = ""
    programs_problem: MachineError | None = None
    free_disk_mib: int = 1 << 20
    free_memory_mib: int = 1 << 20
    cache_folder: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that the twin needs: whether it is there (None: could not be tried), and what mends it."""

    name: str
    ok: bool | None
    detail: str = ""
    remedy: str = ""


def examine(on_progress: programs.Progress = lambda _: None, run: Runner = run) -> Facts:
    """Try everything on this machine; the twin's programs are fetched when they are missing. Raises nothing."""
    if platform.system() != "Linux":
        return Facts(system=platform.system(), kernel=platform.release(), python=sys.version_info[:2])
    folder = cache.folder()
    tree, problem = "", None
    try:
        tree = str(programs.ensure(on_progress))
    except MachineError as error:
        problem = error
    failures, untried = _try_all(tree, run)
    return Facts(
        kernel=platform.release(),
        python=sys.version_info[:2],
        container=any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")),
        sysctls=_read_sysctls(),
        failures=failures,
        untried=frozenset(untried),
        programs=tree,
        programs_problem=problem,
        free_disk_mib=shutil.disk_usage(_existing(folder)).free // _MIB,
        free_memory_mib=psutil.virtual_memory().available // _MIB,
        cache_folder=str(folder),
    )


def diagnose(facts: Facts) -> list[Finding]:
    """Say of each thing that the twin needs whether it is there, and how to mend what is not."""
    if facts.system != "Linux":
        return [Finding("Linux", False, f"this is {facts.system}", _IN_A_VIRTUAL_MACHINE)]
    return [
        Finding("Linux", True, f"kernel {facts.kernel}"),
        _python(facts),
        _programs(facts),
        _user_namespace(facts),
        *(_trial(facts, trial.name) for trial in TRIALS),
        _namespaces_left(facts),
        _amount("free memory", facts.free_memory_mib, MEMORY_MIB, "End what you can spare."),
        _amount("free disk", facts.free_disk_mib, FREE_DISK_MIB, _free_disk(facts.cache_folder)),
    ]


_IN_A_VIRTUAL_MACHINE = (
    "The twin is made of Linux namespaces; play in a Linux virtual machine, for example: "
    "limactl start --name=chaosgood template:debian-12 && limactl shell chaosgood"
)
_CONTAINER_SWITCHES = (
    "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined …"
)


def _python(facts: Facts) -> Finding:
    version = ".".join(map(str, facts.python))
    if (3, 11) <= facts.python < (3, 14):
        return Finding("Python 3.11 to 3.13", True, version)
    return Finding("Python 3.11 to 3.13", False, version, "apt-get install python3, then make clean set-up")


def _programs(facts: Facts) -> Finding:
    name = "programs"
    if facts.programs_problem:
        return Finding(name, False, facts.programs_problem.what, facts.programs_problem.remedy)
    return Finding(name, True, facts.programs)


def _user_namespace(facts: Facts) -> Finding:
    """The one that everything else needs, and that distributions and containers switch off in different ways."""
    name = "user namespace"
    if name not in facts.failures:
        return Finding(name, True)
    said = facts.failures[name]
    for switch, forbidding, allowing in (
        ("kernel.apparmor_restrict_unprivileged_userns", 1, 0),
        ("kernel.unprivileged_userns_clone", 0, 1),
        ("user.max_user_namespaces", 0, 15000),
    ):
        if facts.sysctls.get(switch) == forbidding:
            return Finding(name, False, f"{switch} is {forbidding}", f"sudo sysctl -w {switch}={allowing}")
    if facts.container:
        return Finding(name, False, f"forbidden in this container: {said}", _CONTAINER_SWITCHES)
    if "not found" in said or "No such file" in said:
        return Finding(name, False, said, "sudo apt-get install util-linux")
    return Finding(name, False, said, "Play in a virtual machine with a stock Debian 12 kernel.")


def _trial(facts: Facts, name: str) -> Finding:
    if name in facts.untried:
        return Finding(name, None, "because of what is missing above")
    if name not in facts.failures:
        return Finding(name, True)
    said = facts.failures[name]
    if "No space left on device" in said and _too_few(facts):  # how the kernel says that a limit was reached
        return Finding(name, False, said, _more_namespaces(facts))
    if facts.container:
        return Finding(name, False, f"in this container: {said}", _CONTAINER_SWITCHES)
    if name == "packet filter with connection tracking":
        return Finding(name, False, said, "sudo modprobe -a nf_tables nf_conntrack nft_ct")
    if name == "network namespace":
        return Finding(name, False, said, "sudo modprobe veth")
    if name.startswith("overlay"):
        return Finding(name, False, said, "sudo modprobe overlay; the kernel must be 5.11 or newer")
    if name == "programs start":
        return Finding(name, False, said, f"rm -rf {shlex.quote(facts.programs)}; they are fetched again")
    return Finding(
        name, False, said, "Play with a stock Debian 12 kernel (5.12 or newer), if need be in a virtual machine."
    )


def _namespaces_left(facts: Facts) -> Finding:
    name = "namespaces allowed"
    if low := _too_few(facts):
        said = ", ".join(f"{switch} is {limit}" for switch, limit in low.items())
        return Finding(name, False, said, _more_namespaces(facts))
    return Finding(name, True)


def _too_few(facts: Facts) -> dict[str, int]:
    return {key: value for key, value in facts.sysctls.items() if "max_" in key and value < _MIN_NAMESPACES}


def _more_namespaces(facts: Facts) -> str:
    return f"sudo sysctl -w {' '.join(f'{switch}=15000' for switch in _too_few(facts))}"


def _amount(name: str, there_mib: int, needed_mib: int, remedy: str) -> Finding:
    if there_mib >= needed_mib:
        return Finding(name, True, f"{there_mib} MiB")
    return Finding(name, False, f"{there_mib} MiB of {needed_mib} MiB", remedy)


def _free_disk(folder: str) -> str:
    return f"Free some space in {folder}, or set CHAOSGOOD_CACHE to a folder on a roomier disk."


def _try_all(tree: str, run: Runner) -> tuple[dict[str, str], set[str]]:
    failures: dict[str, str] = {}
    if said := _try("true", tree, run):
        return {"user namespace": said}, {trial.name for trial in TRIALS}
    untried = {trial.name for trial in TRIALS if trial.needs_programs and not tree}
    for trial in TRIALS:
        if trial.name not in untried and (said := _try(_OVERLAY * trial.needs_programs + trial.script, tree, run)):
            failures[trial.name] = said
    return failures, untried


def _try(script: str, tree: str, run: Runner) -> str:
    """Run `script` as root of new namespaces; return the last thing said when it fails, else nothing."""
    try:
        run(["env", f"PATH={PATH}", f"TREE={tree}", "LC_ALL=C", *_SANDBOX, script])
    except CommandError as error:
        return (error.output.strip().splitlines() or [f"status {error.status}"])[-1]
    return ""


def _read_sysctls() -> dict[str, int]:
    found = {}
    for name in _SYSCTLS:
        path = Path("/proc/sys", *name.split("."))
        if path.exists():
            found[name] = int(path.read_text())
    return found


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())
