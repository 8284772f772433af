"""EC2: an instance that is to run has a host, one that is not has none, and its state and its checks say which."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from moto.ec2.models.instance_types import INSTANCE_TYPES

from chaosgood_ext.twin.cloud.mends.ec2 import life_of, set_state, shut_down_by_itself, user_data_of
from chaosgood_ext.twin.hosts.cloud_init import run_user_data
from chaosgood_ext.twin.hosts.model import HostSpec
from chaosgood_ext.twin.services.ec2_plan import BEFORE, Halt, Launch, Machine, Pace, Step, next_due_s, plan
from chaosgood_ext.twin.services.reconciler import apply_each

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.hosts.hosts import Hosts

_GROUP_TAG = "aws:autoscaling:groupName"
_HOSTS_AT_ONCE = 4

ExtraFiles = Callable[[HostSpec], Mapping[str, str]]


class Ec2:
    """Makes, boots and destroys the hosts of instances; `files` adds what a host needs and `stack/` cannot hold.

    Until :meth:`take_time` is called, while the environment is built, an instance runs as soon as its host is up.
    """

    name = "ec2"

    def __init__(self, tap: Tap, state: State, hosts: Hosts, pace: Pace, files: ExtraFiles = lambda _: {}) -> None:
        self._tap = tap
        self._state = state
        self._hosts = hosts
        self._pace = pace
        self._files = files
        self._workers = ThreadPoolExecutor(_HOSTS_AT_ONCE, "hosts")
        self._specs: dict[str, HostSpec] = {}
        self._takes_time_since: float | None = None
        self._checked = time.monotonic()
        self._timer: threading.Timer | None = None
        hosts.on_crash = self._note_panic  # type: ignore[assignment, method-assign]

    def on_change(self) -> None:
        """Called when something is due; the cloud puts its trigger here."""

    def take_time(self) -> None:
        """From now on, instances that are launched take as long to start as those of AWS, less the time scale."""
        self._takes_time_since = time.monotonic()

    def down(self) -> list[HostSpec]:
        """The hosts that are to run and do not answer, because they crashed or reboot."""
        with self._tap.lock:
            running = {one.id for one in self._state.ec2.all_instances() if one.state == "running"}
        return [spec for name, spec in list(self._specs.items()) if name in running and self._hosts.get(name) is None]

    def reconcile(self) -> bool:
        """See `Controller`."""
        for instance_id, died_of in self._hosts.reap().items():
            self._note_death(instance_id, died_of)
        steps = plan(self._machines(), self._running(), self._specs, self._pace)
        running = [self._workers.submit(self._apply, step) for step in steps]
        try:
            return apply_each(running, lambda future: future.result())
        finally:
            self._check()
            self._wake(next_due_s(self._machines(), self._running(), self._pace))

    def _machines(self) -> list[Machine]:
        with self._tap.lock:
            subnets = self._subnets()
            return [
                self._machine(instance)
                for reservation in self._state.ec2.reservations.values()
                for instance in reservation.instances
                if instance.subnet_id in subnets
            ]

    def _running(self) -> dict[str, HostSpec]:
        return {host.spec.name: host.spec for host in self._hosts if host.spec.name.startswith("i-")}

    def _subnets(self) -> set[str]:
        default = self._state.ec2.default_vpc.id
        zones = self._state.ec2.subnets.values()
        return {subnet.id for zone in zones for subnet in zone.values() if subnet.vpc_id != default}

    def _machine(self, instance: Instance) -> Machine:
        tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
        instance_type = INSTANCE_TYPES.get(instance.instance_type, {})
        life, now = life_of(instance), time.monotonic()
        return Machine(
            id=instance.id,
            state=instance.state,
            address=instance.private_ip or "",
            tier=tags.get("tier", ""),
            grouped=_GROUP_TAG in tags,
            memory_mib=instance_type.get("MemoryInfo", {}).get("SizeInMiB", 1024),
            vcpus=instance_type.get("VCpuInfo", {}).get("DefaultVCpus", 2),
            since_s=now - life.entered,
            at_once=self._takes_time_since is None or life.entered < self._takes_time_since,
            rebooting_s=None if life.reboot_asked is None else now - life.reboot_asked,
            crashed=bool(life.crashed),
            forced=life.forced,
        )

    # -- steps

    def _apply(self, step: Step) -> None:
        if isinstance(step, Launch):
            self._launch(step.spec)
        elif isinstance(step, Halt):
            self._hosts.shut_down(step.id)
        else:
            if step.into == "terminated":
                self._hosts.destroy(step.id)
                self._specs.pop(step.id, None)
            self._move(step.id, BEFORE[step.into], step.into)

    def _launch(self, spec: HostSpec) -> None:
        with self._tap.lock:
            instance = self._state.ec2.get_instance(spec.name)
            life_of(instance).boot()
            user_data = user_data_of(instance)
        self._specs[spec.name] = spec
        first_boot = not self._hosts.has_disk(spec.name)
        host = self._hosts.create(replace(spec, files=self._files(spec)))
        if first_boot and user_data:
            run_user_data(host, user_data.decode("utf-8", "replace"))

    def _move(self, instance_id: str, before: str, after: str) -> None:
        """Move the instance on, unless a call has meanwhile sent it elsewhere."""
        with self._tap.lock:
            instance = self._state.ec2.get_instance(instance_id)
            if instance.state != before:
                return
            set_state(instance, after)
            if after == "terminated":
                for nic in instance.nics.values():
                    self._state.ec2.enis.pop(nic.id, None)

    # -- crashes and status checks

    def _note_panic(self, instance_id: str) -> None:
        with self._tap.lock:
            instance = self._state.ec2.get_instance_by_id(instance_id)
            if instance is not None:
                life_of(instance).crashed = "panic"
        self.on_change()

    def _note_death(self, instance_id: str, died_of: int) -> None:
        """Follow a host that is gone although nobody here ended it: it called reboot(2), or its hardware died."""
        with self._tap.lock:
            instance = self._state.ec2.get_instance_by_id(instance_id)
            if instance is None or instance.state != "running":
                return
            if died_of == signal.SIGHUP:
                instance.reboot()
            elif died_of == signal.SIGINT:
                shut_down_by_itself(instance)
            else:
                life_of(instance).crashed = "hardware"

    def _check(self) -> None:
        """Check the status of every running instance, once a period.

        The instance check is whether its interface answers ARP; the system check fails where the hardware died.
        Source: "Status checks for Amazon EC2 instances" in the Amazon EC2 User Guide.
        """
        if time.monotonic() - self._checked < self._pace.check_s:
            return
        self._checked = time.monotonic()
        with self._tap.lock:
            for instance in self._state.ec2.all_instances():
                life = life_of(instance)
                if instance.state == "running" and life.reboot_asked is None:
                    system = life.crashed != "hardware"
                    life.check(instance=system and self._hosts.answers(instance.id), system=system)

    def _wake(self, within_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if within_s is not None:
            self._timer = threading.Timer(within_s, self.on_change)
            self._timer.daemon = True
            self._timer.start()
