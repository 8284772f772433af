"""What root writes to a host's trigger reaches the daemon, and only that of a host that is watched."""

from __future__ import annotations

import os
import queue
from pathlib import Path

import pytest

from chaosgood_ext.twin.hosts.sysrq import Sysrq


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "sysrq-trigger")
    return tmp_path / "sysrq-trigger"


def test_the_first_letter_of_what_is_written_arrives_with_the_host_s_name(fifo: Path) -> None:
    letters: queue.Queue[tuple[str, str]] = queue.Queue()
    sysrq = Sysrq(lambda host, letter: letters.put((host, letter)))
    sysrq.watch(fifo, "i-1")
    fifo.write_text("c\n")
    assert letters.get(timeout=5) == ("i-1", "c")
    fifo.write_text("b")
    assert letters.get(timeout=5) == ("i-1", "b")


def test_a_host_that_is_forgotten_is_not_heard_and_another_of_its_name_is(fifo: Path, tmp_path: Path) -> None:
    letters: queue.Queue[tuple[str, str]] = queue.Queue()
    sysrq = Sysrq(lambda host, letter: letters.put((host, letter)))
    sysrq.watch(fifo, "i-1")
    sysrq.forget("i-1")
    sysrq.forget("i-1")
    with pytest.raises(OSError, match="No such device or address"):
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # nobody reads
    os.mkfifo(tmp_path / "second")
    sysrq.watch(tmp_path / "second", "i-1")
    (tmp_path / "second").write_text("c")
    assert letters.get(timeout=5) == ("i-1", "c")
