"""What is inside a twin's hosts and its monitoring, which AWS knows nothing of: files, programs, alert rules, silences.

On aws none of this can be seen from outside; there, instances are replaced rather than compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chaosgood_ext.environment.built import Fact
from chaosgood_ext.twin.hosts.files import STACK, disk_of
from chaosgood_ext.twin.hosts.model import Unit
from chaosgood_ext.twin.launcher import RunningTwin

_TIMEOUT_S = 2.0
_RULES = STACK / "monitoring" / "etc" / "prometheus" / "chaosgood.rules.yml"


def planned(twin: RunningTwin) -> Iterator[Fact]:
    """What is on the hosts of `twin` when nobody touched them, and what its monitoring knows."""
    import yaml

    for host in _hosts(twin):
        disk = disk_of(host["tier"], with_common=True)
        yield from ((_thing(host), f"{path} as it was built") for path in disk.files)
        yield from ((_thing(host), f"{unit.name} runs") for unit in _started(twin, disk.units))
    for names in twin.status()["down"]:
        yield f"host {names[-1]}", "answers"
    for group in yaml.safe_load(_RULES.read_text())["groups"]:
        yield from (("alert rules", _rule(rule)) for rule in group["rules"] if "alert" in rule)
    yield "monitoring", "Prometheus answers"
    yield "monitoring", "Alertmanager answers"


def found(twin: RunningTwin) -> Iterator[Fact]:
    """What is there now."""
    for host in _hosts(twin):
        disk = disk_of(host["tier"], with_common=True)
        yield from ((_thing(host), fact) for fact in _files(twin, host["name"], disk.files))
        running = {unit["name"] for unit in host["units"] if unit["running"]}
        yield from ((_thing(host), f"{unit.name} runs") for unit in disk.units if unit.name in running)
    yield from _monitoring(twin)


def _hosts(twin: RunningTwin) -> list[Mapping[str, Any]]:
    """The EC2 instances: who else is a host is AWS's own."""
    return [host for host in twin.status()["hosts"] if host["name"].startswith("i-")]


def _started(twin: RunningTwin, units: Iterable[Unit]) -> list[Unit]:
    """Those whose conditions hold, as the supervisor decides it too."""
    root = Path(f"/proc/{twin.init_pid}/root")
    return [one for one in units if all((root / path.lstrip("/")).exists() for path in one.condition_paths)]


def _thing(host: Mapping[str, Any]) -> str:
    return f"host {(host['aliases'] or [host['name']])[0]}"


def _files(twin: RunningTwin, host: str, wanted: Mapping[str, str]) -> Iterator[str]:
    root = Path(f"/proc/{twin.init_pid}/root/run/twin/hosts") / host
    for path, text in wanted.items():
        try:
            same = (root / path.lstrip("/")).read_text(errors="replace") == text
        except OSError:
            continue  # deleted
        yield f"{path} as it was built" if same else f"{path} changed"


def _monitoring(twin: RunningTwin) -> Iterator[Fact]:
    rules = _get(twin, "prometheus", "/api/v1/rules?type=alert")
    if rules is not None:
        yield "monitoring", "Prometheus answers"
        for group in rules["data"]["groups"]:
            yield from (("alert rules", _rule({**rule, "alert": rule["name"]})) for rule in group["rules"])
    silences = _get(twin, "alertmanager", "/api/v2/silences")
    if silences is not None:
        yield "monitoring", "Alertmanager answers"
        for silence in silences:
            if silence["status"]["state"] != "expired":
                matchers = ", ".join(f"{one['name']}={one['value']}" for one in silence["matchers"])
                yield "monitoring", f"alerts are silenced: {matchers}"


def _get(twin: RunningTwin, door: str, path: str) -> Any:
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(twin.outputs["urls"][door]["url"] + path, timeout=_TIMEOUT_S).json()
    except (requests.RequestException, ValueError):
        return None


def _rule(rule: Mapping[str, Any]) -> str:
    """An alert by its name and labels: Prometheus prints expressions in words of its own."""
    labels = ", ".join(f"{key}={value}" for key, value in sorted(rule.get("labels", {}).items()))
    return f"{rule['alert']} ({labels})"
