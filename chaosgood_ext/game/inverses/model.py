"""What an inverse is, and how one kind of it is played."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from chaosgood_ext.game.aws import Clients, answering

Arguments = Mapping[str, Any]
Planner = Callable[[Arguments, Clients], "Inverse"]
"""Looks up what an action with these arguments is about to change; raises :class:`GameError` where it cannot."""


@dataclass(frozen=True)
class Inverse:
    """What undoes a fault: `kind` names a :class:`Kind`, `arguments` are JSON."""

    kind: str
    arguments: Arguments

    def to_json(self) -> dict[str, Any]:
        """As the undo log keeps it."""
        return {"kind": self.kind, "arguments": dict(self.arguments)}


class Outcome(StrEnum):
    """What playing an inverse came to."""

    RESTORED = "restored"
    NOT_NEEDED = "it was back already"
    GONE = "gone"
    """What the fault changed does not exist any more, so there is nothing to put back."""


@dataclass(frozen=True)
class Call:
    """A call of the AWS API: service and operation as boto3 names them, parameters as AWS does."""

    service: str
    operation: str
    parameters: Mapping[str, Any]

    def make(self, clients: Clients) -> None:
        """Call it; raises botocore's errors."""
        getattr(clients.client(self.service), self.operation)(**self.parameters)

    def typed(self) -> str:
        """The same call as a person would type it."""
        command = self.operation.replace("_", "-")
        return f"aws {self.service} {command} --cli-input-json {shlex.quote(json.dumps(dict(self.parameters)))}"


Look = Callable[[Arguments, Clients], Outcome | Sequence[Call]]


@dataclass(frozen=True)
class Kind:
    """One kind of inverse.

    `look` sees what is left to do: the calls that put things back, or an outcome where there are none; it may raise
    botocore's ClientError, as the calls may. `calls` are those that would do whatever is left to do, for people.
    `already` and `gone` are the codes of AWS's errors (regular expressions) that mean that it is back, or gone.
    `touch_up` gives what came back by other hands the rest of what it was.
    """

    calls: Callable[[Arguments], Sequence[Call]]
    look: Look | None = None
    already: str = "(?!)"
    gone: str = "(?!)"
    touch_up: Callable[[Arguments, Clients], None] | None = None

    def play(self, what: str, arguments: Arguments, clients: Clients) -> Outcome:
        """Put it back; repeating it changes nothing. `what` says in an error message what is being done.

        Raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` when AWS refuses or does not answer.
        """
        with answering(what):
            try:
                found = self.look(arguments, clients) if self.look else self.calls(arguments)
                if isinstance(found, Outcome):
                    return found
                for call in found:
                    call.make(clients)
            except ClientError as refusal:
                code = refusal.response["Error"]["Code"]
                if re.fullmatch(self.already, code):
                    if self.touch_up is not None:
                        self.touch_up(arguments, clients)
                    return Outcome.NOT_NEEDED
                if re.fullmatch(self.gone, code):
                    return Outcome.GONE
                raise
        return Outcome.RESTORED
