"""Debian packages as files: unpacked below `usr/`, their scripts never run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chaosgood_ext.twin import apt

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
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Folders of the root that are links into `usr/` (Debian 12 and all that have a merged /usr)."""


def unpack(archives: Sequence[Path], tree: Path, links: Mapping[str, str]) -> None:
    """Unpack Debian packages into the new folder `tree`, side by side; keep `usr/` and `etc/` of them.

    `links` maps paths in the tree to what they are to point to, where that exists.
    Raises :class:`MachineError` for a package that is damaged, and for a full disk.
    """
    (tree / "usr").mkdir(parents=True)
    for folder in _MERGED:
        (tree / "usr" / folder).mkdir()
        (tree / folder).symlink_to(f"usr/{folder}")
    largest_first = sorted(archives, key=lambda archive: archive.stat().st_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda archive: _unpack_one(archive, tree), largest_first))
    for link, target in links.items():
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
        raise apt.diagnose(f"{archive.name}: {complaint}{done.stderr}")
