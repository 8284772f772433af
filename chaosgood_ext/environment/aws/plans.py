"""What a plan of terraform would change, for somebody who reads it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MOST = 60
_TAGS = ("tags", "tags_all")


@dataclass(frozen=True)
class Change:
    """One resource that a plan changes; `action` is create, update, replace or delete.

    `differences` are those of its arguments, as in `desired_capacity: 0 → 2`, tags aside. `drifted` says that it is
    not as terraform left it: what the plan does is to put it back.
    """

    action: str
    address: str
    kind: str
    differences: tuple[str, ...] = ()
    drifted: bool = False


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """What a plan (`terraform show -json`) would change.

    https://developer.hashicorp.com/terraform/internals/json-format#change-representation
    """
    drifted = {each["address"] for each in plan.get("resource_drift", [])}
    found = []
    for each in plan.get("resource_changes", []):
        actions = each["change"]["actions"]
        action = "replace" if len(actions) == 2 else actions[0]
        if each.get("mode") == "managed" and action not in ("no-op", "read"):
            differences = tuple(_differences(each["change"])) if action in ("update", "replace") else ()
            found.append(Change(action, each["address"], each["type"], differences, each["address"] in drifted))
    return found


def _differences(change: Mapping[str, Any]) -> Iterator[str]:
    before, after = change.get("before") or {}, change.get("after") or {}
    unknown, hidden = change.get("after_unknown") or {}, change.get("before_sensitive") or {}
    for name in sorted({*before, *after}):
        if name in _TAGS or unknown.get(name) or before.get(name) == after.get(name):
            continue
        values = "changed" if hidden.get(name) else f"{_said(before.get(name))} → {_said(after.get(name))}"
        yield f"{name}: {values}"


def _said(value: object) -> str:
    said = json.dumps(value)
    return said if len(said) <= _MOST else f"{said[: _MOST - 1]}…"


def summary(planned: Sequence[Change]) -> list[tuple[str, str, str]]:
    """Rows of part of the environment, action and number, such as `database create 3`."""
    counted = Counter((_part(change.address), change.action) for change in planned)
    return [(part, action, str(number)) for (part, action), number in sorted(counted.items())]


def put_back(planned: Sequence[Change]) -> list[str]:
    """What somebody changed since it was built and the plan puts back, a line each."""
    lines = []
    for change in planned:
        if change.drifted and change.action == "create":
            lines.append(f"{change.address} is gone, and is made again")
        elif change.drifted and change.differences:
            lines.append(f"{change.address}: {'; '.join(change.differences)}")
    return lines


def _part(address: str) -> str:
    found = re.match(r"module\.([\w-]+)", address)
    return found[1] if found else "root"
