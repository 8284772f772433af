"""Finds the environment that a game is played in, or boots a private twin for it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaosgood_ext.environment.outputs import Outputs, parse
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable

if TYPE_CHECKING:
    from chaosgood_ext.environment.aws.sessions import Forward
    from chaosgood_ext.twin.launcher import RunningTwin

PRIVATE = "private"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """An environment that is up: its outputs, its twin if it is one, and whether it lives for this game only.

    On aws `forwards` are the ways to its dashboards, which are open until :meth:`close`; the outputs' URLs lead there.
    """

    outputs: Outputs
    twin: RunningTwin | None = None
    private: bool = False
    forwards: tuple[Forward, ...] = ()

    @property
    def label(self) -> str:
        """Kind and name, as in `twin swift-heron`."""
        return f"{self.outputs.kind} {self.outputs.name}"

    def close(self) -> None:
        """Take a private twin down and close the ways to aws; the environment itself stays."""
        for forward in self.forwards:
            forward.close()
        if self.private and self.twin is not None:
            from chaosgood_ext.twin import launcher

            launcher.shut_down(self.twin)


def find(kind: str, on_progress: Progress) -> Environment:
    """The environment to play in.

    With `kind` `twin`: the running twin called `$CHAOSGOOD_TWIN`, else the only one that runs and is not another
    game's, else a private one, which is booted (`on_progress` is told what it is doing) and ends with this process;
    `CHAOSGOOD_TWIN=private` asks for that. With `aws`: the one whose outputs are in :func:`aws_outputs`.
    Raises :class:`EnvironmentUnavailable`, or :class:`BadInput` for another `kind`.
    """
    if kind == "twin":
        return _twin(os.environ.get("CHAOSGOOD_TWIN") or None, on_progress)
    if kind == "aws":
        return _aws(on_progress)
    raise BadInput(f"There is no environment {kind!r}.", "Set CHAOSGOOD_ENVIRONMENT to twin or aws.")


def _twin(name: str | None, on_progress: Progress) -> Environment:
    from chaosgood_ext.twin import launcher

    running = [] if name == PRIVATE else [twin for twin in launcher.running() if not twin.private]
    if not name and len(running) > 1:
        names = ", ".join(twin.name for twin in running)
        raise BadInput(
            f"{len(running)} twins are running: {names}.",
            f"Say which one with CHAOSGOOD_TWIN, or have a new one with CHAOSGOOD_TWIN={PRIVATE}.",
        )
    if name != PRIVATE and (name or running):
        twin = launcher.find(name or running[0].name)
        return Environment(parse(twin.outputs, f"twin {twin.name}"), twin)
    twin = launcher.boot(private=True, on_progress=on_progress)
    return Environment(parse(twin.outputs, f"twin {twin.name}"), twin, private=True)


def aws_outputs() -> Path:
    """The file with the outputs of aws: `$CHAOSGOOD_OUTPUTS`, else where `chaos aws up` writes them."""
    from chaosgood_ext.twin import cache

    return Path(os.environ.get("CHAOSGOOD_OUTPUTS") or cache.folder() / "aws/outputs.json")


def _aws(on_progress: Progress) -> Environment:
    from chaosgood_ext.environment.aws import sessions

    local, forwards = sessions.open_forwards(standing_aws(), on_progress)
    return Environment(local, forwards=forwards)


def standing_aws() -> Outputs:
    """The outputs of the environment on aws; raises :class:`EnvironmentUnavailable` where there is none to work in.

    Asks AWS whether it still stands: :func:`~chaosgood_ext.environment.aws.standing.must_stand`.
    """
    from chaosgood_ext.environment.aws import standing

    outputs = read_aws()
    standing.must_stand(outputs)
    return outputs


def read_aws() -> Outputs:
    """The outputs of aws; raises :class:`EnvironmentUnavailable` where there are none, or none that can be used."""
    path = aws_outputs()
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError as cause:
        raise EnvironmentUnavailable(
            f"The environment aws has not been built: there are no outputs at {path}.",
            "Build it with `make aws-up`, name its outputs in CHAOSGOOD_OUTPUTS, or play on the twin.",
        ) from cause
    except OSError as cause:
        raise EnvironmentUnavailable(
            f"The outputs of aws cannot be read from {path}: {cause.strerror}.", "Mend CHAOSGOOD_OUTPUTS."
        ) from cause
    except ValueError as cause:
        raise EnvironmentUnavailable(
            f"The outputs of aws in {path} are not JSON: {cause}.", "Write them anew with `make aws-up`."
        ) from cause
    outputs = parse(document, str(path))
    if outputs.kind != "aws":
        raise EnvironmentUnavailable(
            f"{path} holds the outputs of a {outputs.kind}, not of aws.",
            "Name those of aws in CHAOSGOOD_OUTPUTS, or build with `make aws-up`.",
        )
    return outputs
