"""Guard `alert-rules`: Prometheus evaluates the rules that it had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chaosgood_ext.game.guards.guard import Finding, Guard, Scene

Rules = Mapping[str, str]
"""For each rule, by group, kind and name, what it says."""

_SAYS = ("query", "duration", "labels", "annotations")


def look(scene: Scene, calm: Rules | None) -> Rules:
    """Read the rules from Prometheus; what they evaluate to is none of this guard's business."""
    del calm
    return read(scene.prometheus.get("/api/v1/rules")["data"]["groups"])


def read(groups: list[dict[str, Any]]) -> Rules:
    """The rules in an answer of https://prometheus.io/docs/prometheus/latest/querying/api/#rules."""
    rules: dict[str, str] = {}
    for group in groups:
        for rule in group["rules"]:
            name, number = f"{group['name']}: {rule['type']} {rule['name']}", 2
            while name in rules:
                name, number = f"{group['name']}: {rule['type']} {rule['name']} ({number})", number + 1
            rules[name] = json.dumps({key: rule.get(key) for key in _SAYS}, sort_keys=True)
    return rules


def compare(calm: Rules, now: Rules) -> Finding:
    """A rule that is gone or says something else is wrong; a new one is not."""
    gone = sorted(set(calm) - set(now))
    changed = sorted(rule for rule in set(calm) & set(now) if calm[rule] != now[rule])
    wrong = []
    if gone:
        wrong.append(f"{_some(gone)} {'is' if len(gone) == 1 else 'are'} gone from Prometheus")
    if changed:
        wrong.append(f"{_some(changed)} {'says' if len(changed) == 1 else 'say'} something else")
    return Finding(tuple(wrong))


GUARD = Guard(
    "alert-rules",
    "alert and recording rules are what they were",
    look,
    compare,
    lambda _: "by comparing each rule that Prometheus evaluates",
    blinds=True,
)


def _some(rules: list[str]) -> str:
    """The rules by their names: alerts first, and not all of very many."""
    rules = sorted(rules, key=lambda rule: ": alerting " not in rule)
    names = [f"the rule {rule.rpartition(' ')[2]}" for rule in rules[:2]]
    return ", ".join(names) + (f" and {len(rules) - 2} more" if len(rules) > 2 else "")
