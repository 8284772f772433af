"""What the environment should be, by `stack/topology.json`, against what it is: facts of both, in the same words.

The plan is made from the topology, not from a snapshot taken when the environment was built: it needs no file that
could be lost or out of date, holds on twin and aws alike, and tests see that a fresh environment does not differ.
What the topology leaves open (ids, addresses, which instance a tier has) is no fact here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Facts = Mapping[str, frozenset[str]]
"""What is true of each thing, a line a fact."""
Fact = tuple[str, str]


@dataclass(frozen=True)
class Difference:
    """What is `missing` of a thing, and what is there that was not built."""

    thing: str
    missing: tuple[str, ...]
    added: tuple[str, ...]


def differences(planned: Facts, found: Facts) -> list[Difference]:
    """What differs, thing by thing."""
    empty: frozenset[str] = frozenset()
    different = []
    for thing in sorted({*planned, *found}):
        was, now = planned.get(thing, empty), found.get(thing, empty)
        if was != now:
            different.append(Difference(thing, tuple(sorted(was - now)), tuple(sorted(now - was))))
    return different


def gather(facts: Iterable[Fact]) -> Facts:
    """The facts by their things."""
    gathered: dict[str, set[str]] = defaultdict(set)
    for thing, fact in facts:
        gathered[thing].add(fact)
    return {thing: frozenset(those) for thing, those in gathered.items()}


@cache
def topology() -> Mapping[str, Any]:
    """The topology of this version."""
    loaded: dict[str, Any] = json.loads(files("chaosgood_ext.stack").joinpath("topology.json").read_text())
    return loaded


def container_facts(container: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    """What a container runs with; a password is nobody's business."""
    yield f"{container['cpu']} CPU units and {container['memory']} MiB"
    yield f"runs {container['image']}: {' '.join(container['command'])}"
    yield from (f"{name}={value}" for name, value in environment.items() if "PASSWORD" not in name)


def rule_fact(direction: str, protocol: str, ports: tuple[int, int] | None, source: str, description: str) -> str:
    """A rule of a security group; `ports` is None for all."""
    if ports is None:
        what = "all" if protocol == "-1" else protocol
    else:
        what = f"{protocol} {ports[0]}" + (f"-{ports[1]}" if ports[1] != ports[0] else "")
    return f"{direction} {what} {'from' if direction == 'ingress' else 'to'} {source} “{description}”"


def health_check_fact(path: str, matcher: str, interval: int, timeout: int, healthy: int, unhealthy: int) -> str:
    """How a target group checks its targets, times in seconds."""
    return f"health check {path} = {matcher} every {interval} s within {timeout} s, {healthy} up, {unhealthy} down"


def instances_fact(count: int, instance_type: str, state: str) -> str:
    """How many instances of a kind there are in a state."""
    return f"{count} of type {instance_type} {state}"
