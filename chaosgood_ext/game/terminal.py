"""What the person at the terminal sees: lines, boxes, and one status line at the bottom."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_ERASE_LINE = "\r\x1b[K"
_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "bold": "1", "dim": "2"}


def paragraphs(text: str) -> list[str]:
    """The paragraphs of `text`, each as one line, with an empty one between two."""
    found = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    return [line for part in found for line in (part, "")][:-1]


class Terminal:
    """Writes to `stream`; without a terminal there, no colours and no status line.

    A terminal that was closed or that takes nothing any more never stops the game: what it does not take is lost.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._status = ""

    @property
    def is_live(self) -> bool:
        """Whether a person looks at it."""
        with contextlib.suppress(ValueError, OSError):
            return self._out.isatty()
        return False

    def line(self, text: str = "", colour: str = "") -> None:
        """Write a line above the status line."""
        self._write(f"{self._paint(text, colour)}\n")

    def status(self, text: str) -> None:
        """Show `text` in the status line; an empty one takes it away."""
        if not self.is_live:
            return
        self._status = text[: shutil.get_terminal_size().columns - 1]
        self._write("")

    def box(self, title: str, lines: Sequence[str], colour: str) -> None:
        """Write `lines`, wrapped, in a box with a title."""
        width = min(shutil.get_terminal_size().columns, 100) - 4
        wrapped = [part for line in lines for part in textwrap.wrap(line, width, break_long_words=False) or [""]]
        width = max(len(title) + 2, *(len(line) for line in wrapped))
        top = f"╔═ {title} " + "═" * (width - len(title) - 1) + "╗"
        body = [f"║ {line:<{width}} ║" for line in wrapped]
        self._write("".join(f"{self._paint(line, colour)}\n" for line in (top, *body, "╚" + "═" * (width + 2) + "╝")))

    @contextmanager
    def above_logging(self) -> Iterator[None]:
        """Keep Chaos Toolkit's own lines from running into the status line."""

        def clear(_: logging.LogRecord) -> bool:
            if self._status:
                self._write("", keep_status=False)
            return True

        logger = logging.getLogger("chaostoolkit")
        logger.addFilter(clear)
        try:
            yield
        finally:
            logger.removeFilter(clear)

    @property
    def _out(self) -> TextIO:
        return self._stream or sys.stdout

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if colour and text and self.is_live else text

    def _write(self, text: str, *, keep_status: bool = True) -> None:
        # A thread that hangs in a write must not hang the one that ends the game.
        if not self._lock.acquire(timeout=0.2):
            return
        try:
            if self.is_live:
                text = _ERASE_LINE + text + (self._status if keep_status else "")
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):
            pass
        finally:
            self._lock.release()
