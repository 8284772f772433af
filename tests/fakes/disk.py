"""A disk that loses what was not synced when the power goes: contents and names alike (fsync(2))."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class PowerCut(BaseException):
    """The machine is off: nothing runs any more, no `except Exception` either."""


class Disk:
    """Everything below `folder` goes through :func:`os.write` and :func:`os.fsync` of this process.

    `steps` counts writes and syncs; the power goes right after the one numbered `cut_after`, half of it done where it
    is a write. :meth:`restart` leaves in `folder` what a disk would have.
    """

    def __init__(self, folder: Path, cut_after: int | None = None) -> None:
        self.folder = folder
        self.cut_after = cut_after
        self.steps = 0
        self._contents: dict[Path, bytes] = {}
        self._names: set[Path] = set()

    @contextmanager
    def spinning(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
        """Be the disk of this process."""
        write, fsync = os.write, os.fsync

        def writing(descriptor: int, payload: bytes) -> int:
            if not self._mine(descriptor):
                return write(descriptor, payload)
            if self.steps + 1 == self.cut_after:
                write(descriptor, payload[: len(payload) // 2])
                self._step()
            written = write(descriptor, payload)
            self._step()
            return written

        def syncing(descriptor: int) -> None:
            fsync(descriptor)
            if self._mine(descriptor):
                self._step()
                path = self._path(descriptor)
                if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    self._names |= set(path.iterdir())
                else:
                    self._contents[path] = path.read_bytes()

        with monkeypatch.context() as patched:
            patched.setattr(os, "write", writing)
            patched.setattr(os, "fsync", syncing)
            yield self

    def restart(self) -> None:
        """The power is back: what was not synced is gone."""
        for path in self.folder.iterdir():
            path.unlink() if path.is_file() else shutil.rmtree(path)
        for path, content in self._contents.items():
            if path in self._names:
                path.write_bytes(content)

    def _path(self, descriptor: int) -> Path:
        return Path(f"/proc/self/fd/{descriptor}").readlink()

    def _mine(self, descriptor: int) -> bool:
        path = self._path(descriptor)
        return path == self.folder or self.folder in path.parents

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.cut_after:
            raise PowerCut
