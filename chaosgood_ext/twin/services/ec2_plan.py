"""What is to be done that hosts follow their instances, worked out from both and from the time that passed.

AWS gives no figures for how long its instances take; those of :class:`Pace` are what they usually take. Source of the
states: "Amazon EC2 instance state changes" in the Amazon EC2 User Guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chaosgood_ext.twin.hosts.model import HostSpec


@dataclass(frozen=True)
class Pace:
    """How many seconds an instance stays in a state at least, and how often its status is checked.

    An instance that does not react is rebooted or stopped the hard way after `unresponsive_s`: "If an instance does not
    cleanly shut down within a few minutes" (RebootInstances).
    """

    pending_s: float
    stopping_s: float
    rebooting_s: float
    unresponsive_s: float
    check_s: float

    @classmethod
    def of_aws(cls, time_scale: float) -> Pace:
        """AWS's, divided by `time_scale`; status checks are "performed every minute" there."""
        return cls(15 / time_scale, 45 / time_scale, 20 / time_scale, 120 / time_scale, 60 / time_scale)

    def until_down_s(self, machine: Machine) -> float:
        """How long a machine takes to be off, once it is told to."""
        if machine.crashed and not machine.forced:
            return self.unresponsive_s
        return self.stopping_s if machine.rebooting_s is None else self.rebooting_s


@dataclass(frozen=True)
class Machine:
    """What the control plane says of an instance, and since how many seconds.

    `at_once` is of one that was launched while the environment was built: it runs as soon as its host is up. `forced`
    is of one that is to stop without being asked.
    """

    id: str
    state: str
    address: str
    tier: str = ""
    grouped: bool = False
    memory_mib: int = 1024
    vcpus: int = 2
    since_s: float = 0.0
    at_once: bool = False
    rebooting_s: float | None = None
    crashed: bool = False
    forced: bool = False


@dataclass(frozen=True)
class Launch:
    """Make the host, or boot it again from its disk."""

    spec: HostSpec


@dataclass(frozen=True)
class Halt:
    """Shut the host down; its disk stays."""

    id: str


@dataclass(frozen=True)
class Settle:
    """The instance has arrived in state `into`; a terminated one loses its disk."""

    id: str
    into: str


Step = Launch | Halt | Settle

_INTO = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}
BEFORE = {after: before for before, after in _INTO.items()}


def plan(
    machines: Iterable[Machine], hosts: Mapping[str, HostSpec], known: Mapping[str, HostSpec], pace: Pace
) -> list[Step]:
    """Return what makes `hosts` (by name) those that `machines` want; `known` holds what each was when it last ran.

    A host is known as its tier where the tier has one instance, as `web-1` and so on in an auto scaling group: the
    lowest number that no host of the tier has which stays.
    """
    machines = list(machines)
    specs = {**known, **hosts}
    staying = {machine.id for machine in machines if machine.state in ("pending", "running")}
    down = {machine.id for machine in machines if machine.state == "pending"} - hosts.keys()
    aliases = {alias for name in staying - down if name in specs for alias in specs[name].aliases}
    steps: list[Step] = []
    for machine in machines:
        if _boots(machine, machine.id in hosts, pace):
            spec = _spec(machine, aliases, specs.get(machine.id))
            aliases.update(spec.aliases)
            steps.append(Launch(spec))
        elif machine.id in hosts and (machine.state not in ("pending", "running") or machine.rebooting_s is not None):
            steps.append(Halt(machine.id))
        elif _due_s(machine, machine.id in hosts, pace) == 0 and machine.state in _INTO:
            steps.append(Settle(machine.id, _INTO[machine.state]))
    return steps


def next_due_s(machines: Iterable[Machine], hosts: Mapping[str, HostSpec], pace: Pace) -> float | None:
    """In how many seconds the first of the machines has waited long enough; None when none waits."""
    due = [_due_s(machine, machine.id in hosts, pace) for machine in machines]
    return min((one for one in due if one is not None), default=None)


def _boots(machine: Machine, up: bool, pace: Pace) -> bool:
    if up or machine.state not in ("pending", "running"):
        return False
    if machine.rebooting_s is not None:
        return _due_s(machine, up, pace) == 0
    return not machine.crashed or machine.state == "pending"


def _due_s(machine: Machine, up: bool, pace: Pace) -> float | None:
    """How long the machine still waits for its next step; None when it waits for nothing, or for its host."""
    if machine.state == "pending":
        return max(0.0, pace.pending_s - machine.since_s) * (not machine.at_once) if up else None
    if machine.state in _INTO and not up:
        return max(0.0, pace.until_down_s(machine) - machine.since_s)
    if machine.state == "running" and machine.rebooting_s is not None and not up:
        return max(0.0, pace.until_down_s(machine) - machine.rebooting_s)
    return None


def _spec(machine: Machine, taken: set[str], former: HostSpec | None) -> HostSpec:
    name = machine.tier or machine.id
    if former and (machine.state == "running" or not taken.intersection(former.aliases)):
        name = former.aliases[0]
    elif machine.grouped or name in taken:
        name = next(f"{name}-{n}" for n in range(1, len(taken) + 2) if f"{name}-{n}" not in taken)
    return HostSpec(
        name=machine.id,
        hostname="ip-" + machine.address.replace(".", "-"),
        address=machine.address,
        tier=machine.tier,
        aliases=(name,),
        memory_mib=machine.memory_mib,
        vcpus=machine.vcpus,
    )
