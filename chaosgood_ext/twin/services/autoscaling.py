"""EC2 Auto Scaling: instances in service are targets of the group's target groups, others no longer are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaosgood_ext.twin.services.reconciler import apply_each

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap


@dataclass(frozen=True)
class Attachment:
    """That an instance of an auto scaling group is a target of a target group."""

    target_group_arn: str
    instance_id: str


@dataclass(frozen=True)
class Attach:
    """Register the instance."""

    attachment: Attachment


@dataclass(frozen=True)
class Detach:
    """Deregister the instance."""

    attachment: Attachment


Step = Attach | Detach


def plan(wanted: Iterable[Attachment], attached: Iterable[Attachment]) -> list[Step]:
    """Return what is to be attached and detached.

    What was attached once stays so for this controller: a target that somebody deregisters by hand is not registered
    again, as on AWS.
    """
    want, have = set(wanted), set(attached)
    key = lambda one: (one.target_group_arn, one.instance_id)  # noqa: E731
    return [
        *(Attach(one) for one in sorted(want - have, key=key)),
        *(Detach(one) for one in sorted(have - want, key=key)),
    ]


class AutoScaling:
    """Keeps target groups in step with auto scaling groups."""

    name = "autoscaling"

    def __init__(self, tap: Tap, state: State) -> None:
        self._tap = tap
        self._state = state
        self._attached: set[Attachment] = set()

    def reconcile(self) -> bool:
        """See `Controller`."""
        with self._tap.lock:
            return apply_each(plan(self._wanted(), self._attached), self._apply)

    def _wanted(self) -> list[Attachment]:
        return [
            Attachment(arn, member.instance.id)
            for group in self._state.autoscaling.autoscaling_groups.values()
            for arn in group.target_group_arns or []
            for member in group.instance_states
            if member.lifecycle_state == "InService" and member.instance.state == "running"
        ]

    def _apply(self, step: Step) -> None:
        one = step.attachment
        group = self._state.elbv2.target_groups.get(one.target_group_arn)
        if isinstance(step, Attach):
            if group is not None:
                group.register([{"Id": one.instance_id}])
            self._attached.add(one)
            return
        self._attached.discard(one)
        if group is not None and any(key[0] == one.instance_id for key in group.targets):
            group.deregister([{"Id": one.instance_id}])
