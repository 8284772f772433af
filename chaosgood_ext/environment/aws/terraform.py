"""Runs terraform, tells of its progress, and says in a sentence why it failed and what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import EnvironmentUnavailable, MachineError

Progress = Callable[[str], None]
Streamer = Callable[[Sequence[str], Callable[[str], None]], int]
"""Runs a command, hands on each line that it prints (standard error among them), and returns its status."""

OLDEST = (1, 9)

_LOCKED = "Error acquiring the state lock"

_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"No valid credential sources|no EC2 IMDS role found|failed to refresh cached credentials",
        "terraform finds no AWS credentials",
        "Log in: `aws login`, or `aws sso login --profile NAME` and AWS_PROFILE=NAME.",
    ),
    (
        r"ExpiredToken|token included in the request is expired|RequestExpired",
        "the AWS credentials expired",
        "Log in again and repeat the command; it goes on where it stopped.",
    ),
    (
        r"InvalidClientTokenId|UnrecognizedClientException|SignatureDoesNotMatch|AuthFailure",
        "AWS does not accept the credentials",
        "Log in again; check AWS_PROFILE.",
    ),
    (
        r"AWS account ID not allowed|AWS Account ID not allowed",
        "these are credentials of another account than the one that it was planned for",
        "Use the credentials of the account in terraform/aws.toml.",
    ),
    (
        r"VcpuLimitExceeded|current vCPU limit|LimitExceeded|QuotaExceeded|Quota exceeded|TooMany\w+|maximum number of",
        "a quota of the account is used up",
        "Free what you do not need, or ask for more in the console under Service Quotas; then repeat the command.",
    ),
    (
        r"InsufficientInstanceCapacity|InsufficientDBInstanceCapacity|do not have sufficient \S+ capacity",
        "AWS has no such instances left in that zone just now",
        "Repeat the command in some minutes.",
    ),
    (
        r"UnauthorizedOperation|AccessDenied|not authorized to perform",
        "the credentials may not do that",
        "Use a role that may build all of it, such as AdministratorAccess in an account for games alone.",
    ),
    (
        _LOCKED,
        "another terraform works on this environment, or one that died left its lock",
        "Wait for it; if there is none: terraform -chdir=terraform force-unlock ID.",
    ),
    (
        r"Provider with url \S+ already exists",
        "the account has that identity provider already, and it can have no second one",
        "Leave ci_repository out of terraform/aws.toml. Or let this environment own it, which deletes it at the end: "
        "terraform -chdir=terraform import 'module.access.aws_iam_openid_connect_provider.ci[0]' ARN.",
    ),
    (
        r"AlreadyExists|already exists|BucketAlreadyOwnedByYou|InvalidGroup\.Duplicate|DuplicateLoadBalancerName",
        "something of that name exists and is not in terraform's state",
        "It may be of a build whose state is lost: `make aws-down` removes all of that; then repeat the command.",
    ),
    (
        r"DependencyViolation|has dependencies and cannot be deleted|has a dependent object|DeleteConflict",
        "something that terraform did not make still uses what it deletes",
        "`make aws-down` removes what players made; then it tries again.",
    ),
    (
        r"Failed to query available provider packages|could not connect to registry|Failed to install provider",
        "the AWS provider cannot be fetched",
        "Check the network: terraform must reach its registry.",
    ),
    (
        r"timeout while waiting for state|timed out waiting|context deadline exceeded",
        "AWS took too long",
        "Repeat the command; it goes on where it stopped.",
    ),
    (
        r"no such host|dial tcp|connection refused|i/o timeout",
        "AWS cannot be reached",
        "Check the network, then repeat the command.",
    ),
)


class TerraformFailed(EnvironmentUnavailable):
    """Terraform ended with an error; `output` is what it said, `step` what it was at."""

    def __init__(self, step: str, output: str) -> None:
        self.step = step
        self.output = output
        reason, remedy = explain(output)
        super().__init__(f"terraform {step} failed: {reason}.", remedy)

    @property
    def is_locked(self) -> bool:
        """Whether it failed because another terraform works on the same state, or one that died left its lock."""
        return _LOCKED in self.output


def explain(output: str) -> tuple[str, str]:
    """Why terraform failed, in words, and what to do about it; for what is not known, its own last words."""
    for pattern, reason, remedy in _REASONS:
        if re.search(pattern, output):
            detail = next((line for line in _lines(output) if re.search(pattern, line)), "")
            return f"{reason} ({_short(detail)})", remedy
    lines = _lines(output)
    said = next((line for line in lines if "Error" in line), lines[-1] if lines else "it said nothing")
    return _short(said), "Mend that and repeat the command; it goes on where it stopped."


def _lines(output: str) -> list[str]:
    return [line.strip("╷│╵ \t") for line in output.splitlines() if line.strip("╷│╵ \t")]


def _short(line: str) -> str:
    return line if len(line) <= 300 else f"{line[:297]}…"


@dataclass(frozen=True)
class Change:
    """One resource that a plan changes; `action` is create, update, replace or delete."""

    action: str
    address: str
    kind: str


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """What a plan (`terraform show -json`) would change."""
    found = []
    for each in plan.get("resource_changes", []):
        actions = each["change"]["actions"]
        action = "replace" if len(actions) == 2 else actions[0]
        if each.get("mode") == "managed" and action not in ("no-op", "read"):
            found.append(Change(action, each["address"], each["type"]))
    return found


def summary(planned: Sequence[Change]) -> list[tuple[str, str, str]]:
    """Rows of part of the environment, action and number, such as `database create 3`."""
    counted = Counter((_part(change.address), change.action) for change in planned)
    return [(part, action, str(number)) for (part, action), number in sorted(counted.items())]


def _part(address: str) -> str:
    found = re.match(r"module\.([\w-]+)", address)
    return found[1] if found else "root"


def stream(argv: Sequence[str], on_line: Callable[[str], None]) -> int:
    """The streamer that really runs something."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            on_line(line.rstrip("\n"))
        return process.wait()


