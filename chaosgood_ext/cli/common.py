"""What every command shares: how errors end it, who types, and where."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from chaosgood_ext.errors import ChaosGoodError

if TYPE_CHECKING:
    from chaosgood_ext.environment.outputs import Outputs


@contextmanager
def reported() -> Iterator[None]:
    """Turn an expected error into one line on stderr and its exit status, and our own defect into status 3."""
    try:
        yield
        sys.stdout.flush()
    except ChaosGoodError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, click.Abort):  # click's is an interrupted question
        sys.exit(130)
    except BrokenPipeError:
        # Who reads has seen enough, as `head` does; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except Exception:  # noqa: BLE001 - the last resort of a command: nothing may end in a traceback
        with tempfile.NamedTemporaryFile("w", prefix="chaosgood-", suffix=".log", delete=False) as log:
            traceback.print_exc(file=log)
        print(f"Error: this is a defect of Chaotic Good; please report it with {log.name}", file=sys.stderr)
        sys.exit(3)


def user() -> str:
    """Who types, for the record."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def twin_of_the_game() -> str | None:
    """The twin of the only game that is being played, if there is one."""
    from chaosgood_ext.record.folder import find_running

    try:
        kind, _, name = find_running(None).description().environment.partition(" ")
    except ChaosGoodError:
        return None
    return name if kind == "twin" and name else None


def running_outputs(twin: str | None) -> Outputs:
    """The outputs of the environment that is up: of aws with `CHAOSGOOD_ENVIRONMENT=aws`, else of a running twin.

    That is the one called `twin` or `$CHAOSGOOD_TWIN`, or the game's, or the only one.
    """
    from chaosgood_ext.environment.find import standing_aws
    from chaosgood_ext.environment.outputs import parse
    from chaosgood_ext.errors import BadInput

    kind = os.environ.get("CHAOSGOOD_ENVIRONMENT") or "twin"
    if kind == "aws":
        return standing_aws()
    if kind != "twin":
        raise BadInput(f"There is no environment {kind!r}.", "Set CHAOSGOOD_ENVIRONMENT to twin or aws.")
    from chaosgood_ext.twin import launcher

    running = launcher.find(twin or os.environ.get("CHAOSGOOD_TWIN") or twin_of_the_game())
    return parse(running.outputs, f"twin {running.name}")
