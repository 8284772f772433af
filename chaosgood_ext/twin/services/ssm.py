"""Systems Manager's Run Command: shell scripts that really run, as root, on the hosts of the instances named.

An instance is managed once it has run with an instance profile: without one its agent has no credentials, as on AWS.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chaosgood_ext.errors import TwinError
from chaosgood_ext.twin.cloud import ACCOUNT_ID
from chaosgood_ext.twin.cloud.wire import AwsError, Call
from chaosgood_ext.twin.hosts.namespace import KERNEL_SYSRQ, SYSRQ
from chaosgood_ext.twin.services.ssm_commands import DOCUMENT, PLUGIN, Command, Invocation

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Host, Hosts

log = logging.getLogger(__name__)

_LOST_AFTER_S = 300
_POLL_S = 0.1
_REPORTS_AFTER_S = 0.1
"""An agent tells of a script's end a moment later: of one that crashes its host it never does."""
_KILLED = 137
_ORCHESTRATION = "/var/lib/amazon/ssm/{instance}/document/orchestration/{command}/awsrunShellScript/0.awsrunShellScript"
_UNSUPPORTED = (
    "OutputS3BucketName", "CloudWatchOutputConfig", "NotificationConfig", "ServiceRoleArn", "AlarmConfiguration",
)  # fmt: skip
_Fields = Mapping[str, Any]


@dataclass
class Node:
    """A managed instance, and when its agent was last heard of."""

    registered: datetime
    pinged: datetime


