"""The one runner for short commands; what calls it takes it as an argument, so that tests hand in another."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Protocol

from chaosgood_ext.errors import CommandError


class Runner(Protocol):
    """Runs a command to its end and returns what it printed."""

    def __call__(self, argv: Sequence[str], *, input: str | None = None, timeout_s: float = 10) -> str:  # noqa: A002
        """Run `argv`, `input` on its standard input; raise :class:`CommandError` unless it ends with 0."""


def run(argv: Sequence[str], *, input: str | None = None, timeout_s: float = 10) -> str:  # noqa: A002
    """Run `argv` and return its standard output.

    Raises :class:`CommandError` when it cannot be started, ends with another status than 0, or takes
    longer than `timeout_s` (status -9).
    """
    try:
        done = subprocess.run(argv, input=input, text=True, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as late:
        raise CommandError(argv, -9, f"no answer within {timeout_s:g} s") from late
    except OSError as cause:
        raise CommandError(argv, 127, str(cause)) from cause
    if done.returncode:
        raise CommandError(argv, done.returncode, done.stderr or done.stdout)
    return done.stdout
