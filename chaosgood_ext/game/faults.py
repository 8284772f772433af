"""The faults of one game: none acts before its inverse is on disk; the outage begins with the first after the calm."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from chaosgood_ext.errors import GameError
from chaosgood_ext.game import inverses
from chaosgood_ext.game.action import Acted, Action
from chaosgood_ext.game.aws import Clients
from chaosgood_ext.game.undo import UndoLog


@dataclass
class Faults:
    """Follows the actions of the method; those named in `irreversible` act without an inverse.

    While `calm_ahead`, what breaks is how somebody left things, and hurts nobody yet. Times are in seconds since the
    epoch.
    """

    irreversible: Collection[str]
    calm_ahead: bool = False
    began: float | None = None
    """When the last fault began to act: it can hurt before its action has returned."""
    injected: float | None = None
    """When the last fault's action had returned."""
    _open: str = field(default="", repr=False)

    def prepare(self, action: Action, undo: UndoLog, clients: Clients) -> bool:
        """Put the inverse of a fault on disk before it acts; whether it is one at all.

        Raises :class:`~chaosgood_ext.errors.ChaosGoodError` when the inverse cannot be found or written: the fault
        must not act then.
        """
        irreversible = action.name in self.irreversible
        if not (irreversible or action.module):
            raise inverses.unknown(action.called)
        inverse = None
        if not irreversible:
            inverse = inverses.plan(action.module, action.func, action.arguments, clients)
        if inverse is not None:
            undo.open(action.name, inverse)
        elif not irreversible:
            return False
        self._open = action.name
        if not self.calm_ahead:
            self.began = time.time()
        return True

    def acted(self, action: Action, acted: Acted) -> dict[str, Any] | None:
        """What to say of a fault that is in; None for an action that is none.

        Raises :class:`GameError` for one that failed.
        """
        if action.name != self._open:
            return None
        if acted.failure:
            raise GameError(f"“{action.name}” failed: {acted.failure}.")
        if not self.calm_ahead:
            self.injected = acted.at.timestamp()
        return {"fault": action.name, "action": action.called, "arguments": dict(action.arguments)}