class Ssm:
    """Answers Run Command's calls; its handlers run under the tap's lock, its commands in threads of their own.

    `time_scale` divides the time after which a command expires that no agent has answered. A script's own time limit
    is not divided: programs take as long here as anywhere.
    """

    name = "ssm"

    def __init__(self, tap: Tap, state: State, hosts: Hosts, time_scale: float) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._scale = time_scale
        self._nodes: dict[str, Node] = {}
        self._commands: dict[str, Command] = {}
        handlers: Mapping[str, Callable[[Call], _Fields]] = {
            "SendCommand": self._send,
            "CancelCommand": self._cancel,
            "ListCommands": self._list,
            "GetCommandInvocation": self._get_invocation,
            "ListCommandInvocations": self._list_invocations,
            "DescribeInstanceInformation": self._describe_nodes,
        }
        for action, handler in handlers.items():
            tap.handle("ssm", action, handler)

    def reconcile(self) -> bool:
        """Hear of every agent that runs, and forget those whose instance is terminated; see `Controller`."""
        now = datetime.now(UTC)
        with self._tap.lock:
            alive = {one.id: one for one in self._state.ec2.all_instances() if one.state != "terminated"}
            for instance_id in self._nodes.keys() - alive.keys():
                del self._nodes[instance_id]
            for instance_id in alive.keys() & self._state.ec2.iam_instance_profile_associations.keys():
                if alive[instance_id].state == "running" and self._hosts.get(instance_id) is not None:
                    self._nodes.setdefault(instance_id, Node(now, now)).pinged = now
        return False

    # -- calls

    def _send(self, call: Call) -> _Fields:
        asked = call.parameters
        document = str(asked.get("DocumentName", "")).rpartition("/")[2]
        if document != DOCUMENT:
            known = self._state.ssm._documents
            if document in known or document.startswith("AWS-"):
                raise AwsError("NotImplemented", f"The twin runs no SSM document but {DOCUMENT}: {document}", 501)
            raise AwsError("InvalidDocument", f"Document with name {document} does not exist.")
        for name in _UNSUPPORTED:
            if asked.get(name):
                raise AwsError("NotImplemented", f"The twin does not implement {name} of ssm:SendCommand.", 501)
        command = Command.of(asked, self._chosen(asked))
        self._commands[command.id] = command
        threading.Thread(target=self._run_all, args=(command,), name=f"command-{command.id}", daemon=True).start()
        return {"Command": command.describe()}

    def _chosen(self, asked: _Fields) -> Sequence[str]:
        named, targets = asked.get("InstanceIds") or [], asked.get("Targets") or []
        if bool(named) == bool(targets):
            raise AwsError("ValidationException", "Give either InstanceIds or Targets.")
        if len(set(named)) != len(named):
            raise AwsError("DuplicateInstanceId", "An instance ID is given more than once.")
        by_id = [value for target in targets if target.get("Key") == "InstanceIds" for value in target["Values"]]
        wrong = [one for one in [*named, *by_id] if one not in self._nodes or self._is_going(one)]
        if wrong:
            raise AwsError(
                "InvalidInstanceId", f"Instances [[{', '.join(wrong)}]] not in a valid state for account {ACCOUNT_ID}"
            )
        return named or [one for one in self._nodes if not self._is_going(one) and self._is_meant(one, targets)]

    def _is_going(self, instance_id: str) -> bool:
        """Whether it is in one of the states that `SendCommand` calls invalid."""
        instance = self._state.ec2.get_instance_by_id(instance_id)
        return instance is None or instance.state in ("shutting-down", "terminated")

    def _is_meant(self, instance_id: str, targets: Iterable[_Fields]) -> bool:
        instance = self._state.ec2.get_instance_by_id(instance_id)
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()} if instance else {}
        for target in targets:
            key, values = str(target.get("Key", "")), target.get("Values", [])
            if key.startswith("tag:"):
                fits = tags.get(key.removeprefix("tag:")) in values
            elif key == "tag-key":
                fits = any(value in tags for value in values)
            elif key == "InstanceIds":
                fits = instance_id in values
            else:
                raise AwsError(
                    "NotImplemented", f"The twin does not implement the target {key} of ssm:SendCommand.", 501
                )
            if not fits:
                return False
        return True

    def _cancel(self, call: Call) -> _Fields:
        command = self._commands.get(call.parameters.get("CommandId", ""))
        if command is None:
            raise AwsError("InvalidCommandId", "Invalid command id.")
        for instance_id in call.parameters.get("InstanceIds") or command.invocations:
            if instance_id not in command.invocations:
                raise AwsError("InvalidInstanceId", f"The command was not sent to {instance_id}.")
            command.invocations[instance_id].cancel.set()
        return {}

    def _get_invocation(self, call: Call) -> _Fields:
        asked = call.parameters
        command = self._commands.get(asked.get("CommandId", ""))
        invocation = command.invocations.get(asked.get("InstanceId", "")) if command else None
        if command is None or invocation is None:
            raise AwsError("InvocationDoesNotExist", "")
        if asked.get("PluginName") not in (None, PLUGIN):
            raise AwsError("InvalidPluginName", "")
        return command.result(invocation)

    def _list(self, call: Call) -> _Fields:
        return {"Commands": [command.describe() for command in self._found(call.parameters)]}

    def _list_invocations(self, call: Call) -> _Fields:
        asked = call.parameters
        return {
            "CommandInvocations": [
                command.describe_invocation(one, details=bool(asked.get("Details")))
                for command in self._found(asked)
                for one in command.invocations.values()
                if asked.get("InstanceId") in (None, one.instance_id)
            ]
        }

    def _found(self, asked: _Fields) -> list[Command]:
        """The commands that are asked for, newest first."""
        if asked.get("Filters"):
            raise AwsError("NotImplemented", "The twin does not implement Filters of ssm:ListCommands.", 501)
        return [
            command
            for command in reversed(self._commands.values())
            if asked.get("CommandId") in (None, command.id)
            and (not asked.get("InstanceId") or asked["InstanceId"] in command.invocations)
        ]

    def _describe_nodes(self, call: Call) -> _Fields:
        asked = call.parameters
        filters = {one["Key"]: one["Values"] for one in asked.get("Filters") or []}
        filters |= {one["key"]: one["valueSet"] for one in asked.get("InstanceInformationFilterList") or []}
        told = []
        for instance_id, node in self._nodes.items():
            instance = self._state.ec2.get_instance_by_id(instance_id)
            if instance is not None:
                described = self._describe_node(instance, node)
                if all(_passes(described, instance, key, values) for key, values in filters.items()):
                    told.append(described)
        return {"InstanceInformationList": told}

    def _describe_node(self, instance: Instance, node: Node) -> dict[str, Any]:
        silent_s = (datetime.now(UTC) - node.pinged).total_seconds()
        return {
            "InstanceId": instance.id,
            "PingStatus": "Online" if silent_s < _LOST_AFTER_S / self._scale else "ConnectionLost",
            "LastPingDateTime": node.pinged,
            "RegistrationDate": node.registered,
            "PlatformType": "Linux",
            "ResourceType": "EC2Instance",
            "IPAddress": instance.private_ip or "",
            "ComputerName": instance.private_dns_name,
        }

    # -- commands

    def _run_all(self, command: Command) -> None:
        with ThreadPoolExecutor(command.at_once(), f"command-{command.id}") as workers:
            for invocation in command.invocations.values():
                workers.submit(self._run_one, command, invocation)

    def _run_one(self, command: Command, invocation: Invocation) -> None:
        try:
            if command.too_many_errors():
                invocation.end("Failed", "Terminated")
            elif host := self._deliver(command, invocation):
                self._run(host, command, invocation)
        except Exception:
            log.exception("command %s on %s failed", command.id, invocation.instance_id)
            invocation.end("Failed", "Failed")

    def _deliver(self, command: Command, invocation: Invocation) -> Host | None:
        """Wait for the agent of an instance that is down, until the command expires."""
        while not invocation.cancel.is_set():
            if (host := self._hosts.get(invocation.instance_id)) is not None:
                return host
            if self._is_over(command, invocation):
                return None
            invocation.to("Delayed")
            invocation.cancel.wait(_POLL_S)
        invocation.end("Cancelled")
        return None

    def _is_over(self, command: Command, invocation: Invocation) -> bool:
        """Whether nothing will be heard of it any more: it has expired, or its instance is gone."""
        with self._tap.lock:
            gone = self._is_going(invocation.instance_id)
        if gone:
            invocation.end("Failed", "Undeliverable")
        elif (datetime.now(UTC) - command.requested).total_seconds() > command.total_timeout_s / self._scale:
            invocation.end("TimedOut", "DeliveryTimedOut")
        return invocation.done

    def _run(self, host: Host, command: Command, invocation: Invocation) -> None:
        folder = _ORCHESTRATION.format(instance=invocation.instance_id, command=command.id)
        script = f"{folder}/_script.sh"
        host.write(script, _with_own_sysrq(host, command.script), 0o700)
        invocation.start()
        stdout, stderr = host.on_disk(f"{folder}/stdout"), host.on_disk(f"{folder}/stderr")
        argv = ["sh", "-c", 'cd "$0" && "$1"', command.working_directory, script]
        with stdout.open("wb") as out, stderr.open("wb") as err:
            process = host.spawn(argv, out, err)
            ended_by = _await_end(process, invocation, command.execution_timeout_s)
        invocation.cancel.wait(_REPORTS_AFTER_S)
        while self._hosts.get(host.spec.name) is not host and not invocation.cancel.is_set():
            if self._is_over(command, invocation):  # it died with its host, and no agent tells of it
                return
            time.sleep(_POLL_S)
        with contextlib.suppress(OSError):
            invocation.stdout, invocation.stderr = (
                stdout.read_text(errors="replace"),
                stderr.read_text(errors="replace"),
            )
        if ended_by:
            invocation.end(*ended_by, response_code=_KILLED)
            return
        code = process.returncode if process.returncode >= 0 else 128 - process.returncode
        if code:
            invocation.stderr += f"failed to run commands: exit status {code}"
        invocation.end("Failed" if code else "Success", response_code=code)


