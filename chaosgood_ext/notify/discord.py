"""Discord, by an incoming webhook.

https://discord.com/developers/docs/resources/webhook#execute-webhook,
https://discord.com/developers/docs/resources/message#embed-object-embed-limits and
https://discord.com/developers/docs/topics/rate-limits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from threading import Event
from typing import Any

import requests

from chaosgood_ext.notify.channel import NotSent
from chaosgood_ext.notify.message import Message, Tone

CONTENT, TITLE, DESCRIPTION, FIELD_NAME, FIELD_VALUE, FOOTER = 2000, 256, 4096, 256, 1024, 2048
FIELDS = 25
EMBED = 6000
"""Limits in characters, `FIELDS` in number; `EMBED` is for all texts of a message's embeds together."""

_COLOURS = {Tone.PAGE: 0xD32F2F, Tone.SUCCESS: 0x2E7D32, Tone.FAILURE: 0xF9A825}
_REQUEST_TIMEOUT_S = 5.0
_FIRST_PAUSE_S = 0.5


def payload(message: Message) -> dict[str, Any]:
    """The body of the request for `message`: one embed within all limits, and mentions shut off."""
    left = EMBED
    embed: dict[str, Any] = {"color": _COLOURS[message.tone]}
    for key, text, limit in (("title", message.title, TITLE), ("description", message.text, DESCRIPTION)):
        embed[key] = fit(text, min(limit, left))
        left -= length(embed[key])
    if message.footer and left > 0:
        embed["footer"] = {"text": fit(message.footer, min(FOOTER, left))}
        left -= length(embed["footer"]["text"])
    fields = []
    for name, value in message.fields[:FIELDS]:
        field = {"name": fit(name or "-", FIELD_NAME), "value": fit(value or "-", FIELD_VALUE), "inline": True}
        cost = length(field["name"]) + length(field["value"])  # type: ignore[arg-type]
        if cost > left:
            break
        fields.append(field)
        left -= cost
    if fields:
        embed["fields"] = fields
    return {"content": fit(message.title, CONTENT), "embeds": [embed], "allowed_mentions": {"parse": []}}


def length(text: str) -> int:
    """The length of `text` in UTF-16 code units, the most that anybody may count."""
    return len(text.encode("utf-16-le")) // 2


def fit(text: str, limit: int) -> str:
    """`text` cut to `limit` (see :func:`length`), with an ellipsis where something was cut off."""
    if length(text) <= limit:
        return text
    cut = text.encode("utf-16-le")[: 2 * max(limit - 1, 0)].decode("utf-16-le", errors="ignore")
    return cut.rstrip() + "…" if limit else ""


class Discord:
    """Sends messages to the webhook at `url`, which is a secret: no error and no log shows it."""

    name = "Discord"

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"chaotic-good/{_version()}"

    def send(self, message: Message, deadline: float, stopped: Event) -> None:
        """Send `message` before `deadline` (of the monotonic clock), waiting as long as Discord asks for.

        Returns when Discord accepted it. Raises :class:`NotSent`, with `forever` set when the webhook must not be
        used again, and gives up when `stopped` is set.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            refusal, wait_s = self._try(message, deadline)
            if not refusal:
                return
            wait_s = wait_s if wait_s is not None else pause_s
            if time.monotonic() + wait_s >= deadline:
                raise NotSent(f"{refusal}, and there is no time to try again")
            if stopped.wait(wait_s):
                raise NotSent(f"{refusal}, and the game is over")
            pause_s *= 2

    def _try(self, message: Message, deadline: float) -> tuple[str, float | None]:
        """Send once: nothing when it was accepted, else why not, and for how many seconds to wait."""
        timeout_s = max(0.1, min(_REQUEST_TIMEOUT_S, deadline - time.monotonic()))
        try:
            answer = self._session.post(self._url, params={"wait": "true"}, json=payload(message), timeout=timeout_s)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
            raise NotSent("DISCORD_WEBHOOK_URL is not a URL", forever=True) from None
        except requests.RequestException as cause:
            return f"no answer ({type(cause).__name__})", None
        if answer.ok:
            return "", None
        refusal = f"it answers {answer.status_code}"
        if answer.status_code == requests.codes.too_many_requests:
            return refusal, _retry_after_s(answer)
        if answer.status_code in (401, 403, 404):
            raise NotSent(f"{refusal}: there is no such webhook any more", forever=True)
        if answer.status_code < 500:
            raise NotSent(f"{refusal}: {answer.text[:200]}")
        return refusal, None


def _retry_after_s(answer: requests.Response) -> float | None:
    said: Any = answer.headers.get("Retry-After")
    if said is None:
        try:
            body = answer.json()
        except ValueError:
            return None
        said = body.get("retry_after") if isinstance(body, Mapping) else None
    try:
        return max(0.0, float(said))
    except (TypeError, ValueError):
        return None


def _version() -> str:
    try:
        return version("chaotic-good")
    except PackageNotFoundError:
        return "0"
