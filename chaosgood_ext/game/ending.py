"""All that a game has to stop and to put back at its end; each step can be repeated."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chaosgood_ext.environment.find import Environment
from chaosgood_ext.errors import ChaosGoodError
from chaosgood_ext.game.aws import Aws
from chaosgood_ext.game.inverses import Outcome
from chaosgood_ext.game.lookout import Lookout
from chaosgood_ext.game.responder import Responder
from chaosgood_ext.game.undo import UndoLog, Undone
from chaosgood_ext.record.event import Kind

Note = Callable[[Kind, Mapping[str, Any]], None]

_GONE = "gone with the twin"


@dataclass
class Ending:
    """What was started so far, filled in as the game goes on; `note` writes to the record and never raises."""

    note: Note
    environment: Environment | None = None
    aws: Aws | None = None
    undo: UndoLog | None = None
    lookout: Lookout | None = None
    responder: Responder | None = None
    _stoppers: list[Callable[[], object]] = field(default_factory=list)
    _restored: set[str] = field(default_factory=set)
    _stopping: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def also_stop(self, stopper: Callable[[], object]) -> None:
        """Have `stopper` called at the end; it may be called more than once, and in any thread."""
        if stopper not in self._stoppers:
            self._stoppers.append(stopper)

    def hurry(self, deadline_s: float) -> None:
        """Undo the faults, stop responder and load, all at once; come back after `deadline_s` at the latest.

        The undo log stays open: a request of the fault that is on its way may still arrive.
        """
        steps = [self._stop_rest, self._stop_responder, self._undo_for_now]
        threads = [threading.Thread(target=step, name=step.__name__, daemon=True) for step in steps]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + deadline_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Stop the responder's program, and whatever else was started for the game, such as load."""
        self._stop_responder()
        self._stop_rest()

    def settle(self) -> bool:
        """Undo what is still open and close the undo log; whether nothing is left."""
        if self.undo is None or self.aws is None:
            return True
        results = self.undo.play(self.aws, close=True)
        for result in results:
            self._tell(result)
        return all(result.outcome is not None or self._goes_away for result in results)

    def abandon(self) -> None:
        """There is no time left to undo anything: say so, unless it goes away with a private twin."""
        for entry in self.undo.pending() if self.undo is not None else ():
            self._tell(Undone(entry, None, "the AWS API did not answer in time"))

    def close(self) -> None:
        """Take a private environment down; one that is gone already is no error."""
        if self.environment is not None:
            try:
                self.environment.close()
            except ChaosGoodError as failure:
                self.note(Kind.PROGRESS, {"what": str(failure)})

    @property
    def _goes_away(self) -> bool:
        environment = self.environment
        if environment is None or environment.twin is None:
            return False
        return environment.private or not environment.twin.is_alive()

    def _tell(self, result: Undone) -> None:
        assert self.undo is not None
        fault = {"fault": result.entry.fault}
        if result.outcome is not None:
            outcome = Outcome.RESTORED if result.entry.id in self._restored else result.outcome
            self.note(Kind.FAULT_UNDONE, {**fault, "outcome": str(outcome)})
        elif self._goes_away:
            self.undo.close(result.entry, _GONE)
            self.note(Kind.FAULT_UNDONE, {**fault, "outcome": _GONE})
        else:
            why = f"{result.failure} What undoes it is in {self.undo.path}."
            self.note(Kind.UNDO_FAILED, {**fault, "why": why})

    def _undo_for_now(self) -> None:
        if self.undo is not None and self.aws is not None:
            for result in self.undo.play(self.aws, close=False):
                if result.outcome is Outcome.RESTORED:
                    self._restored.add(result.entry.id)

    def _stop_rest(self) -> None:
        with self._stopping:
            for stopper in self._stoppers:
                try:
                    stopper()
                except (ChaosGoodError, OSError) as failure:
                    self.note(Kind.PROGRESS, {"what": f"Something could not be stopped: {failure}"})

    def _stop_responder(self) -> None:
        if self.responder is not None:
            self.responder.stop()
