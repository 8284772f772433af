"""Channels besides the terminal, each in a thread of its own: a dead one never delays a game."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from chaosgood_ext.notify.message import Message


class NotSent(Exception):
    """A message was not accepted; `forever` means that the channel must not be used again."""

    def __init__(self, reason: str, *, forever: bool = False) -> None:
        self.reason = reason
        self.forever = forever
        super().__init__(reason)


class Channel(Protocol):
    """Somewhere that messages are sent to."""

    name: str

    def send(self, message: Message, deadline: float, stopped: threading.Event) -> None:
        """Send `message`, and return when it was accepted; raise :class:`NotSent` at `deadline` at the latest."""


class Notifier:
    """Sends messages to `channel`, one after the other, and tells how it went.

    `on_sent` and `on_failed` (with the reason) are called in the notifier's thread.
    """

    def __init__(
        self,
        channel: Channel,
        on_sent: Callable[[str, Message], None],
        on_failed: Callable[[str, Message, str], None],
        patience_s: float = 30.0,
    ) -> None:
        self._channel = channel
        self._on_sent = on_sent
        self._on_failed = on_failed
        self._patience_s = patience_s
        self._messages: queue.Queue[Message | None] = queue.Queue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"notify-{channel.name}", daemon=True)
        self._thread.start()

    def send(self, message: Message) -> None:
        """Have `message` sent; returns at once."""
        self._messages.put(message)

    def close(self, grace_s: float) -> None:
        """Give what is still to be sent `grace_s` seconds, then give up."""
        self._messages.put(None)
        self._thread.join(grace_s)
        self._stopped.set()

    def _run(self) -> None:
        while (message := self._messages.get()) is not None:
            try:
                self._channel.send(message, time.monotonic() + self._patience_s, self._stopped)
            except NotSent as failure:
                self._on_failed(self._channel.name, message, failure.reason)
                if failure.forever:
                    return
            else:
                self._on_sent(self._channel.name, message)


def configured(environment: Mapping[str, str] = os.environ) -> list[Channel]:
    """The channels that the variables of the process ask for: Discord by `DISCORD_WEBHOOK_URL`."""
    from chaosgood_ext.notify.discord import Discord

    url = environment.get("DISCORD_WEBHOOK_URL", "").strip()
    return [Discord(url)] if url else []
