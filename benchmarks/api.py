"""What the tap adds to a call of the AWS API: the same calls to the twin and to moto's own server, in turn."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.figures import Figure, Progress
from chaosgood_ext.twin import launcher

_CALLS = 100
_PERMISSION = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}


def measure(rounds: int, progress: Progress) -> list[Figure]:
    """Time a call that reads and a pair of calls that change, whose answers do not depend on what else exists."""
    twin = launcher.boot(private=True)
    bare = _Moto()
    try:
        there = _calls(twin.outputs["endpoint_url"], twin.outputs["credentials"]["facilitator"])
        here = _calls(bare.url, {"access_key_id": "bare", "secret_access_key": "moto", "session_token": None})
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in there}
        for number in range(rounds):
            for name, samples in taken.items():
                samples.append(_interleaved(there[name], here[name]))
                progress(
                    f"round {number + 1} of {rounds}: {name} {samples[-1][0]:.1f} ms, bare {samples[-1][1]:.1f} ms"
                )
    finally:
        bare.end()
        launcher.shut_down(twin)
    figures = []
    for name, samples in taken.items():
        ratios = tuple(ours / bare_ms for ours, bare_ms in samples)
        figures += [
            Figure(f"{name} through the tap", "ms", tuple(ours for ours, _ in samples)),
            Figure(f"{name}, moto bare", "ms", tuple(bare_ms for _, bare_ms in samples)),
            Figure(f"{name}, tap against bare", "times", ratios, reach=1.2),
        ]
    return figures


class _Moto:
    """moto's own server in a process of its own."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("moto's own server did not start within 30 s")

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()


def _calls(url: str, keys: dict[str, Any]) -> dict[str, Callable[[], object]]:
    session = boto3.Session(keys["access_key_id"], keys["secret_access_key"], keys["session_token"], "us-east-1")
    ec2: Any = session.client("ec2", endpoint_url=url, config=Config(retries={"max_attempts": 0}))
    group = ec2.create_security_group(GroupName="bench", Description="For the benchmark")["GroupId"]

    def change() -> None:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[_PERMISSION])
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[_PERMISSION])

    read = {"DescribeSecurityGroups": lambda: ec2.describe_security_groups(GroupIds=[group])}
    return {**read, "Authorize- and RevokeSecurityGroupIngress": change}


def _interleaved(there: Callable[[], object], here: Callable[[], object]) -> tuple[float, float]:
    """Medians in milliseconds; the machine's moods fall on both alike."""
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(_CALLS):
        for call, taken in zip((there, here), samples, strict=True):
            start = time.perf_counter()
            call()
            taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(samples[0]), statistics.median(samples[1])