def _await_end(process: subprocess.Popen[bytes], invocation: Invocation, within_s: float) -> tuple[str, str] | None:
    """Wait until the script ends; where it was ended instead, return with which status."""
    deadline = time.monotonic() + within_s
    while process.poll() is None:
        ended_by = ("Cancelled", "Cancelled") if invocation.cancel.is_set() else ("TimedOut", "ExecutionTimedOut")
        if invocation.cancel.is_set() or time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return ended_by
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(_POLL_S, within_s))
    return None


def _with_own_sysrq(host: Host, script: str) -> str:
    """The script, with the host's own trigger where the machine's kernel has none for it to be laid over."""
    try:
        return script if host.path(KERNEL_SYSRQ).exists() else script.replace(KERNEL_SYSRQ, SYSRQ)
    except OSError as gone:
        raise TwinError(f"Host {host.spec.name} is gone.") from gone


def _passes(described: _Fields, instance: Instance, key: str, values: Sequence[str]) -> bool:
    if key.startswith("tag:"):
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        return tags.get(key.removeprefix("tag:")) in values
    fields = {
        "InstanceIds": "InstanceId", "PingStatus": "PingStatus", "PlatformTypes": "PlatformType",
        "ResourceType": "ResourceType",
    }  # fmt: skip
    if key not in fields:
        raise AwsError("InvalidFilterKey", f"The filter key {key} is not valid.")
    return described[fields[key]] in values
