"""Elastic Load Balancing: targets are (id, port) pairs, and a load balancer is active when its node is up."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import InvalidInstanceIdError
from moto.elbv2.exceptions import InvalidTargetError, TargetNotRunning
from moto.elbv2.models import FakeLoadBalancer, FakeTargetGroup

from chaosgood_ext.twin.cloud.mends.patching import replace


def install() -> None:
    """Patch moto."""
    _key_targets_by_port()
    # moto makes a load balancer active when it is first looked at; the elb controller does when its node runs.
    replace(FakeLoadBalancer, "activate", lambda _self: None)
    _face_the_internet()


def _face_the_internet() -> None:
    """moto leaves the scheme empty when none is asked for; AWS makes a load balancer face the internet."""

    def begin(self: FakeLoadBalancer, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self.scheme = self.scheme or "internet-facing"

    init = replace(FakeLoadBalancer, "__init__", begin)


def _key_targets_by_port() -> None:
    """moto keys targets by id alone, so two tasks on one container instance would be one target."""

    def register(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            _refuse_unless_running(self, target["Id"])
        for target in targets:
            key = (target["Id"], int(target.get("Port") or self.port))
            self.targets[key] = {"Id": key[0], "Port": key[1]}  # type: ignore[index]

    def deregister(self: FakeTargetGroup, targets: list[dict[str, Any]]) -> None:
        for target in targets:
            gone = [key for key in self.targets if key[0] == target["Id"] and target.get("Port") in (None, int(key[1]))]
            if not gone:
                raise InvalidTargetError
            for key in gone:
                del self.targets[key]

    replace(FakeTargetGroup, "register", register)
    replace(FakeTargetGroup, "deregister", deregister)
    # A terminated instance is deregistered by whoever registered it.
    replace(FakeTargetGroup, "deregister_terminated_instances", lambda _self, _ids: None)


def _refuse_unless_running(group: FakeTargetGroup, target_id: str) -> None:
    if group.target_type != "instance":
        return
    instance = group.ec2_backend.get_instance_by_id(target_id)
    if instance is None:
        raise InvalidInstanceIdError(target_id)
    if instance.state != "running":
        raise TargetNotRunning(instance_id=target_id)