class Terraform:
    """Terraform in one folder.

    Every method raises :class:`TerraformFailed` when terraform does, and :class:`MachineError` where there is none.
    """

    def __init__(
        self, folder: Path, on_progress: Progress, *, run: Streamer = stream, program: str | None = None
    ) -> None:
        self._folder = folder
        self._tell = on_progress
        self._run = run
        self._given = program

    @cached_property
    def _program(self) -> str:
        return self._given or _find()

    def init(self) -> None:
        """Fetch the provider and set up the state; refuses a terraform that is too old (:class:`MachineError`)."""
        said = json.loads("\n".join(self._must("version", ["version", "-json"])) or "{}")
        version = tuple(int(part) for part in re.findall(r"\d+", said.get("terraform_version", "0"))[:2])
        if version < OLDEST:
            raise MachineError(
                f"terraform {'.'.join(map(str, version))} is too old.",
                "Install 1.9 or newer: https://developer.hashicorp.com/terraform/install",
            )
        self._must("init", ["init", "-input=false", "-no-color"])

    def plan(self, path: Path, *, destroy: bool = False) -> list[Change]:
        """Plan into the file `path` and return what would change."""
        options = ["-destroy"] if destroy else []
        self._work("plan", ["plan", "-input=false", "-json", f"-out={path}", *options])
        return changes(json.loads("\n".join(self._must("show", ["show", "-json", str(path)]))))

    def apply(self, path: Path) -> None:
        """Carry out a plan."""
        self._work("apply", ["apply", "-input=false", "-json", str(path)])

    def destroy(self) -> None:
        """Delete everything that is in the state."""
        self._work("destroy", ["destroy", "-input=false", "-auto-approve", "-json"])

    def output(self) -> object:
        """The outputs of the environment as parsed JSON."""
        return json.loads("\n".join(self._must("output", ["output", "-json", "environment"])))

    def rules(self) -> set[str]:
        """The ids of the security-group rules in the state."""
        state = json.loads("\n".join(self._must("show", ["show", "-json"])) or "{}")
        return {
            each["values"]["security_group_rule_id"]
            for each in _resources(state.get("values", {}).get("root_module", {}))
            if each["type"].startswith("aws_vpc_security_group_") and each["values"].get("security_group_rule_id")
        }

    def _must(self, step: str, arguments: Sequence[str]) -> list[str]:
        lines: list[str] = []
        if self._run([self._program, f"-chdir={self._folder}", *arguments], lines.append):
            raise TerraformFailed(step, "\n".join(lines))
        return lines

    def _work(self, step: str, arguments: Sequence[str]) -> None:
        """Run what speaks terraform's machine-readable language, and pass on what a person wants to know of it."""
        problems: list[str] = []

        def hear(line: str) -> None:
            try:
                said = json.loads(line)
            except ValueError:
                problems.append(line)
                return
            if said.get("type") in ("apply_complete", "apply_progress", "refresh_complete") and step != "plan":
                self._tell(said["@message"])
            diagnostic = said.get("diagnostic", {})
            if diagnostic.get("severity") == "error":
                problems.append(f"Error: {diagnostic['summary']}: {diagnostic.get('detail', '')}")

        if self._run([self._program, f"-chdir={self._folder}", *arguments], hear):
            raise TerraformFailed(step, "\n".join(problems))


def _find() -> str:
    found = shutil.which("terraform")
    if not found:
        raise MachineError(
            "terraform is missing.", "Install 1.9 or newer: https://developer.hashicorp.com/terraform/install"
        )
    return found


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _resources(child)
