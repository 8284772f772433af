"""Runs terraform, tells of its progress, and says in a sentence why it failed and what to do."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from chaosgood_ext.environment.aws.interrupts import as_interruption
from chaosgood_ext.environment.aws.plans import Change, changes
from chaosgood_ext.environment.aws.reasons import explain
from chaosgood_ext.errors import EnvironmentUnavailable, MachineError

Progress = Callable[[str], None]
Streamer = Callable[[Sequence[str], Callable[[str], None]], int]
"""Runs a command, hands on each line that it prints (standard error among them), and returns its status."""

OLDEST = (1, 9)


class TerraformFailed(EnvironmentUnavailable):
    """Terraform ended with an error; `output` is what it said, `step` what it was at."""

    def __init__(self, step: str, output: str) -> None:
        self.step = step
        self.output = output
        reason, remedy = explain(output)
        super().__init__(f"terraform {step} failed: {reason}.", remedy)

    @property
    def is_locked(self) -> bool:
        """Whether it failed because another terraform works on the same state, or one that died left its lock.

        A state that cannot be read cannot be locked either, and that is told in the same words.
        """
        return "Error acquiring the state lock" in self.output and "Unsupported state file" not in self.output


def stream(argv: Sequence[str], on_line: Callable[[str], None]) -> int:
    """The streamer that really runs something.

    An interruption is handed on to the command alone, and raised only when that has ended: terraform writes down what
    it has made. A second one makes terraform stop at once.
    """
    with (
        as_interruption(),
        subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                on_line(line.rstrip("\n"))
        except BaseException:
            _end(process)
            raise
        return process.wait()


def _end(process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(KeyboardInterrupt):
            process.communicate()


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
        said = _document(self._must("version", ["version", "-json"]))
        version = tuple(int(part) for part in re.findall(r"\d+", said.get("terraform_version", "0"))[:2])
        if version < OLDEST:
            raise MachineError(
                f"terraform {'.'.join(map(str, version))} is too old.",
                "Install 1.9 or newer: https://developer.hashicorp.com/terraform/install",
            )
        self._must("init", ["init", "-input=false", "-no-color"])

    def plan(self, path: Path, variables: Path | None = None) -> list[Change]:
        """Plan into the file `path` and return what would change.

        The file `variables` (of the kind `*.tfvars.json`) stands above those that terraform reads by itself.
        """
        options = [f"-var-file={variables}"] if variables else []
        self._work("plan", ["plan", "-input=false", "-json", f"-out={path}", *options])
        return changes(_document(self._must("show", ["show", "-json", "-no-color", str(path)])))

    def apply(self, path: Path) -> None:
        """Carry out a plan."""
        try:
            self._work("apply", ["apply", "-input=false", "-json", str(path)])
        except TerraformFailed as failed:
            if "Saved plan has no changes" not in failed.output:  # HCP Terraform takes that for a fault
                raise

    def destroy(self) -> None:
        """Delete everything that is in the state."""
        self._work("destroy", ["destroy", "-input=false", "-auto-approve", "-json"])

    def output(self) -> object:
        """The outputs of the environment as parsed JSON."""
        return _document(self._must("output", ["output", "-json", "-no-color", "environment"]))

    def ids(self) -> set[str]:
        """The ids of everything in the state; of security-group rules, AWS's."""
        state = _document(self._must("show", ["show", "-json", "-no-color"]))
        resources = _resources(state.get("values", {}).get("root_module", {}))
        keys = ("id", "security_group_rule_id")
        return {str(each["values"][key]) for each in resources for key in keys if each["values"].get(key)}

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
            except ValueError:  # HCP Terraform speaks to people only
                problems.append(line)
                if line.strip():
                    self._tell(line.strip())
                return
            if said.get("type") in ("apply_complete", "apply_progress", "refresh_complete") and step != "plan":
                self._tell(said["@message"])
            diagnostic = said.get("diagnostic", {})
            if diagnostic.get("severity") == "error":
                problems.append(f"Error: {diagnostic['summary']}: {diagnostic.get('detail', '')}")

        try:
            status = self._run([self._program, f"-chdir={self._folder}", *arguments], hear)
        except KeyboardInterrupt:
            with suppress(OSError):  # the terminal may be gone
                self._tell(
                    f"terraform {step} was interrupted, and goes on where it stopped when you repeat the command"
                )
            raise
        if status:
            raise TerraformFailed(step, "\n".join(problems))


def _document(lines: Sequence[str]) -> dict[str, Any]:
    """The JSON object among what terraform printed: it warns on the same channel."""
    text = "\n".join(lines)
    if "{" not in text:
        return {}
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text, text.index("{"))[0]
    return found


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
