"""The machine's apt, asked as whoever we are: it reads the machine's sources and keys and writes only where we say."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from chaosgood_ext.errors import MachineError
from chaosgood_ext.twin import cache

DPKG_STATUS = Path("/var/lib/dpkg/status")


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


class Apt:
    """apt with its lists below `work` and what it fetches below `downloads`; both are made.

    Every method raises :class:`MachineError` with what apt said, told in a sentence.
    """

    def __init__(self, work: Path, downloads: Path) -> None:
        self.archives = downloads / "archives"
        for folder in (work / "state/lists/partial", self.archives / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        self._warnings = ""
        self._configuration = work / "apt.conf"
        self._configuration.write_text(_configuration(work / "state", downloads))

    def update(self) -> None:
        """Read the package lists of the machine's sources."""
        self._warnings = self._run("apt-get", "--quiet=2", "update")

    def plan(self, packages: Sequence[str]) -> list[Download]:
        """What would have to be fetched for `packages`, on top of what is installed."""
        return planned_downloads(self._install("--print-uris", *packages))

    def download(self, packages: Sequence[str]) -> None:
        """Fetch that, each file checked by its signed digest."""
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


def _configuration(state: Path, downloads: Path) -> str:
    return f"""
Dir::State "{state}";
Dir::State::status "{DPKG_STATUS}";
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
