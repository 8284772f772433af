"""The few Linux system calls that Python lacks or has only since 3.12: mounts and namespaces.

Every function raises :class:`OSError` with the kernel's errno and the path in question.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

MS_NOSUID, MS_NODEV, MS_REC, MS_BIND = 0x2, 0x4, 0x4000, 0x1000
CLONE_NEWNET = 0x40000000
_SYS_MOUNT_SETATTR = 442  # the same number on every architecture (mount_setattr(2), Linux 5.12)
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 0x1

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _check(result: int, path: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount `source` at `target`, as mount(2)."""
    _check(
        _libc.mount(source.encode(), target.encode(), kind.encode() or None, flags, options.encode() or None),
        target,
    )


def make_read_only(path: str) -> None:
    """Make the mount at `path` and all below it read-only, whatever flags they have (mount_setattr(2))."""
    _set_attributes(path, _MountAttr(attr_set=_MOUNT_ATTR_RDONLY), _AT_RECURSIVE)


def make_writable(path: str) -> None:
    """Make the mount at `path`, and only that, writable again."""
    _set_attributes(path, _MountAttr(attr_clr=_MOUNT_ATTR_RDONLY), 0)


def _set_attributes(path: str, attributes: _MountAttr, flags: int) -> None:
    _check(
        _libc.syscall(
            _SYS_MOUNT_SETATTR,
            _AT_FDCWD,
            path.encode(),
            flags,
            ctypes.byref(attributes),
            ctypes.sizeof(attributes),
        ),
        path,
    )


def cover(path: str, keep: dict[str, int]) -> None:
    """Lay an empty tmpfs over `path`, and show again there the folders of `keep` (path → open descriptor)."""
    mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for kept, descriptor in keep.items():
        if Path(kept).is_relative_to(path):
            Path(kept).mkdir(parents=True, exist_ok=True)
            mount(f"/proc/self/fd/{descriptor}", kept, flags=MS_BIND | MS_REC)


@contextlib.contextmanager
def network_namespace(pid: int) -> Iterator[None]:
    """Let this thread (only this one) open its sockets in the network namespace of process `pid`."""
    here = os.open(f"/proc/self/task/{_thread_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(_libc.setns(there, CLONE_NEWNET), f"/proc/{pid}/ns/net")
        finally:
            os.close(there)
        try:
            yield
        finally:
            _check(_libc.setns(here, CLONE_NEWNET), "/proc/self/ns/net")
    finally:
        os.close(here)


def _thread_id() -> int:
    return int(_libc.gettid())
