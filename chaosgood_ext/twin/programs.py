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
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from chaosgood_ext.errors import MachineError
from chaosgood_ext.twin import cache

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

_LEFT_OUT = (
    "doc",
    "doc-base",
    "info",
    "javascript/moment-timezone/data",
    "lintian",
    "locale",
    "man",
    "nodejs",
)
_DPKG_STATUS = Path("/var/lib/dpkg/status")
_OS_RELEASE = Path("/etc/os-release")
_MANIFEST = "manifest.json"
_UNPACKED_PER_PACKED = 5
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Download:
    """One package file that apt would fetch."""

    package: str
    address: str
    file_name: str
    size_bytes: int

    def archive(self, downloads: Path) -> Path:
        """Where the file is once it is here: apt leaves a local mirror's files where they are."""
        local = self.address.removeprefix("file:")
        return downloads / self.file_name if local == self.address else Path(unquote(local))


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


def present() -> Path | None:
    """The folder that :func:`ensure` would return without fetching anything; None when it would have to."""
    if not _OS_RELEASE.exists() or not _DPKG_STATUS.exists():
        return None
    name = tree_name(PACKAGES, _OS_RELEASE.read_text(), platform.machine())
    return _complete_tree(cache.folder() / "programs", name)


def tree_name(packages: Iterable[str], os_release: str, architecture: str) -> str:
    """Name the tree that these packages give on such a system; another list or release is another tree."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    system = [fields.get(key, "").strip('"') for key in ("ID", "VERSION_ID", "VERSION_CODENAME")]
    recipe = json.dumps([sorted(packages), sorted(LINKS.items()), system, architecture])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def installed_packages(dpkg_status: str) -> set[str]:
    """Names of the packages that a dpkg status file counts as installed (removed ones stay listed there)."""
    return {
        match["name"]
        for match in re.finditer(r"^Package: (?P<name>\S+)\nStatus: \S+ \S+ installed$", dpkg_status, re.MULTILINE)
    }


def planned_downloads(print_uris: str) -> list[Download]:
    """Read what `apt-get --print-uris` prints: one quoted address, file name, size and digest a line."""
    lines = (line.split() for line in print_uris.splitlines() if line.startswith("'"))
    return [Download(name.split("_")[0], uri.strip("'"), name, int(size)) for uri, name, size, *_ in lines]


def diagnose(output: str) -> MachineError:
    """Turn what apt, dpkg-deb or tar said when it failed into what is wrong and what to do."""
    absent = re.findall(
        r"(?:Unable to locate package|Package '?)\s*([\w.+-]+)'?(?: has no installation candidate)?$",
        output,
        re.MULTILINE,
    )
    if "No space left on device" in output or "don't have enough free space" in output:
        return MachineError(
            f"The disk of {cache.folder()} is full.",
            "Free some space or set CHAOSGOOD_CACHE to a roomier disk.",
        )
    if re.search(
        r"Could not resolve|Temporary failure resolving|Could not connect|Cannot initiate the connection|"
        r"Network is unreachable|Connection timed out|Unable to connect",
        output,
    ):
        return MachineError(
            "The Debian packages that the twin needs could not be fetched: no package mirror answers.",
            "Check the network (apt-get update must work), then try again; once fetched they are kept.",
        )
    if absent:
        return MachineError(
            f"This machine's package sources do not have {', '.join(sorted(set(absent)))}.",
            "The twin is made for Debian 12: play there, with its main component among apt's sources.",
        )
    errors = [line.removeprefix("E: ") for line in output.splitlines() if line.startswith("E: ")]
    last = errors or output.strip().splitlines()[-2:] or ["it said nothing"]
    return MachineError(
        f"The Debian packages that the twin needs could not be fetched: {' '.join(last)}",
        "Mend apt (apt-get check), then try again.",
    )


def _complete_tree(home: Path, name: str) -> Path | None:
    """Find a tree that still completes this machine: what it counted on may have been uninstalled since."""
    manifests = sorted(home.glob(f"{name}*/{_MANIFEST}"))
    if not manifests:
        return None
    installed = installed_packages(_DPKG_STATUS.read_text())
    for manifest in manifests:
        if installed.issuperset(json.loads(manifest.read_text())["counts_on"]):
            return manifest.parent
    return None


def _make_tree(home: Path, name: str, packages: Sequence[str], on_progress: Progress) -> Path:
    for left in home.glob("partial-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="partial-", dir=home, ignore_cleanup_errors=True) as scratch:
        work = Path(scratch)
        apt = _Apt(work, home / "downloads")
        on_progress("Reading the package lists of this machine's Debian mirror")
        apt.update()
        downloads = apt.plan(packages)
        _require_room(home, downloads)
        size_mb = sum(each.size_bytes for each in downloads) / 1e6
        on_progress(f"Fetching {len(downloads)} Debian packages ({size_mb:.0f} MB) that this machine lacks")
        apt.download(packages)
        on_progress(f"Unpacking {len(downloads)} Debian packages")
        _unpack([each.archive(apt.archives) for each in downloads], work / "tree")
        fetched = {each.package for each in downloads}
        counts_on = (apt.closure(packages) & installed_packages(_DPKG_STATUS.read_text())) - fetched
        manifest = {"fetched": sorted(each.file_name for each in downloads), "counts_on": sorted(counts_on)}
        (work / "tree" / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        # A tree may be in use by a running twin, so one that no longer suffices is left alone, not replaced.
        older = len(list(home.glob(f"{name}*")))
        tree = home / (f"{name}-{older}" if older else name)
        (work / "tree").rename(tree)
    shutil.rmtree(home / "downloads", ignore_errors=True)
    return tree


class _Apt:
    """The machine's apt and its sources, with all that it writes kept in folders of ours."""

    def __init__(self, work: Path, downloads: Path) -> None:
        self.archives = downloads / "archives"
        for folder in (work / "state/lists/partial", self.archives / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._warnings = ""
        self._configuration = work / "apt.conf"
        self._configuration.write_text(_apt_configuration(work / "state", downloads))

    def update(self) -> None:
        self._warnings = self._run("apt-get", "--quiet=2", "update")

    def plan(self, packages: Sequence[str]) -> list[Download]:
        return planned_downloads(self._install("--print-uris", *packages))

    def download(self, packages: Sequence[str]) -> None:
        self._install("--download-only", *packages)

    def closure(self, packages: Sequence[str]) -> set[str]:
        """Everything that the packages need, directly or not."""
        kinds = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
        printed = self._run("apt-cache", "depends", "--recurse", *kinds, *packages)
        return {line for line in printed.splitlines() if line and line[0] not in " |<"}

    def _install(self, *arguments: str) -> str:
        return self._run(
            "apt-get",
            "install",
            "--quiet=2",
            "--yes",
            "--no-install-recommends",
            "--no-upgrade",
            "--fix-broken",
            *arguments,
        )

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [program, f"--config-file={self._configuration}", *arguments],
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            # What `update` could not reach it only warns of, and `install` then lacks.
            raise diagnose(done.stdout + done.stderr + self._warnings)
        return done.stdout + done.stderr


def _apt_configuration(state: Path, downloads: Path) -> str:
    return f"""
Dir::State "{state}";
Dir::State::status "{_DPKG_STATUS}";
Dir::Cache "{downloads}";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Debug::NoLocking "true";
// Root would hand the download to the user _apt, who may not write to our folder.
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "15";
Acquire::https::Timeout "15";
APT::Keep-Downloaded-Packages "true";
// Hooks of the machine: they would act on the machine's own caches and services.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
// Lists that only other programs read.
#clear Acquire::IndexTargets::deb-src;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb::CNF;
"""


def _unpack(archives: Sequence[Path], tree: Path) -> None:
    (tree / "usr").mkdir(parents=True)
    for folder in _MERGED:
        (tree / "usr" / folder).mkdir()
        (tree / folder).symlink_to(f"usr/{folder}")
    largest_first = sorted(archives, key=lambda archive: archive.stat().st_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda archive: _unpack_one(archive, tree), largest_first))
    for link, target in LINKS.items():
        path = tree / link
        if (path.parent / target).exists():
            path.unlink(missing_ok=True)
            path.symlink_to(target)
    for entry in tree.iterdir():
        if entry.is_symlink():
            entry.unlink()
        elif entry.name not in {"usr", "etc"}:
            shutil.rmtree(entry)


def _unpack_one(archive: Path, tree: Path) -> None:
    """Lay one package's files into the tree, under `usr/` also where it ships `/bin` or `/lib`.

    `dpkg-deb --extract` would replace our links by folders. No owner and no set-user-id bit is taken over:
    the files are ours.
    """
    left_out = [f"--exclude=./usr/share/{folder}" for folder in _LEFT_OUT]
    unpack = [
        "tar",
        "--extract",
        "--keep-directory-symlink",
        "--no-same-owner",
        "--no-same-permissions",
        *left_out,
    ]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as reader:
        done = subprocess.run(
            [*unpack, f"--directory={tree}"], stdin=reader.stdout, capture_output=True, text=True, check=False
        )
        assert reader.stderr is not None
        complaint = reader.stderr.read().decode(errors="replace")
    if done.returncode or reader.returncode:
        raise diagnose(f"{archive.name}: {complaint}{done.stderr}")


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
    if shutil.which("apt-get") is None or not _DPKG_STATUS.exists():
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
