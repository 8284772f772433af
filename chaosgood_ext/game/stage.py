"""What people see and are told of a game: the terminal, and the channels that were asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chaosgood_ext.game.responder import Page
from chaosgood_ext.game.terminal import Terminal
from chaosgood_ext.notify.channel import Channel, Notifier
from chaosgood_ext.notify.message import Message, Tone
from chaosgood_ext.record.event import Event, Kind
from chaosgood_ext.record.words import sentence

_NOT_SAID = {
    Kind.GAME_STARTED, Kind.GAME_ENDED, Kind.PROGRESS, Kind.VERDICT, Kind.INTERRUPTED,
    Kind.UNDO_FAILED, Kind.GUARD_SET,
}  # fmt: skip
"""What the terminal says in its own way."""
_FOR_RESPONDERS = {
    Kind.NOTIFIED, Kind.NOTIFICATION_FAILED, Kind.ACKNOWLEDGED, Kind.NOTE, Kind.HINT, Kind.GUARD_VIOLATED,
    Kind.GUARD_HELD, Kind.GUARD_LOOSE, Kind.SOURCE_LOST, Kind.SOURCE_BACK,
}  # fmt: skip
"""What a person who has to find out the rest may read at once."""
_COLOURS: Mapping[str, str] = {
    Kind.FAULT_INJECTED: "red", Kind.ALERT_FIRING: "yellow", Kind.ALERT_RESOLVED: "green", Kind.GUARD_VIOLATED: "red",
    Kind.PHASE_STARTED: "blue", Kind.SOURCE_LOST: "yellow", Kind.RESPONDER_ENDED: "cyan", Kind.AWS_CALL: "dim",
    Kind.COMMAND: "dim",
}  # fmt: skip


class Stage:
    """Shows the game on `terminal`, sends messages to `channels`; `note` writes to the record."""

    def __init__(
        self, terminal: Terminal, channels: Sequence[Channel], note: Callable[[Kind, Mapping[str, Any]], None]
    ) -> None:
        self.terminal = terminal
        self.sees_everything = True
        self._note = note
        self._notifiers = [Notifier(channel, self._sent, self._failed) for channel in channels]
        self._logging = contextlib.ExitStack()
        self._logging.enter_context(terminal.above_logging())

    def narrate(self, event: Event) -> None:
        """Say what happened, unless the responder has to find it out."""
        kind = event.type
        if kind in _NOT_SAID or not (self.sees_everything or kind in _FOR_RESPONDERS):
            return
        at = event.time.astimezone().strftime("%H:%M:%S")
        self.terminal.line(f"{at}  {event.teller:<12}  {sentence(event)}", _COLOURS.get(kind, ""))

    def page(self, page: Page, urls: Mapping[str, str]) -> None:
        """Page the responder, everywhere."""
        looks = [f"{name}: {url}" for name, url in urls.items()]
        self.terminal.line("\a")
        self.terminal.box(f"PAGE  {page.title}", [*page.text.strip().splitlines(), "", *looks], "red")
        self._send(Message(Tone.PAGE, page.title, page.text.strip(), tuple(urls.items()), f"alert {page.alert}"))

    def verdict(self, title: str, reason: str, *, won: bool, facts: Mapping[str, str]) -> None:
        """Say how the game ended, everywhere."""
        lines = [reason, *([""] if facts else []), *(f"{name:<16} {value}" for name, value in facts.items())]
        self.terminal.box(title, lines, "green" if won else "red")
        self._send(Message(Tone.SUCCESS if won else Tone.FAILURE, title, reason, tuple(facts.items())))

    def close(self, grace_s: float) -> None:
        """Take the status line away; give messages on their way `grace_s` seconds."""
        self.terminal.status("")
        for notifier in self._notifiers:
            notifier.close(grace_s)
        self._logging.close()

    def _send(self, message: Message) -> None:
        for notifier in self._notifiers:
            notifier.send(message)

    def _sent(self, channel: str, message: Message) -> None:
        self._note(Kind.NOTIFIED, {"channel": channel, "what": str(message.tone), "title": message.title})

    def _failed(self, channel: str, message: Message, why: str) -> None:
        data = {"channel": channel, "what": str(message.tone), "title": message.title, "why": why}
        self._note(Kind.NOTIFICATION_FAILED, data)
