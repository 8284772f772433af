"""Whose everything is, and until when: the tags of all that costs or grants something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from chaosgood_ext.governance.asking import Aws, Seen
from chaosgood_ext.governance.inventory import everything

EXPIRY = "expires-at"


def tagged(aws: Aws, vpc_id: str, prefix: str, wanted: Sequence[str]) -> Iterator[Seen]:
    """Everything of the environment carries the tags `wanted`."""
    for name, tags in everything(aws, vpc_id, prefix):
        lacking = [key for key in wanted if not tags.get(key)]
        wanted_tags = ", ".join(f"{key}=…" for key in lacking)
        remedy = f"its tags {wanted_tags}: make aws-up, or chaos reset on the twin; what a player made is theirs to tag"
        yield Seen(name, f"lacks the tag {', '.join(lacking)}" if lacking else "", remedy)


def unexpired(aws: Aws, vpc_id: str, prefix: str, now: datetime) -> Iterator[Seen]:
    """Everything that says when it expires says a time, and one that is ahead."""
    for name, tags in everything(aws, vpc_id, prefix):
        if until := tags.get(EXPIRY):
            yield Seen(name, _over(until, now), "chaos aws down, or chaos aws up --hours N for more time")


def _over(until: str, now: datetime) -> str:
    try:
        end = datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return f"has {EXPIRY}={until}, which is no time in UTC"
    return f"expired at {until}, and is still there" if end <= now else ""
