"""What a request to S3 asks for: its method, whether it names a bucket or a key, and words of its query tell.

moto's router of botocore's model, which does this for all other services, stumbles over S3's: a client of S3 in the
same process takes the bucket out of the paths of what it calls, and keeps them in `authPath`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from moto.core.utils import get_service_model


class Route(NamedTuple):
    """How an operation is called: the words that its query must have, with their values (None for any), and headers."""

    action: str
    words: Mapping[str, str | None]
    headers: frozenset[str]


def route(method: str, path: str, query: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The action (empty when there is none), and the bucket and key that the path names; addressed by path."""
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    said = dict(parse_qsl(query, keep_blank_values=True))
    fitting = [
        one
        for one in _routes().get((method, bool(bucket) + bool(key)), ())
        if all(word in said and value in (None, said[word]) for word, value in one.words.items())
        and all(header in headers for header in one.headers)
    ]
    labels = {name: value for name, value in (("Bucket", bucket), ("Key", key)) if value}
    return max(fitting, key=lambda one: len(one.words) + len(one.headers)).action if fitting else "", labels


@cache
def _routes() -> dict[tuple[str, int], list[Route]]:
    """The operations by their method and how much their path names (nothing, a bucket, a key); plain ones first."""
    routes: dict[tuple[str, int], list[Route]] = {}
    model = get_service_model("s3")
    for name in sorted(model.operation_names, key=len):
        operation = model.operation_model(name)
        path, _, query = operation.http["requestUri"].partition("?")
        path = operation.http.get("authPath", path)
        words = {word: value or None for word, value in parse_qsl(query, keep_blank_values=True)}
        shape = operation.input_shape
        required = [shape.members[key].serialization for key in shape.required_members] if shape else []
        words |= {one["name"]: None for one in required if one.get("location") == "querystring"}
        headers = frozenset(one["name"].lower() for one in required if one.get("location") == "header")
        key = (operation.http["method"], path.count("{"))
        routes.setdefault(key, []).append(Route(name, words, headers))
    return routes
