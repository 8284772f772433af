"""Session Manager: port forwards to what nobody can reach from outside, and shells on hosts.

https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from chaosgood_ext.environment.aws.account import answering
from chaosgood_ext.environment.aws.interrupts import as_interruption
from chaosgood_ext.environment.outputs import Outputs, Url
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable, MachineError

if TYPE_CHECKING:
    import boto3

Progress = Callable[[str], None]
SHELL_DOCUMENT = "chaosgood-session"
_COMMAND_DOCUMENT = "chaosgood-command"
_FORWARD_DOCUMENT = "AWS-StartPortForwardingSession"
_PLUGIN = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)
_OPEN_WITHIN_S = 30.0
_PERIOD_S = 0.1


@dataclass(frozen=True)
class Forward:
    """An open port forward; `local_port` on this machine's loopback is `port` of the host."""

    port: int
    local_port: int
    process: subprocess.Popen[bytes]

    def close(self) -> None:
        """End it, and the plugin that it runs."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def aws_program() -> str:
    """The AWS CLI: ours, which is installed with this package, else the machine's.

    Raises :class:`MachineError` without it, or without the plugin that carries sessions.
    """
    own = Path(sys.executable).with_name("aws")
    program = str(own) if own.exists() else shutil.which("aws")
    if not program:
        raise MachineError("The AWS CLI is missing.", "Run `make set-up`.")
    if not shutil.which("session-manager-plugin"):
        raise MachineError(
            "The Session Manager plugin of the AWS CLI is missing, and nothing but the shop is open to the world.",
            f"Install it: {_PLUGIN}",
        )
    return program


def open_forwards(
    outputs: Outputs, on_progress: Progress, *, program: str | None = None, within_s: float = _OPEN_WITHIN_S
) -> tuple[Outputs, tuple[Forward, ...]]:
    """Forward a local port to each URL that is reached by Session Manager; return the outputs with local URLs.

    Raises :class:`EnvironmentUnavailable` when one does not open within `within_s` seconds; none stays open then.
    """
    wanted = {name: url for name, url in outputs.urls.items() if url.access == "session-manager"}
    if not wanted:
        return outputs, ()
    command = program or aws_program()
    host = outputs.resources["monitoring_instance_id"]
    forwards: dict[int, Forward] = {}
    try:
        for name, url in wanted.items():
            port = urlsplit(url.url).port or 80
            if port not in forwards:
                on_progress(f"opening a way to {name}")
                forwards[port] = _open(command, outputs.region, host, port, within_s)
    except BaseException:
        for forward in forwards.values():
            forward.close()
        raise
    urls = {name: Url(_at(url.url, forwards), "direct") for name, url in wanted.items()}
    return replace(outputs, urls={**outputs.urls, **urls}), tuple(forwards.values())


@contextmanager
def hold(forwards: Sequence[Forward]) -> Iterator[None]:
    """Close `forwards` at the end, also where SIGTERM or a closed terminal ends it."""

    with as_interruption():
        try:
            yield
        finally:
            for forward in forwards:
                forward.close()


def until_told(forwards: Sequence[Forward]) -> None:
    """Wait for an interruption; raises :class:`EnvironmentUnavailable` when a forward ends by itself."""
    while True:
        for forward in forwards:
            if forward.process.poll() is not None:
                raise EnvironmentUnavailable(
                    f"The way to port {forward.port} was closed from the other side.",
                    "A session ends after twenty idle minutes or with the environment; open it again.",
                )
        time.sleep(_PERIOD_S)


def _at(url: str, forwards: dict[int, Forward]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"127.0.0.1:{forwards[parts.port or 80].local_port}"))


def _open(command: str, region: str, host: str, port: int, within_s: float) -> Forward:
    local_port = _free_port()
    parameters = json.dumps({"portNumber": [str(port)], "localPortNumber": [str(local_port)]})
    argv = [
        *(command, "ssm", "start-session", "--region", region, "--target", host),
        *("--document-name", _FORWARD_DOCUMENT, "--parameters", parameters),
    ]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        forward = Forward(port, local_port, process)
        deadline = time.monotonic() + within_s
        while not _answers(local_port):
            if process.poll() is not None or time.monotonic() > deadline:
                forward.close()
                raise EnvironmentUnavailable(
                    f"Session Manager opens no way to port {port} of {host}: {_last(said)}",
                    "Look whether the environment has expired (`make aws-plan`), and whether you are logged in.",
                )
            time.sleep(_PERIOD_S)
    return forward


def _last(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def shell_argv(outputs: Outputs, instance_id: str, command: Sequence[str], *, program: str | None = None) -> list[str]:
    """The command line of a shell on a host, or of one command there; both are kept on the record by their document."""
    argv = [program or aws_program(), "ssm", "start-session", "--region", outputs.region, "--target", instance_id]
    if command:
        line = base64.b64encode(shlex.join(command).encode()).decode()
        parameters = json.dumps({"command": [line]})
        return [*argv, "--document-name", _COMMAND_DOCUMENT, "--parameters", parameters]
    return [*argv, "--document-name", SHELL_DOCUMENT]


def instance_of(outputs: Outputs, host: str, session: boto3.Session) -> str:
    """The id of the instance that `host` means: an id, a tier, or a tier with a number from 1, oldest first.

    Raises :class:`BadInput` for what is no running host, with those that are.
    """
    if host.startswith("i-"):
        return host
    ec2 = session.client("ec2", region_name=outputs.region)
    with answering(f"which host {host} is"):
        found = ec2.describe_instances(
            Filters=[
                {"Name": "vpc-id", "Values": [outputs.resources["vpc_id"]]},
                {"Name": "instance-state-name", "Values": ["running"]},
            ]
        )
    running = sorted(
        (instance for each in found["Reservations"] for instance in each["Instances"]),
        key=lambda instance: (instance["LaunchTime"], instance["InstanceId"]),
    )
    names: dict[str, str] = {}
    for instance in running:
        tier = next((tag["Value"] for tag in instance.get("Tags", []) if tag["Key"] == "tier"), "")
        number = 1 + sum(name.rpartition("-")[0] == tier for name in names)
        names[f"{tier}-{number}"] = instance["InstanceId"]
    known = names | {tier: names[f"{tier}-1"] for tier in ("monitoring", "workstation") if f"{tier}-1" in names}
    if host not in known:
        raise BadInput(f"There is no running host {host}.", f"There are: {', '.join(sorted(known)) or 'none'}.")
    return known[host]
