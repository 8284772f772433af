"""The sandbox: the first process of a twin, as root of namespaces of its own.

It lays the twin's programs over `/usr`, makes the whole machine read-only, covers what is a person's or temporary with
empty tmpfs, and becomes an init that runs the daemon. Nothing that happens inside can touch the machine, and
everything is gone when this process ends.

Run by :mod:`chaosgood_ext.twin.launcher` as `unshare … python -m chaosgood_ext.twin.sandbox SETTINGS`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from chaosgood_ext.twin import kernel

BASE = Path("/run/twin")
"""Where the twin keeps its state, on a tmpfs inside the sandbox."""

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for inside: a plain user's own search path often lacks the sbin folders."""

_COVERED = ("/run", "/tmp", "/home", "/root", "/dev/shm", "/mnt", "/media")  # noqa: S108

_ETC = (
    "alternatives", "bash.bashrc", "debian_version", "ethertypes", "fonts", "gai.conf", "host.conf", "inputrc",
    "iproute2", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic", "mime.types",
    "os-release", "profile", "protocols", "rpc", "services", "terminfo", "timezone", "vim",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the launcher hands to the sandbox and the daemon.

    `listeners` maps a door's name to the descriptor of its listening socket; `status_fd` is where the daemon tells
    of its progress; `lifeline_fd` (or -1) is read until its end, which ends the twin.
    """

    name: str
    programs: str
    images: str
    keep: tuple[str, ...]
    listeners: dict[str, int]
    urls: dict[str, str]
    status_fd: int
    lifeline_fd: int

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Settings:
        """From JSON."""
        values = json.loads(text)
        return cls(**{**values, "keep": tuple(values["keep"])})


def own_folders() -> tuple[str, ...]:
    """The folders without which this Python and this package cannot run, wherever inside they are needed."""
    package = Path(__file__).resolve().parents[2]
    return tuple(dict.fromkeys(str(Path(p).resolve()) for p in (sys.base_prefix, sys.prefix, package)))


def enclose(settings: Settings) -> None:
    """Arrange the mounts. Raises :class:`OSError` with the path that failed."""
    keep = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in (*settings.keep, settings.images)}
    kernel.mount("overlay", "/usr", "overlay", options=f"lowerdir={settings.programs}/usr:/usr")
    kernel.make_read_only("/")
    kernel.make_writable("/proc")
    for path in _COVERED:
        if Path(path).is_dir():
            kernel.cover(path, keep)
    Path("/home/admin").mkdir()
    kernel.mount(f"/proc/self/fd/{keep[settings.images]}", settings.images, flags=kernel.MS_BIND)
    kernel.make_writable(settings.images)
    for descriptor in keep.values():
        os.close(descriptor)
    BASE.mkdir(parents=True)
    copy_etc(Path("/etc"), BASE / "etc")


def copy_etc(source: Path, target: Path) -> None:
    """Copy what every host finds in its `/etc`.

    A copy, since in a plain user's namespace the machine's own folders belong to nobody, and nobody may write there.
    """
    target.mkdir()
    for name in _ETC:
        found = source / name
        if found.is_dir() and not found.is_symlink():
            shutil.copytree(found, target / name, symlinks=True, copy_function=_copy_readable)
        elif found.is_symlink() or found.is_file():
            _copy_readable(str(found), str(target / name))


def _copy_readable(source: str, target: str, *, follow_symlinks: bool = False) -> str:
    with contextlib.suppress(PermissionError):
        shutil.copyfile(source, target, follow_symlinks=follow_symlinks)
    return target


def main() -> None:
    """Enclose this process and become the init that runs the daemon."""
    text = sys.argv[1]
    settings = Settings.load(text)
    try:
        enclose(settings)
        os.execvp("catatonit", ["catatonit", "--", sys.executable, "-m", "chaosgood_ext.twin.daemon", text])  # noqa: S606
    except OSError as problem:
        line = {"error": f"The sandbox could not be made: {problem}.", "remedy": "Run `chaos doctor`."}
        os.write(settings.status_fd, (json.dumps(line) + "\n").encode())
        sys.exit(1)


if __name__ == "__main__":
    main()
