"""The programs that the twin's hosts run, in a folder of our own and never installed.

What the machine lacks is fetched by the machine's own apt, which checks every signature, but with lists and
downloads in our cache folder, so that it needs no privilege. The packages are unpacked, not installed: their
scripts never run, so no service is ever started, no user is made, and the machine's own package database
stays as it is.

The result is a folder whose `usr/` is laid over `/usr` inside the sandbox; its `etc/` holds the packages' own
configuration, such as nginx' `mime.types`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from chaosgood_ext.errors import MachineError
from chaosgood_ext.twin import cache
from chaosgood_ext.twin.apt import DPKG_STATUS, Apt, Download, installed_packages
from chaosgood_ext.twin.unpack import unpack

PACKAGES = (
    # what the tiers run
    "nginx",
    "libnginx-mod-http-headers-more-filter",  # for a load balancer's own answers
    "postgresql-15",
    "postgresql-client-15",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-blackbox-exporter",
    "prometheus-nginx-exporter",
    "prometheus-postgres-exporter",
    "mtail",
    # what makes hosts and networks of namespaces
    "catatonit",
    "conntrack",
    "iproute2",
    "nftables",
    "util-linux",
    # what an engineer expects in a shell
    "bind9-dnsutils",
    "curl",
    "iputils-ping",
    "jq",
    "less",
    "lnav",
    "netcat-openbsd",
    "procps",
    "psmisc",
    "tcpdump",
    "vim-tiny",
)
"""Names in Debian 12. What apt already counts as installed is used where it is."""

LINKS = {
    "usr/bin/nc": "nc.openbsd",
    "usr/bin/vi": "vim.tiny",
    "usr/bin/psql": "../lib/postgresql/15/bin/psql",
}
"""Names that a package's own scripts would have made, or that a Perl wrapper would have stood in for."""

_OS_RELEASE = Path("/etc/os-release")
_MANIFEST = "manifest.json"
_UNPACKED_PER_PACKED = 5

Progress = Callable[[str], None]


def ensure(on_progress: Progress = lambda _: None, packages: Sequence[str] = PACKAGES) -> Path:
    """Return the folder whose `usr/` completes the machine's `/usr`, fetching what is missing.

    Safe to call from several processes at once, and again after an interruption: a tree appears whole or not
    at all.

    :param on_progress: is told, in a sentence, of each step that may take more than two seconds.
    :raises MachineError: there is no apt, no network, no room, or a package that cannot be had.
    """
    home = cache.folder() / "programs"
    _require_usable(home)
    name = tree_name(packages, _OS_RELEASE.read_text(), platform.machine())
    tree = _complete_tree(home, name)
    if tree is None:
        with _alone(home, on_progress):
            tree = _complete_tree(home, name) or _make_tree(home, name, packages, on_progress)
    return tree


def tree_name(packages: Iterable[str], os_release: str, architecture: str) -> str:
    """Name the tree that these packages give on such a system; another list or release is another tree."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    system = [fields.get(key, "").strip('"') for key in ("ID", "VERSION_ID", "VERSION_CODENAME")]
    recipe = json.dumps([sorted(packages), sorted(LINKS.items()), system, architecture])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _complete_tree(home: Path, name: str) -> Path | None:
    """Find a tree that still completes this machine: what it counted on may have been uninstalled since."""
    manifests = sorted(home.glob(f"{name}*/{_MANIFEST}"))
    if not manifests:
        return None
    installed = installed_packages(DPKG_STATUS.read_text())
    for manifest in manifests:
        if installed.issuperset(json.loads(manifest.read_text())["counts_on"]):
            return manifest.parent
    return None


def _make_tree(home: Path, name: str, packages: Sequence[str], on_progress: Progress) -> Path:
    for left in home.glob("partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="partial-", dir=home, ignore_cleanup_errors=True) as scratch:
        work = Path(scratch)
        apt = Apt(work, home / "downloads")
        on_progress("Reading the package lists of this machine's Debian mirror")
        apt.update()
        downloads = apt.plan(packages)
        _require_room(home, downloads)
        size_mb = sum(each.size_bytes for each in downloads) / 1e6
        on_progress(f"Fetching {len(downloads)} Debian packages ({size_mb:.0f} MB) that this machine lacks")
        apt.download(packages)
        on_progress(f"Unpacking {len(downloads)} Debian packages")
        unpack([each.archive(apt.archives) for each in downloads], work / "tree", LINKS)
        fetched = {each.package for each in downloads}
        counts_on = (apt.closure(packages) & installed_packages(DPKG_STATUS.read_text())) - fetched
        manifest = {"fetched": sorted(each.file_name for each in downloads), "counts_on": sorted(counts_on)}
        (work / "tree" / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        # A tree may be in use by a running twin, so one that no longer suffices is left alone, not replaced.
        older = len(list(home.glob(f"{name}*")))
        tree = home / (f"{name}-{older}" if older else name)
        (work / "tree").rename(tree)
    shutil.rmtree(home / "downloads", ignore_errors=True)
    return tree


def _require_usable(home: Path) -> None:
    """Say what is wrong with the cache folder before anything is fetched into it."""
    elsewhere = "Set CHAOSGOOD_CACHE to another folder."
    if set(str(home)) & set(":,\\\n"):
        raise MachineError(
            f"{home} cannot be mounted: its name has a colon, comma, backslash or line break.", elsewhere
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        flags = os.statvfs(home).f_flag
    except OSError as error:
        raise MachineError(f"The cache folder {home} cannot be made: {error.strerror}.", elsewhere) from error
    if flags & os.ST_NOEXEC:
        raise MachineError(f"Programs cannot be started from {home}: it is mounted noexec.", elsewhere)
    if not os.access(home, os.W_OK):
        raise MachineError(f"The cache folder {home} cannot be written to.", elsewhere)
    if shutil.which("apt-get") is None or not DPKG_STATUS.exists():
        raise MachineError(
            "The twin's programs come as Debian packages, and this machine has no apt-get.",
            "Play on Debian 12, or in a virtual machine of it.",
        )


def _require_room(home: Path, downloads: Sequence[Download]) -> None:
    needed = sum(each.size_bytes for each in downloads) * (1 + _UNPACKED_PER_PACKED)
    free = shutil.disk_usage(home).free
    if free < needed:
        raise MachineError(
            f"The twin's programs need {needed / 1e6:.0f} MB in {home}, where {free / 1e6:.0f} MB are free.",
            "Free some space or set CHAOSGOOD_CACHE to a roomier disk.",
        )


@contextmanager
def _alone(home: Path, on_progress: Progress) -> Iterator[None]:
    """Hold the folder's lock, which the kernel releases however we end."""
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress("Waiting for another process that is fetching the twin's programs")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
