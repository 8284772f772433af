"""Who fixes: a person, the autopilot that plays one of the scenario's fixes, or any program."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from chaosgood_ext.environment.find import Environment
from chaosgood_ext.errors import BadInput, ChaosGoodError, GameError
from chaosgood_ext.game.program import Program
from chaosgood_ext.game.terminal import Terminal, paragraphs
from chaosgood_ext.record.event import Kind
from chaosgood_ext.record.folder import GameFolder
from chaosgood_ext.scenario.model import MACHINE, Play, Scenario


@dataclass(frozen=True)
class Page:
    """What a responder is paged with: the alert, and the scenario's words about it."""

    title: str
    text: str
    alert: str
    started: str
    """When the alert began to fire, ISO 8601."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Briefing:
    """What a responder may know, and `give_up`, which ends the game with a reason."""

    folder: GameFolder
    scenario: Scenario
    environment: Environment
    terminal: Terminal
    give_up: Callable[[str], None]


class Responder(Protocol):
    """Who fixes."""

    sees_everything: bool
    """Whether the terminal is a spectator's: it may then show what a responder has to find out."""

    @property
    def is_at_work(self) -> bool:
        """Whether it is known to be still at it: until it is done, nothing is resolved."""

    def begin(self) -> None:
        """The game has begun and the environment is up."""

    def page(self, page: Page) -> None:
        """The alert fires."""

    def stop(self) -> None:
        """The game is over."""


class Human:
    """A person at this terminal and at others."""

    sees_everything = False
    is_at_work = False

    def __init__(self, briefing: Briefing) -> None:
        self._briefing = briefing

    def begin(self) -> None:
        """Tell the story, and where to look and to work."""
        briefing = self._briefing
        terminal, outputs = briefing.terminal, briefing.environment.outputs
        terminal.box(briefing.scenario.title, paragraphs(briefing.scenario.story), "cyan")
        terminal.line("Where to look", "bold")
        for name, url in outputs.urls.items():
            terminal.line(f"  {name:<14} {url.url}" + ("" if url.access == "direct" else f"   ({url.access})"))
        terminal.line("Where to work (in another terminal)", "bold")
        if not shutil.which("chaos"):
            terminal.line(f"  . {shlex.quote(str(Path(sys.argv[0]).absolute().parent / 'activate'))}", "dim")
        terminal.line("  chaos shell              your workstation inside the VPC, with the AWS CLI set up")
        terminal.line("  chaos shell app-1        a host: web-1, web-2, app-1, app-2, monitoring")
        terminal.line('  eval "$(chaos twin env)"   your own AWS CLI, in that terminal')
        terminal.line("On the record", "bold")
        terminal.line("  chaos ack                you are on it")
        terminal.line("  chaos note 'TEXT'        what you think, for the post-mortem")
        terminal.line(f"  chaos hint               the next of {len(briefing.scenario.hints)} hints")
        terminal.line("You will be paged here. Ctrl-C gives up and puts everything back.")

    def page(self, page: Page) -> None:
        """Nothing more than the box that everybody sees: the rest is the person's."""

    def stop(self) -> None:
        """Nothing to end."""


class _ByProgram:
    """A responder that is a program, started by the page."""

    sees_everything = True
    is_at_work = False

    def __init__(self, briefing: Briefing) -> None:
        self._briefing = briefing
        self._program: Program | None = None
        self._last_lines: list[str] = []
        self._stopped = False

    def begin(self) -> None:
        """Wait for the page."""

    def stop(self) -> None:
        """End the program with all that it started."""
        self._stopped = True
        if self._program is not None:
            self._program.stop()

    def _start(self, what: str, argv: list[str], environment: Mapping[str, str], stdin: str = "") -> None:
        record = self._briefing.folder.record
        record.append(Kind.RESPONDER_STARTED, {"what": what}, teller="responder")
        try:
            self._program = Program(argv, environment=environment, stdin=stdin, on_line=self._heard, on_end=self._ended)
        except GameError as cause:
            self._briefing.give_up(str(cause))

    def _heard(self, line: str) -> None:
        self._last_lines = [*self._last_lines[-19:], line]
        self._briefing.terminal.line(f"  | {line}", "dim")
        # What a full disk does not take is on the terminal; the program has to be heard to its end.
        self._briefing.folder.log_line(line)

    def _ended(self, status: int) -> None:
        if self._stopped:
            return
        data = {"status": status, "output": "\n".join(self._last_lines)}
        try:
            self._briefing.folder.record.append(Kind.RESPONDER_ENDED, data, teller="responder")
        except GameError as full:
            self._briefing.give_up(str(full))
        if status:
            self._failed(status)

    def _failed(self, status: int) -> None:
        """What a status other than 0 means."""


