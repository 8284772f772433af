"""The environment as it was built, whatever a responder left: what differs, and building it anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from chaosgood_ext.environment import built, found, inside, planned
from chaosgood_ext.environment.built import Difference
from chaosgood_ext.environment.outputs import parse
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable
from chaosgood_ext.game.aws import Aws, answering
from chaosgood_ext.game.left_behind import close_those_in, playing
from chaosgood_ext.twin import launcher
from chaosgood_ext.twin.launcher import RunningTwin

OUTCOME = "gone with the twin, which was reset"


@dataclass(frozen=True)
class Reset:
    """What is to be reset: a twin, and how it differs from what was built.

    `unseen` says why it could not be compared, where it could not: that is no reason not to rebuild it.
    """

    twin: RunningTwin = field(repr=False)
    differences: tuple[Difference, ...]
    unseen: str = ""


def look(name: str | None = None) -> Reset:
    """Compare the twin `name`, or the only one, with what was built.

    Raises :class:`BadInput` while a game is being played on it, for a twin that lives for its game only, and on aws;
    :class:`EnvironmentUnavailable` when there is none.
    """
    twin = _find(name or os.environ.get("CHAOSGOOD_TWIN") or None)
    if twin.private:
        raise BadInput(f"The twin {twin.name} lives for its game only, and goes with it.", "There is nothing to reset.")
    for folder, environment in playing():
        if environment == f"twin {twin.name}":
            raise BadInput(f"The game {folder.name} is being played on twin {twin.name}.", "End it first: Ctrl-C.")
    try:
        return Reset(twin, tuple(_compare(twin)))
    except EnvironmentUnavailable as silent:
        return Reset(twin, (), str(silent))


def rebuild(reset: Reset, on_progress: Callable[[str], None]) -> RunningTwin:
    """End the twin and build one of the same name; its addresses outside change.

    What was open in undo logs is closed: it went with the twin that was ended. Raises
    :class:`~chaosgood_ext.errors.TwinError` when it cannot be ended or built.
    """
    launcher.shut_down(reset.twin)
    close_those_in(lambda place: place.twin == reset.twin.name, OUTCOME)
    return launcher.boot(reset.twin.name, on_progress=on_progress)


def _find(name: str | None) -> RunningTwin:
    if os.environ.get("CHAOSGOOD_ENVIRONMENT") == "aws":
        raise BadInput(
            "Only a twin is reset by this, and CHAOSGOOD_ENVIRONMENT is aws.",
            "There, `make aws-plan` shows what differs and `make aws-up` puts it back. For a twin, unset the variable.",
        )
    return launcher.find(name)


def _compare(twin: RunningTwin) -> list[Difference]:
    outputs = parse(twin.outputs, f"twin {twin.name}")
    wanted = built.topology()
    should = [*planned.planned(wanted), *inside.planned(twin)]
    with answering(f"Looking at twin {twin.name}"):
        is_so = [*found.found(Aws(outputs).client, outputs.resources, wanted), *inside.found(twin)]
    return built.differences(built.gather(should), built.gather(is_so))
