"""Run Command's commands and invocations, and how the API tells of them.

Source: "Understanding command statuses" and "Understanding command timeout values" in the AWS Systems Manager User
Guide, and `GetCommandInvocation` in its API Reference.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chaosgood_ext.twin.cloud.wire import AwsError

DOCUMENT = "AWS-RunShellScript"
PLUGIN = "aws:runShellScript"
_KNOWN = {"commands", "workingDirectory", "executionTimeout"}
_TIMEOUT_S, _EXECUTION_TIMEOUT_S = 3600, 3600
_LONGEST_EXECUTION_S, _SHORTEST_S, _LONGEST_S = 172_800, 30, 2_592_000
_STDOUT, _STDERR, _OUTPUT = 24_000, 8_000, 2_500
_NOT_DONE = ("Pending", "InProgress", "Delayed", "Cancelling")
_ERRORS = ("Failed", "ExecutionTimedOut")


@dataclass
class Invocation:
    """A command on one instance. `cancel` is set when it is to end; `details` is the more exact status."""

    instance_id: str
    status: str = "Pending"
    details: str = "Pending"
    response_code: int = -1
    stdout: str = ""
    stderr: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def done(self) -> bool:
        """Whether its status is final."""
        return self.status not in _NOT_DONE

    def to(self, status: str, details: str = "") -> None:
        """Set the status, unless a final one is set."""
        if not self.done:
            self.status, self.details = status, details or status

    def start(self) -> None:
        """Note that its script runs now."""
        self.started = datetime.now(UTC)
        self.to("InProgress")

    def end(self, status: str, details: str = "", response_code: int = -1) -> None:
        """Note how it ended."""
        self.ended = datetime.now(UTC)
        self.response_code = response_code
        self.to(status, details)


@dataclass(frozen=True)
class Command:
    """What was asked for, and what became of it on each instance."""

    parameters: Mapping[str, Sequence[str]]
    instance_ids: tuple[str, ...]
    targets: Sequence[Mapping[str, Any]]
    timeout_s: int
    comment: str
    max_concurrency: str
    max_errors: str
    invocations: Mapping[str, Invocation]
    asked_ids: tuple[str, ...] = ()
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, asked: Mapping[str, Any], instance_ids: Sequence[str]) -> Command:
        """Make the command that `SendCommand` asks for; raise its errors for parameters that are wrong."""
        timeout_s = int(asked.get("TimeoutSeconds") or _TIMEOUT_S)
        if not _SHORTEST_S <= timeout_s <= _LONGEST_S:
            raise AwsError(
                "ValidationException",
                f"1 validation error detected: Value '{timeout_s}' at 'timeoutSeconds' failed to satisfy constraint:"
                f" Member must have value between {_SHORTEST_S} and {_LONGEST_S}",
            )
        parameters = asked.get("Parameters") or {}
        if unknown := parameters.keys() - _KNOWN:
            raise AwsError("InvalidParameters", f"Parameters {sorted(unknown)} are not defined in the document.")
        if not parameters.get("commands"):
            raise AwsError("InvalidParameters", "Parameter commands is required by the document.")
        limit = "".join(parameters.get("executionTimeout", []))
        if limit and not (limit.isdigit() and 1 <= int(limit) <= _LONGEST_EXECUTION_S):
            raise AwsError("InvalidParameters", f"executionTimeout {limit!r} is not between 1 and 172800 seconds.")
        return cls(
            parameters=parameters,
            instance_ids=tuple(instance_ids),
            targets=asked.get("Targets") or [],
            timeout_s=timeout_s,
            comment=asked.get("Comment") or "",
            max_concurrency=asked.get("MaxConcurrency") or "50",
            max_errors=asked.get("MaxErrors") or "0",
            invocations={one: Invocation(one) for one in instance_ids},
            asked_ids=tuple(asked.get("InstanceIds") or ()),
        )

    @property
    def script(self) -> str:
        """The shell script that the agent runs."""
        return "\n".join(self.parameters["commands"]) + "\n"

    @property
    def working_directory(self) -> str:
        """Where it runs; the agent's own folder unless another is named."""
        return "".join(self.parameters.get("workingDirectory", [])) or "/usr/bin"

    @property
    def execution_timeout_s(self) -> int:
        """How long the script may run, in seconds of AWS."""
        return int("".join(self.parameters.get("executionTimeout", [])) or _EXECUTION_TIMEOUT_S)

    @property
    def total_timeout_s(self) -> int:
        """After how many seconds of AWS it expires where no agent has answered."""
        return self.timeout_s + self.execution_timeout_s

    def at_once(self) -> int:
        """On how many instances it may run at the same time."""
        return max(1, _share(self.max_concurrency, len(self.invocations)))

    @property
    def errors(self) -> int:
        """How many invocations count against `MaxErrors`."""
        return sum(one.details in _ERRORS for one in self.invocations.values())

    def too_many_errors(self) -> bool:
        """Whether it is to be sent to no further instance."""
        return self.errors > _share(self.max_errors, len(self.invocations))

    def status(self) -> tuple[str, str]:
        """The status of the whole command, and the more exact one."""
        every = list(self.invocations.values())
        if not every:
            return "Success", "NoInstancesInTag"
        if not all(one.done for one in every):
            begun = any(one.status != "Pending" for one in every)
            return ("InProgress", "InProgress") if begun else ("Pending", "Pending")
        details = {one.details for one in every}
        if len(details) == 1:
            return every[0].status, every[0].details
        return ("Failed", "Failed") if self.too_many_errors() else ("Success", "Incomplete")

    def describe(self) -> dict[str, Any]:
        """As `Command` in the API."""
        status, details = self.status()
        return {
            "CommandId": self.id,
            "DocumentName": DOCUMENT,
            "DocumentVersion": "$DEFAULT",
            "Comment": self.comment,
            "ExpiresAfter": self.requested + timedelta(seconds=self.total_timeout_s),
            "Parameters": self.parameters,
            "InstanceIds": list(self.asked_ids),
            "Targets": self.targets,
            "RequestedDateTime": self.requested,
            "Status": status,
            "StatusDetails": details,
            "MaxConcurrency": self.max_concurrency,
            "MaxErrors": self.max_errors,
            "TargetCount": len(self.invocations),
            "CompletedCount": sum(one.done for one in self.invocations.values()),
            "ErrorCount": self.errors,
            "DeliveryTimedOutCount": sum(one.details == "DeliveryTimedOut" for one in self.invocations.values()),
            "TimeoutSeconds": self.timeout_s,
        }

    def describe_invocation(self, one: Invocation, *, details: bool) -> dict[str, Any]:
        """As `CommandInvocation` in the API, with its plugins where `details` are asked for."""
        plugin: dict[str, Any] = {
            "Name": PLUGIN,
            "Status": one.status,
            "StatusDetails": one.details,
            "ResponseCode": one.response_code,
            "Output": _output(one),
        }
        if one.started:
            plugin["ResponseStartDateTime"] = one.started
        if one.ended:
            plugin["ResponseFinishDateTime"] = one.ended
        return {
            "CommandId": self.id,
            "InstanceId": one.instance_id,
            "InstanceName": "",
            "Comment": self.comment,
            "DocumentName": DOCUMENT,
            "DocumentVersion": "$DEFAULT",
            "RequestedDateTime": self.requested,
            "Status": one.status,
            "StatusDetails": one.details,
            "CommandPlugins": [plugin] if details else [],
        }

    def result(self, one: Invocation) -> dict[str, Any]:
        """As `GetCommandInvocation` answers."""
        elapsed = (one.ended - one.started).total_seconds() if one.started and one.ended else None
        return {
            "CommandId": self.id,
            "InstanceId": one.instance_id,
            "Comment": self.comment,
            "DocumentName": DOCUMENT,
            "DocumentVersion": "$DEFAULT",
            "PluginName": PLUGIN,
            "ResponseCode": one.response_code,
            "ExecutionStartDateTime": _stamp(one.started),
            "ExecutionElapsedTime": "" if elapsed is None else f"PT{elapsed:.3f}S",
            "ExecutionEndDateTime": _stamp(one.ended),
            "Status": one.status,
            "StatusDetails": one.details,
            "StandardOutputContent": one.stdout[:_STDOUT],
            "StandardErrorContent": one.stderr[:_STDERR],
        }


def _output(one: Invocation) -> str:
    text = one.stdout + (f"\n----------ERROR-------\n{one.stderr}" if one.stderr else "")
    return text if len(text) <= _OUTPUT else text[:_OUTPUT] + "\n---Output truncated---"


def _share(said: str, whole: int) -> int:
    """A number, or a percentage of `whole`."""
    return whole * int(said[:-1]) // 100 if said.endswith("%") else int(said)


def _stamp(moment: datetime | None) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else ""
