"""A game in the process that plays it: variables, signals, the mark that it runs, and its last word."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from signal import Signals as Signal
from typing import Any

from chaosgood_ext.environment.find import Environment
from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game.game import Game
from chaosgood_ext.game.phases import INTERRUPTIBLE, Phase
from chaosgood_ext.game.referee import Verdict
from chaosgood_ext.game.signals import Signals
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import announce
from chaosgood_ext.report.figures import figures, headline
from chaosgood_ext.report.post_mortem import write

_UNDO_S = {"twin": 1.2, "aws": 20.0}
_END_S = {"twin": 1.5, "aws": 30.0}
"""How long an interrupted game may take to undo its faults, and to end."""
_MESSAGES_S = 1.0


class Playing:
    """Plays `game` in this process; `leave` ends the process at once, with a status."""

    def __init__(self, game: Game, leave: Callable[[int], object] = os._exit) -> None:
        self._game = game
        self._leave = leave
        self._lock = game.folder.hold()
        self._announcement: Path | None = announce(game.folder)
        self._signals = Signals(self._interrupted, lambda: game.phase in INTERRUPTIBLE)
        self._variables: dict[str, str | None] = {}
        self._ending = threading.Lock()
        self._closed = False
        self._said = False
        self._finished = threading.Event()

    @property
    def exit_status(self) -> int | None:
        """128 and the signal's number where one ended the game, else None: Chaos Toolkit decides."""
        received = self._signals.received
        return 128 + received if received is not None and self._game.verdict is not Verdict.RESOLVED else None

    @property
    def signal_name(self) -> str:
        """The signal that arrived, or nothing."""
        received = self._signals.received
        return received.name if received is not None else ""

    def begin(self) -> Environment:
        """Boot the environment, and let boto3 and what this process starts find it.

        Raises :class:`ChaosGoodError` when there is none, and KeyboardInterrupt when a signal arrives.
        """
        self._set({"CHAOSGOOD_GAME": str(self._game.folder.path)})
        self._signals.install()
        environment = self._game.boot()
        direct = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
        self._set({
            **environment.outputs.aws_variables("facilitator"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "2",
            "NO_PROXY": direct,
            "no_proxy": direct,
        })  # fmt: skip
        return environment

    def close(self) -> None:
        """Stop what was started and put back what was broken."""
        game = self._game
        with self._ending:
            if self._closed:
                return
            self._closed = True
        game.conclude(Verdict.ABORTED, "The experiment ended before there was a verdict; its log says why.")
        game.ending.stop()
        if game.ending.lookout is not None:
            game.ending.lookout.stop(hastily=self._signals.received is not None)
        game.ending.settle()

    def finish(self, journal: Mapping[str, Any] | None) -> None:
        """Keep the journal, write the post-mortem, say the last word, and let go of everything."""
        self.close()
        with self._ending:
            if self._finished.is_set():
                return
            self._say_last_word(journal)
            self._game.ending.close()
            self._let_go()
            self._finished.set()

    def leave(self) -> None:
        """Hand the signals back; where one ended the game, end the process at once with its status.

        Threads of Chaos Toolkit that hang would keep an ordinary exit from ending.
        """
        status = self.exit_status
        if status is None:
            self._signals.restore()
            return
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        self._leave(status)

    def _say_last_word(self, journal: Mapping[str, Any] | None) -> None:
        game = self._game
        assert game.verdict is not None
        game.phase = Phase.REPORT
        game.note(Kind.PHASE_STARTED, {"phase": str(Phase.REPORT)})
        game.note(Kind.GAME_ENDED, {"verdict": str(game.verdict)})
        facts: dict[str, str] = {}
        try:
            if journal is not None:
                game.folder.write_journal(journal)
            facts = {**headline(figures(game.folder)), "post-mortem": str(write(game.folder))}
        except ChaosGoodError as failure:
            game.stage.terminal.line(str(failure), "red")
        except Exception:  # noqa: BLE001 - whatever is wrong with the report, the environment has to be let go
            game.folder.log_line(traceback.format_exc())
            game.stage.terminal.line(f"The post-mortem could not be written; {game.folder.log} says why.", "red")
        game.hush()
        self._said = True
        won = game.verdict is Verdict.RESOLVED
        game.stage.verdict(f"{game.scenario.title}: {game.verdict}", game.reason, won=won, facts=facts)
        game.stage.close(0.0 if self._signals.received is not None else _MESSAGES_S)

    def _interrupted(self, number: Signal) -> None:
        """End the game whatever the main thread does; runs in the signals' thread."""
        game = self._game
        environment = game.ending.environment
        kind = environment.outputs.kind if environment is not None else "twin"
        watchdog = threading.Timer(_END_S[kind], self._end_by_force)
        watchdog.daemon = True
        watchdog.start()
        game.stage.terminal.line(f"{number.name}: the game ends; everything is put back …", "yellow")
        game.note(Kind.INTERRUPTED, {"signal": number.name})
        game.conclude(Verdict.ABORTED, f"{number.name} ended the game.")
        game.ending.hurry(_UNDO_S[kind])

    def _end_by_force(self) -> None:
        """The main thread hangs: end without it."""
        game = self._game
        if self._finished.is_set():
            return
        try:
            if not self._said:
                game.ending.abandon()
                game.note(Kind.GAME_ENDED, {"verdict": str(game.verdict)})
                game.stage.terminal.status("")
                game.stage.terminal.line(f"{game.reason} Post-mortem: {write(game.folder)}", "red")
            game.ending.close()
        except Exception:  # noqa: BLE001 - nothing may keep the process now
            self._game.folder.log_line(traceback.format_exc())
        finally:
            if self._announcement is not None:
                self._announcement.unlink(missing_ok=True)
            self._leave(self.exit_status or 1)

    def _set(self, variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            self._variables.setdefault(name, os.environ.get(name))
            os.environ[name] = value

    def _let_go(self) -> None:
        for name, value in self._variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if self._announcement is not None:
            self._announcement.unlink(missing_ok=True)
        os.close(self._lock)
