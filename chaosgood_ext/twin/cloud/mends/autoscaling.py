"""EC2 Auto Scaling: moto keeps what is wanted; instances come and go by the autoscaling controller alone."""

from __future__ import annotations

from typing import Any

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState

from chaosgood_ext.twin.cloud.mends.patching import replace


def install() -> None:
    """Patch moto."""
    # moto launches, replaces and registers within the call that wants it, whatever is suspended.
    replace(FakeAutoScalingGroup, "set_desired_capacity", _want)
    replace(AutoScalingBackend, "notify_terminate_instances", lambda _self, _ids: None)
    replace(AutoScalingBackend, "update_attached_target_groups", lambda _self, _name: None)
    replace(InstanceState, "launch_template", property(_launched_from))
    replace(FakeAutoScalingGroup, "suspended_processes", property(_suspended, _suspend))


def _want(self: FakeAutoScalingGroup, capacity: int | None) -> None:
    self.desired_capacity = self.min_size if capacity is None else capacity


def _launched_from(self: InstanceState) -> dict[str, Any] | None:
    """The template and the version that the instance was launched from; moto tells the group's of today."""
    return getattr(self, "launched_from", None)


def _suspended(self: FakeAutoScalingGroup) -> list[dict[str, str]]:
    """The suspended processes, each since when; moto tells no reason."""
    since: dict[str, str] = getattr(self, "suspended_since", {})
    return [
        {"ProcessName": name, "SuspensionReason": f"User suspended at {since.get(name, '')}"}
        for name in self._suspended_processes
    ]


def _suspend(self: FakeAutoScalingGroup, names: list[str]) -> None:
    self._suspended_processes = names
