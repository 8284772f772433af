"""`aws logs tail` for the workstation: the AWS CLI of the Python package index is version 1, which lacks it.

Source: "aws logs tail" in the AWS CLI 2 command reference, whose options and default output these are.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PERIOD_S = 1.0
_OVERLAP_MS = 5000


def since_ms(text: str, now: float) -> int:
    """Read `--since`: a duration such as 10m, or a moment in ISO 8601; return milliseconds since the epoch.

    Raises :class:`argparse.ArgumentTypeError` for anything else.
    """
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match:
        return int((now - int(match[1]) * _UNITS[match[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a duration such as 10m nor a moment") from problem
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def line(event: dict[str, Any], how: str) -> str:
    """Render an event in the format `detailed` or `short`."""
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    if how == "short":
        return f"{moment:%Y-%m-%dT%H:%M:%S} {event['message']}"
    return f"{moment.isoformat(timespec='microseconds')} {event['logStreamName']} {event['message']}"


def events(client: Any, query: dict[str, Any], start_ms: int, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Yield what was logged since `start_ms`, oldest first, each event once; with `follow`, without end."""
    seen: set[str] = set()
    while True:
        pages = client.get_paginator("filter_log_events").paginate(**query, startTime=start_ms)
        found = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        yield from (event for event in found if event["eventId"] not in seen)
        if not follow:
            return
        seen = {event["eventId"] for event in found}
        if found:  # events may arrive late, so what is nearly new is asked for again
            start_ms = max(start_ms, found[-1]["timestamp"] - _OVERLAP_MS)
        time.sleep(_PERIOD_S)


def main() -> None:
    """Print the events of a log group."""
    parser = argparse.ArgumentParser(prog="aws logs tail", description="Tail the logs of a CloudWatch Logs group.")
    parser.add_argument("group_name")
    parser.add_argument("--since", default="10m", help="from what time on: 5m, 1h, or a moment in ISO 8601")
    parser.add_argument("--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument("--format", default="detailed", choices=("detailed", "short"))
    parser.add_argument("--filter-pattern", help="only events that match this pattern")
    parser.add_argument("--log-stream-names", nargs="+", help="only these streams")
    parser.add_argument("--log-stream-name-prefix", help="only streams whose names begin so")
    asked = parser.parse_args()
    try:
        start_ms = since_ms(asked.since, time.time())
    except argparse.ArgumentTypeError as problem:
        parser.error(f"--since: {problem}")
    query = {
        "logGroupName": asked.group_name,
        "filterPattern": asked.filter_pattern,
        "logStreamNames": asked.log_stream_names,
        "logStreamNamePrefix": asked.log_stream_name_prefix,
    }
    import boto3  # takes half a second, which a wrong option should not
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = boto3.client("logs")
        given = {key: value for key, value in query.items() if value}
        for event in events(client, given, start_ms, follow=asked.follow):
            print(line(event, asked.format), flush=True)
    except (BotoCoreError, ClientError) as problem:
        sys.exit(f"\n{problem}")
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)


if __name__ == "__main__":
    main()
