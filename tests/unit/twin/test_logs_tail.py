"""`aws logs tail` reads and prints as version 2 of the AWS CLI does."""

import argparse
from typing import Any

import pytest

from chaosgood_ext.twin.logs_tail import events, line, since_ms

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10m", NOW - 600),
        ("2h", NOW - 7200),
        ("1d", NOW - 86400),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
    ],
)
def test_since_is_a_duration_or_a_moment(text: str, moment: float) -> None:
    assert since_ms(text, NOW) == int(moment * 1000)


def test_anything_else_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="neither a duration"):
        since_ms("yesterday", NOW)


def test_the_two_formats() -> None:
    event = {"timestamp": 1_700_000_000_123, "logStreamName": "web-1", "message": "hello"}
    assert line(event, "short") == "2023-11-14T22:13:20 hello"
    assert line(event, "detailed") == "2023-11-14T22:13:20.123000+00:00 web-1 hello"


def test_following_prints_late_events_once() -> None:
    first, late, last = ({"eventId": str(n), "timestamp": 1000 * n} for n in (1, 2, 3))

    class Client:
        def __init__(self) -> None:
            self.answers = [[first, last], [late, last]]

        def get_paginator(self, _: str) -> "Client":
            return self

        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            return [{"events": self.answers.pop(0)}]

    found = events(Client(), {}, 0, follow=True)
    assert [next(found) for _ in range(3)] == [first, last, late]
