import contextlib
import io
import logging
import os
import pty
import threading
import time

import pytest

from chaosgood_ext.game.stage import Stage
from chaosgood_ext.game.terminal import Terminal
from chaosgood_ext.record.event import Event, Kind


class Tty(io.StringIO):
    def isatty(self):
        return True


def test_a_box_holds_its_lines_whatever_their_length():
    out = io.StringIO()
    Terminal(out).box("PAGE", ["short", "long " * 60, ""], "red")
    lines = out.getvalue().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[0].startswith("╔═ PAGE ═")


def test_without_a_terminal_there_are_neither_colours_nor_a_status_line():
    out = io.StringIO()
    terminal = Terminal(out)
    terminal.line("x", "red")
    terminal.status("s")
    assert out.getvalue() == "x\n"


def test_lines_are_written_above_the_status_line_and_logging_too():
    out = Tty()
    terminal = Terminal(out)
    terminal.status("status")
    terminal.line("line")
    assert out.getvalue().endswith("\r\x1b[Kline\nstatus")
    logger = logging.getLogger("chaostoolkit")
    with terminal.above_logging():
        logger.warning("x")
    assert out.getvalue().endswith("\r\x1b[K")


def test_a_terminal_that_was_closed_does_no_harm():
    controller, terminal_side = pty.openpty()
    stream = os.fdopen(terminal_side, "w")
    os.close(controller)
    Terminal(stream).line("anybody there?")
    Terminal(io.StringIO()).line("works")
    closed = io.StringIO()
    closed.close()
    Terminal(closed).line("closed altogether")
    with contextlib.suppress(OSError):
        stream.close()


def test_a_terminal_that_takes_nothing_hangs_one_thread_and_no_other():
    read, write = os.pipe()
    with os.fdopen(write, "w") as stream:
        terminal = Terminal(stream)
        threading.Thread(target=lambda: terminal.line("x" * 1_000_000), daemon=True).start()
        time.sleep(0.05)
        began = time.monotonic()
        terminal.line("y")
        assert time.monotonic() - began < 1
        os.close(read)


@pytest.mark.parametrize(("spectator", "said"), [(True, True), (False, False)])
def test_a_responder_is_not_told_what_has_to_be_found_out(spectator, said):
    from datetime import UTC, datetime

    out = io.StringIO()
    stage = Stage(Terminal(out), [], lambda *_: None)
    stage.sees_everything = spectator
    now = datetime.now(UTC)
    call = {
        "session": "deploy-pipeline",
        "who": "injector",
        "service": "ec2",
        "action": "Revoke",
        "parameters": {},
        "error": None,
    }
    stage.narrate(Event(Kind.AWS_CALL, "/games/x/cloudtrail", now, now, data=call))
    stage.narrate(Event(Kind.NOTE, "/games/x/responder", now, now, data={"by": "me", "text": "hm"}))
    stage.close(0)
    assert ("deploy-pipeline" in out.getvalue()) is said
    assert "hm" in out.getvalue()
