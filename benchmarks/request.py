"""What a user's request spends on its way: through the door and both load balancers, and at each hop from there on."""

from __future__ import annotations

import http.client
import inspect
import itertools
import statistics
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import boto3

from benchmarks.figures import Figure, Progress
from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin

_REQUESTS = 200
_PATH = "/api/products"


def median_ms(address: str, port: int, path: str, requests: int) -> float:
    """Ask for `path` over one connection that stays open, as a browser would; the median in milliseconds."""
    connection = http.client.HTTPConnection(address, port, timeout=10)
    samples = []
    for _ in range(requests):
        start = time.perf_counter()
        connection.request("GET", path, headers={"Host": "shop.chaosgood.internal"})
        answer = connection.getresponse()
        answer.read()
        samples.append((time.perf_counter() - start) * 1000)
        assert answer.status == 200, answer.status
    return statistics.median(samples)


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Ask the same question from ever deeper inside; what a hop takes is the difference to the next one."""
    twin = launcher.boot(private=True)
    try:
        path = _path_inwards(twin)
        taken: dict[str, list[float]] = {name: [] for name in path}
        for number in range(rounds):
            for name, (host, address, port) in path.items():
                taken[name].append(_ask(twin, host, address, port))
            progress(f"round {number + 1} of {rounds}: " + ", ".join(f"{k} {v[-1]:.2f} ms" for k, v in taken.items()))
    finally:
        launcher.shut_down(twin)
    whole, alone = taken["door"], taken["application"]
    figures = [
        Figure("request through door and both ALBs", "ms", tuple(whole)),
        Figure("the same request, the application alone", "ms", tuple(alone)),
        Figure(
            "the whole way against the application alone",
            "times",
            tuple(a / b for a, b in zip(whole, alone, strict=True)),
        ),
    ]
    names = list(taken)
    for name, inner in itertools.pairwise(names):
        hop = tuple(a - b for a, b in zip(taken[name], taken[inner], strict=True))
        share = 100 * statistics.median(hop) / statistics.median(whole)
        figures.append(Figure(f"share of the hop: {name}", "ms", hop, note=f"{share:.0f} %"))
    share = 100 * statistics.median(alone) / statistics.median(whole)
    figures.append(Figure("share of the hop: application", "ms", tuple(alone), note=f"{share:.0f} %"))
    return figures


def _path_inwards(twin: RunningTwin) -> dict[str, tuple[str, str, int]]:
    """Hop → from which host, to which address and port; the door is asked from the machine itself."""
    door = urlsplit(twin.outputs["urls"]["application"]["url"])
    keys = twin.outputs["credentials"]["facilitator"]
    session = boto3.Session(
        keys["access_key_id"], keys["secret_access_key"], keys["session_token"], twin.outputs["region"]
    )
    elbv2: Any = session.client("elbv2", endpoint_url=twin.outputs["endpoint_url"])
    health = elbv2.describe_target_health(TargetGroupArn=twin.outputs["resources"]["app_target_group_arn"])
    target = health["TargetHealthDescriptions"][0]["Target"]
    app = twin.host(target["Id"])
    return {
        "door": ("", str(door.hostname), int(door.port or 80)),
        "public ALB": ("internet", twin.host("edge")["address"], 80),
        "web tier": ("edge", twin.host("web-1")["address"], 80),
        "internal ALB": ("web-1", twin.host("internal")["address"], 80),
        "application": ("internal", app["address"], target["Port"]),
    }


def _ask(twin: RunningTwin, host: str, address: str, port: int) -> float:
    call = f"print(median_ms({address!r}, {port}, {_PATH!r}, {_REQUESTS}))"
    code = "import http.client, statistics, time\n" + inspect.getsource(median_ms) + call
    argv = [sys.executable, "-c", code]
    done = subprocess.run([*_on_network_of(twin, host), *argv], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _on_network_of(twin: RunningTwin, host: str) -> list[str]:
    """What runs a command on a host's network: also on a load balancer's node, where nobody can log in."""
    if not host:
        return []
    sandbox = ["nsenter", "-t", str(twin.init_pid), "--user", "--preserve-credentials", "-m", "-n", "-p", "-u", "-i"]
    return [*sandbox, "--", "nsenter", "-t", str(twin.host(host)["pid"]), "-n", "--"]
