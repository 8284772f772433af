"""EC2: an instance that is to run has a host, one that is not has none, and its state says which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moto.ec2.models.instance_types import INSTANCE_TYPES

from chaosgood_ext.twin.cloud.mends.ec2 import set_state
from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.services.reconciler import apply_each

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Hosts

_GROUP_TAG = "aws:autoscaling:groupName"
_HOSTS_AT_ONCE = 4

ExtraFiles = Callable[[HostSpec], Mapping[str, str]]


@dataclass(frozen=True)
class Machine:
    """What the control plane says of an instance."""

    id: str
    state: str
    address: str
    tier: str = ""
    grouped: bool = False
    memory_mib: int = 1024
    vcpus: int = 2


@dataclass(frozen=True)
class Launch:
    """Make the host; the instance runs when it is up."""

    spec: HostSpec


@dataclass(frozen=True)
class Halt:
    """Destroy the host; the instance is in state `into` when it is gone."""

    id: str
    into: str


Step = Launch | Halt

_HALTED = {"stopping": "stopped", "shutting-down": "terminated"}
_BEFORE = {after: before for before, after in _HALTED.items()}


def plan(machines: Iterable[Machine], hosts: Mapping[str, HostSpec]) -> list[Step]:
    """Return what makes `hosts` (by name) those that `machines` want.

    A host is known as its tier where the tier has one instance, as `web-1` and so on in an auto scaling group: the
    lowest number that no host of the tier has which stays.
    """
    machines = list(machines)
    staying = {machine.id for machine in machines if machine.state in ("pending", "running")}
    aliases = {alias for name, spec in hosts.items() if name in staying for alias in spec.aliases}
    steps: list[Step] = []
    for machine in machines:
        if machine.state in ("pending", "running") and machine.id not in hosts:
            spec = _spec(machine, aliases)
            aliases.update(spec.aliases)
            steps.append(Launch(spec))
        elif machine.state in _HALTED:
            steps.append(Halt(machine.id, _HALTED[machine.state]))
        elif machine.state in _HALTED.values() and machine.id in hosts:
            steps.append(Halt(machine.id, machine.state))
    return steps


def _spec(machine: Machine, taken: set[str]) -> HostSpec:
    name = machine.tier or machine.id
    if machine.grouped or name in taken:
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


class Ec2:
    """Makes and destroys the hosts of instances; `files` adds what a host needs and `stack/` cannot hold."""

    name = "ec2"

    def __init__(self, tap: Tap, state: State, hosts: Hosts, files: ExtraFiles = lambda _: {}) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._files = files
        self._workers = ThreadPoolExecutor(_HOSTS_AT_ONCE, "hosts")

    def reconcile(self) -> bool:
        """See `Controller`."""
        with self._tap.lock:
            machines = [
                _machine(instance)
                for reservation in self._state.ec2.reservations.values()
                for instance in reservation.instances
                if instance.subnet_id in self._subnets()
            ]
        hosts = {host.spec.name: host.spec for host in self._hosts if host.spec.name.startswith("i-")}
        running = [self._workers.submit(self._apply, step) for step in plan(machines, hosts)]
        return apply_each(running, lambda future: future.result())

    def _subnets(self) -> set[str]:
        default = self._state.ec2.default_vpc.id
        zones = self._state.ec2.subnets.values()
        return {subnet.id for zone in zones for subnet in zone.values() if subnet.vpc_id != default}

    def _apply(self, step: Step) -> None:
        if isinstance(step, Launch):
            self._hosts.create(replace(step.spec, files=self._files(step.spec)))
            self._mark(step.spec.name, "pending", "running")
        else:
            self._hosts.destroy(step.id)
            self._mark(step.id, _BEFORE[step.into], step.into)

    def _mark(self, instance_id: str, before: str, after: str) -> None:
        """Move the instance on, unless a call has meanwhile sent it elsewhere."""
        with self._tap.lock:
            instance = self._state.ec2.get_instance(instance_id)
            if instance.state != before:
                return
            set_state(instance, after)
            if after == "terminated":
                for nic in instance.nics.values():
                    self._state.ec2.enis.pop(nic.id, None)


def _machine(instance: Instance) -> Machine:
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    instance_type = INSTANCE_TYPES.get(instance.instance_type, {})
    return Machine(
        id=instance.id,
        state=instance.state,
        address=instance.private_ip or "",
        tier=tags.get("tier", ""),
        grouped=_GROUP_TAG in tags,
        memory_mib=instance_type.get("MemoryInfo", {}).get("SizeInMiB", 1024),
        vcpus=instance_type.get("VCpuInfo", {}).get("DefaultVCpus", 2),
    )
