"""The guards of one game: set in the calm, asked until the verdict; what they find is put on the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from chaosgood_ext.errors import EnvironmentUnavailable, GameError
from chaosgood_ext.game.guards.guard import Check, Scene
from chaosgood_ext.game.guards.keeper import Keeper
from chaosgood_ext.game.guards.meddling import Meddling
from chaosgood_ext.record.event import Event, Kind

Record = Callable[[Kind, Mapping[str, Any], str], None]
"""Puts an event on the record: kind, data, subject."""

_PATIENCE_S = 20.0


class Guarding:
    """Asks the guards; `record` takes what they find, and `log` why one cannot be asked."""

    def __init__(self, record: Record, log: Callable[[str], None]) -> None:
        self._record = record
        self._log = log
        self._keeper: Keeper | None = None
        self._meddling = Meddling()

    def hear(self, event: Event) -> None:
        """Take notice of one event of the record."""
        self._meddling.hear(event)

    def meddled(self) -> bool:
        """Whether the responder did something on the monitoring host, or to it, since the calm."""
        return self._meddling.seen

    def begin(self, scene: Scene, pause: Callable[[], None]) -> None:
        """Let the guards see the calm; one that gets no answer is asked again for a while, with a `pause` between.

        Raises :class:`GameError` when it gets none, and whatever `pause` raises.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while self._keeper is None:
            try:
                self._meddling.watch(scene)
                self._keeper = Keeper(scene)
            except EnvironmentUnavailable as silence:
                if time.monotonic() > deadline:
                    raise GameError(f"A guard cannot see what it has to guard: {silence}") from silence
                pause()
        for guard in self._keeper.guards:
            data = {"guard": guard.name, "promise": guard.promise, "how": guard.how(scene)}
            self._record(Kind.GUARD_SET, data, guard.name)

    def check(self, before: Check, *, served: bool) -> Check:
        """Ask all guards that can be asked now, and tell what is new since `before`."""
        if self._keeper is None:
            return before
        now = self._keeper.check(served=served)
        if not served:
            # What could not be asked while users were hurt still stands as it was seen last.
            asked = {guard.name for guard in self._keeper.guards if not guard.only_when_served}
            kept = tuple(one for one in before.violations if one.guard not in asked)
            now = Check((*now.violations, *kept), now.loose, now.unanswered)
        self._tell(before, now)
        return now

    def _tell(self, before: Check, now: Check) -> None:
        violated = {one.guard for one in now.violations}
        held = {one for one in before.violations if one.guard not in violated}
        for kind, those in ((Kind.GUARD_VIOLATED, {*now.violations} - {*before.violations}), (Kind.GUARD_HELD, held)):
            for one in sorted(those, key=lambda violation: violation.guard):
                self._record(kind, {"guard": one.guard, "what": one.what}, one.guard)
        for name, what in sorted({*now.loose} - {*before.loose}):
            self._record(Kind.GUARD_LOOSE, {"guard": name, "what": what}, name)
        for name, why in sorted({*now.unanswered} - {*before.unanswered}):
            self._log(f"the guard {name} gets no answer: {why}")
