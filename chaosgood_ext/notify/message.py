"""What people are told, whatever the channel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    """What a message is about."""

    PAGE = "page"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True)
class Message:
    """A message: one line of title, text, and named facts."""

    tone: Tone
    title: str
    text: str
    fields: tuple[tuple[str, str], ...] = ()
    footer: str = ""
