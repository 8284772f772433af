"""EC2: instances pass through the states that AWS shows, and their groups are those of their interface."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance, InstanceState

from chaosgood_ext.twin.cloud.mends.patching import replace

_installed = False

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


def set_state(instance: Instance, name: str) -> None:
    """Set an instance's state, name and code."""
    instance._state = InstanceState(name, CODES[name])


def install() -> None:
    """Patch moto once."""
    global _installed  # noqa: PLW0603
    if _installed:
        return
    _installed = True
    _pass_through_states()
    _set_groups_on_interfaces()


def _pass_through_states() -> None:
    """moto's instances are running, stopped or terminated at once; the ec2 controller moves them on instead."""
    init: Any = None

    def begin(self: Instance, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        set_state(self, "pending")

    init = replace(Instance, "__init__", begin)
    for name, first in (("start", "pending"), ("stop", "stopping"), ("terminate", "shutting-down")):
        replace(Instance, name, _into(getattr(Instance, name), first))


def _into(original: Any, first: str) -> Any:
    def move(self: Instance) -> InstanceState:
        was = self._state
        previous: InstanceState = original(self)
        if (first == "shutting-down" and was.name == "terminated") or (first == "stopping" and was.name == "stopped"):
            self._state = was
        elif first != "pending" or was.name in ("stopped", "stopping"):
            set_state(self, first)
        else:
            self._state = was
        return previous

    return move


def _set_groups_on_interfaces() -> None:
    """moto adds the groups of an instance to those of its interface, so that a group, once in, never leaves.

    On AWS they are the same thing, the groups of the primary interface, whichever of both calls changed them.
    """

    def groups_of_interface(self: NetworkInterface) -> list[Any]:
        return list(dict.fromkeys(self._group_set))

    def read(self: Instance) -> list[Any]:
        nics = self.__dict__.get("nics")
        return groups_of_interface(nics[0]) if nics else list(self.__dict__["groups_at_launch"])

    def write(self: Instance, groups: list[Any]) -> None:
        self.__dict__["groups_at_launch"] = groups
        if self.__dict__.get("nics"):
            self.nics[0]._group_set = list(groups)

    replace(NetworkInterface, "group_set", property(groups_of_interface))
    Instance.security_groups = property(read, write)  # type: ignore[assignment]
