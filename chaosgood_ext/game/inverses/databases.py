"""DB instances that an action stops."""

from __future__ import annotations

import time
from collections.abc import Sequence

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients, answering
from chaosgood_ext.game.inverses.model import Arguments, Call, Inverse, Kind, Outcome

_STOPPED_WITHIN_S = 600.0
"""A DB instance that is stopping cannot be started; stopping one takes minutes on AWS."""
_POLL_S = 1.0


def plan_stopped(arguments: Arguments, clients: Clients) -> Inverse:
    """A DB instance that is available."""
    name = arguments["db_instance_identifier"]
    with answering(f"Looking up the DB instance {name}"):
        status = _status(name, clients)
    if status != "available":
        raise GameError(f"The DB instance {name} is {status}, so it cannot be stopped.")
    return Inverse("rds.start_db_instance", {"db_instance_identifier": name})


def _status(name: str, clients: Clients) -> str:
    found = clients.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return str(found[0]["DBInstanceStatus"])


def _start(arguments: Arguments) -> list[Call]:
    return [Call("rds", "start_db_instance", {"DBInstanceIdentifier": arguments["db_instance_identifier"]})]


def _look(arguments: Arguments, clients: Clients) -> Outcome | Sequence[Call]:
    deadline = time.monotonic() + _STOPPED_WITHIN_S
    while (status := _status(arguments["db_instance_identifier"], clients)) == "stopping":
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    return _start(arguments) if status in ("stopped", "stopping") else Outcome.NOT_NEEDED


START = Kind(_start, _look, gone="DBInstanceNotFound(Fault)?")