class Autopilot(_ByProgram):
    """Acknowledges the page and plays `play`, a bash script, on the responder's workstation."""

    def __init__(self, briefing: Briefing, play: Play) -> None:
        super().__init__(briefing)
        self._play = play

    @property
    def is_at_work(self) -> bool:  # type: ignore[override]  # the others answer with a constant
        """Until its script has ended: one that repairs first and harms later must not win in between."""
        return self._program is not None and self._program.is_running

    def page(self, page: Page) -> None:  # noqa: ARG002 - a fix is the same whatever the alert says
        """Do as a person would: acknowledge, then work, on the workstation or where the play says."""
        twin = self._briefing.environment.twin
        if twin is None:
            self._briefing.give_up("The autopilot plays on the twin only, as yet.")
            return
        self._briefing.folder.record.append(Kind.ACKNOWLEDGED, {"by": "autopilot"}, teller="responder")
        argv, variables = ["bash", "-euo", "pipefail", "-c", self._play.run], dict(os.environ)
        if self._play.where == MACHINE:
            variables = _variables(self._briefing.environment)
        else:
            try:
                argv = twin.argv_in(self._play.where, argv)
            except ChaosGoodError as failure:
                self._briefing.give_up(str(failure))
                return
        self._start(f"{self._play.name}: {self._play.description.strip()}", argv, variables)

    def _failed(self, status: int) -> None:
        said = " | ".join(line for line in self._last_lines[-3:] if line.strip()) or "nothing"
        self._briefing.give_up(f"The autopilot's fix {self._play.name} ended with status {status} and said: {said}.")


class Command(_ByProgram):
    """Any program, started by the page through `bash -c`, with page and environment in its variables and on stdin."""

    def __init__(self, briefing: Briefing, command: str) -> None:
        super().__init__(briefing)
        self._command = command

    def page(self, page: Page) -> None:
        """Start the program."""
        document = {
            "game": str(self._briefing.folder.path),
            "page": {
                "title": page.title, "text": page.text, "alert": page.alert, "started": page.started,
                "labels": dict(page.labels),
            },
            "environment": _public(self._briefing.environment),
        }  # fmt: skip
        text = json.dumps(document, indent=2)
        environment = _variables(self._briefing.environment) | {"CHAOSGOOD_PAGE": text}
        self._start(f"command {self._command}", ["bash", "-c", self._command], environment, text)


def make(kind: str, briefing: Briefing, *, fix: str, command: str) -> Responder:
    """The responder `kind`; `fix` is the autopilot's (empty: the first), `command` the program's.

    Raises :class:`BadInput` for one that there is not.
    """
    if kind == "human":
        return Human(briefing)
    if kind == "autopilot":
        return Autopilot(briefing, briefing.scenario.play(fix))
    if kind == "command":
        if not command.strip():
            raise BadInput("The responder `command` needs a program.", "Name it in CHAOSGOOD_COMMAND.")
        return Command(briefing, command)
    raise BadInput(f"There is no responder {kind!r}.", "Set CHAOSGOOD_RESPONDER to human, autopilot or command.")


def _variables(environment: Environment) -> dict[str, str]:
    """What a responder's program on this machine gets; the facilitator's keys are not the responder's."""
    outputs, twin = environment.outputs, environment.twin
    own = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    urls = {f"CHAOSGOOD_{name.upper()}_URL": url.url for name, url in outputs.urls.items()}
    name = {"CHAOSGOOD_TWIN": twin.name} if twin is not None else {}
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"}
    return {**own, **path, **urls, **name, **outputs.aws_variables("player")}


def _public(environment: Environment) -> dict[str, Any]:
    outputs = environment.outputs
    return {
        "kind": outputs.kind, "name": outputs.name, "region": outputs.region, "endpoint_url": outputs.endpoint_url,
        "resources": {
            key: value for key, value in outputs.resources.items() if not key.startswith("injector_")
        },
        "urls": {name: {"url": url.url, "access": url.access} for name, url in outputs.urls.items()},
    }  # fmt: skip
