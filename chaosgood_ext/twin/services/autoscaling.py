"""EC2 Auto Scaling: instances come and go as their groups want, and are targets while they are in service."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import InstanceState

from chaosgood_ext.twin.cloud import ACCOUNT_ID
from chaosgood_ext.twin.cloud.identities import Identity
from chaosgood_ext.twin.cloud.refusals import confined
from chaosgood_ext.twin.cloud.wire import AwsError
from chaosgood_ext.twin.services import autoscaling_state as states
from chaosgood_ext.twin.services import autoscaling_templates as templates
from chaosgood_ext.twin.services import autoscaling_words as words
from chaosgood_ext.twin.services.autoscaling_api import AutoScalingApi
from chaosgood_ext.twin.services.autoscaling_known import KNOWN
from chaosgood_ext.twin.services.autoscaling_ledger import Entry, Ledger
from chaosgood_ext.twin.services.autoscaling_plan import Launch, Mark, Step, Terminate, plan
from chaosgood_ext.twin.services.reconciler import apply_each

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.cloud.trail import Trail
    from chaosgood_ext.twin.services.autoscaling_state import HealthOf, Impaired

LOOK_PERIOD_S = 30.0
"""How often a group looks at its instances' health. AWS gives no figure; this is what is seen there."""

RETRY_S = 60.0
"""How long after a launch that failed the next one is tried. AWS waits longer and longer, and says no figures."""

_DRAINED_WITHIN_S = 2.0

_ROLE = "AWSServiceRoleForAutoScaling"
_ROLE_ID = "AROAAUTOSCALING000000"
_ITSELF = Identity(
    "AssumedRole",
    f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{_ROLE}/AutoScaling",
    f"{_ROLE_ID}:AutoScaling",
    "AutoScaling",
    access_key_id="",
    role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/autoscaling.amazonaws.com/{_ROLE}",
    role_id=_ROLE_ID,
)
"""The service-linked role in which Auto Scaling calls EC2."""


@dataclass(frozen=True, order=True)
class Attachment:
    """That an instance of an auto scaling group is a target of a target group."""

    target_group_arn: str
    instance_id: str


class AutoScaling:
    """Makes groups what their API wants; `time_scale` is how many times as short its durations are."""

    name = "autoscaling"

    def __init__(
        self,
        tap: Tap,
        state: State,
        health_of: HealthOf,
        impaired: Impaired = states.status_failed,
        time_scale: float = 1.0,
        trail: Trail | None = None,
    ) -> None:
        self._tap = tap
        self._state = state
        self._health_of = health_of
        self._impaired = impaired
        self._trail = trail
        self.ledger = Ledger(time_scale)
        self._attached: set[Attachment] = set()
        tap.guard("autoscaling", confined(KNOWN))
        self.api = AutoScalingApi(tap, state, self.ledger)

    def reconcile(self) -> bool:
        """See `Controller`."""
        moved = []
        with self._tap.lock:
            groups = list(self._state.autoscaling.autoscaling_groups.values())
            apply_each(groups, lambda group: moved.append(self._follow(group)))
        return any(moved)

    def _follow(self, group: FakeAutoScalingGroup) -> bool:
        """Do the next of everything for one group; return whether anything was done."""
        moved = [self._advance(group, one) for one in list(group.instance_states)]
        seen = states.describe(group, self.ledger, self._health_of, self._impaired)
        if seen.due or group.name not in self.ledger.next_look:
            self.ledger.next_look[group.name] = time.monotonic() + LOOK_PERIOD_S / self.ledger.time_scale
        steps = plan(seen)
        causes = "  ".join(self.ledger.causes[group.name])
        for step in steps:
            self._apply(group, step, causes)
        if not steps:
            self.ledger.causes[group.name].clear()
        attached = self._attach(group)
        if group.name in self.ledger.deleting and not group.instance_states:
            del self._state.autoscaling.autoscaling_groups[group.name]
            self.ledger.forget(group.name)
        return any(moved) or bool(steps) or attached

    # -- steps

    def _apply(self, group: FakeAutoScalingGroup, step: Step, causes: str) -> None:
        if isinstance(step, Launch):
            self._launch(group, step, causes)
            return
        one = next(one for one in group.instance_states if one.instance.id == step.id)
        if isinstance(step, Mark):
            one.health_status = "Unhealthy"
            self.ledger.entry(step.id).ailment = step.ailment
        else:
            self._terminate(group, one, step, causes)

    def _launch(self, group: FakeAutoScalingGroup, step: Launch, causes: str) -> None:
        cause = words.started(step.why, step.capacity)
        activity = self.ledger.activities.begin(
            (group.name, group.arn), "Launching a new EC2 instance", f"{causes}  {cause}" if causes else cause
        )
        try:
            instance, launched_from = templates.launch(self._state, group, step.subnet)
        except AwsError as problem:
            message = f"{problem.message.rstrip('.')}. Launching EC2 instance failed."
            activity.description += f".  Status Reason: {message}"
            activity.end("Failed", message)
            self.ledger.retry_at[group.name] = time.monotonic() + RETRY_S / self.ledger.time_scale
            return
        activity.description += f": {instance.id}"
        self._tell("RunInstances", *templates.as_called(instance, launched_from, step.subnet))
        activity.details = {"Subnet ID": step.subnet, "Availability Zone": str(instance.placement.zone)}
        activity.progress = 30
        one = InstanceState(
            instance,
            lifecycle_state="Pending",
            protected_from_scale_in=group.new_instances_protected_from_scale_in,
            autoscaling_group=group,
        )
        one.launched_from = launched_from  # type: ignore[attr-defined]
        group.instance_states.append(one)
        entry = self.ledger.entry(instance.id)
        entry.arriving, entry.balancing = activity, step.why == "balance"

    def _terminate(self, group: FakeAutoScalingGroup, one: InstanceState, step: Terminate, causes: str) -> None:
        entry = self.ledger.entry(one.instance.id)
        cause = words.unhealthy(entry.ailment)
        if step.why == "excess":
            selected = words.selected(step.id, step.capacity)
            cause = f"{causes}  {selected}" if causes else selected
        activity = self.ledger.activities.begin(
            (group.name, group.arn),
            f"Terminating EC2 instance: {step.id}",
            cause,
            {"Subnet ID": str(one.instance.subnet_id), "Availability Zone": str(one.instance.placement.zone)},
        )
        one.lifecycle_state = "Terminating"
        self.ledger.leave(step.id, "terminate", activity)

    def _tell(self, action: str, asked: Mapping[str, Any], returned: Mapping[str, Any]) -> None:
        """Put what the service calls of EC2 into CloudTrail's history."""
        if self._trail is not None:
            self._trail.tell(_ITSELF, self._state.region, action, asked, returned)

    # -- instances on their way

    def _advance(self, group: FakeAutoScalingGroup, one: InstanceState) -> bool:
        """Move an instance on when it has come up, is drained, or is gone; return whether it was."""
        entry = self.ledger.entry(one.instance.id)
        if entry.goal:
            return self._let_go(group, one, entry)
        if one.lifecycle_state != "Pending" or one.instance.state == "pending":
            return False
        one.lifecycle_state = "InService"
        entry.since, entry.balancing = time.monotonic(), False
        if entry.arriving is not None:
            entry.arriving.end("Cancelled" if one.instance.state in states.GONE else "Successful")
        return True

    def _let_go(self, group: FakeAutoScalingGroup, one: InstanceState, entry: Entry) -> bool:
        if not entry.leave_by:
            entry.leave_by = time.monotonic() + self._deregister(group, one)
            return True
        if time.monotonic() < entry.leave_by and self._drains(group, one):
            if entry.leaving is not None and entry.leaving.status == "InProgress":
                entry.leaving.status, entry.leaving.progress = "WaitingForELBConnectionDraining", 50
                entry.leaving.description += " - Waiting For ELB Connection Draining."
            return False
        if entry.goal == "terminate" and one.instance.state != "terminated":
            if one.instance.state == "shutting-down":
                return False
            one.instance.terminate()
            self._tell("TerminateInstances", {"InstanceIds": [one.instance.id]}, {})
            return True
        self._gone(group, one, entry)
        return True

    def _gone(self, group: FakeAutoScalingGroup, one: InstanceState, entry: Entry) -> None:
        if entry.leaving is not None:
            entry.leaving.description = entry.leaving.description.partition(" - ")[0]
            entry.leaving.end()
        if entry.goal == "standby":
            one.lifecycle_state, entry.goal = "Standby", ""
            return
        group.instance_states.remove(one)
        del self.ledger.entries[one.instance.id]
        if entry.goal == "detach":
            self._state.ec2.delete_tags([one.instance.id], {templates.GROUP_TAG: group.name})
            del one.instance.autoscaling_group  # type: ignore[attr-defined]

    # -- target groups

    def _attach(self, group: FakeAutoScalingGroup) -> bool:
        """Register who is in service, once, and deregister what is no longer of the group's target groups.

        A target that somebody deregisters by hand is not registered again, nor is one that came into service while
        AddToLoadBalancer was suspended, as on AWS.
        """
        arns = set(group.target_group_arns or [])
        members = {one.instance.id: one for one in group.instance_states}
        suspended = any(process["ProcessName"] == "AddToLoadBalancer" for process in group.suspended_processes)
        wanted = {
            Attachment(arn, instance_id)
            for arn in arns
            for instance_id, one in members.items()
            if one.lifecycle_state == "InService" and one.instance.state == "running"
        }
        new = sorted(wanted - self._attached)
        old = sorted(one for one in self._attached if one.instance_id in members and one.target_group_arn not in arns)
        for attachment in new:
            target_group = self._state.elbv2.target_groups.get(attachment.target_group_arn)
            if target_group is not None and not suspended:
                target_group.register([{"Id": attachment.instance_id}])
            self._attached.add(attachment)
        self._detach(old)
        return bool(new or old)

    def _deregister(self, group: FakeAutoScalingGroup, one: InstanceState) -> float:
        """Deregister an instance wherever its group has registered it; return how long it may take to drain."""
        mine = [attachment for attachment in self._attached if attachment.instance_id == one.instance.id]
        self._detach(mine)
        if not mine or one.instance.state in states.GONE:
            return 0.0
        delays = [
            int(str(self._state.elbv2.target_groups[arn].attributes["deregistration_delay.timeout_seconds"]))
            for arn in group.target_group_arns or []
            if arn in self._state.elbv2.target_groups
        ]
        return max(delays, default=0) / self.ledger.time_scale + _DRAINED_WITHIN_S

    def _detach(self, attachments: Iterable[Attachment]) -> None:
        for one in list(attachments):
            self._attached.discard(one)
            group = self._state.elbv2.target_groups.get(one.target_group_arn)
            if group is not None and any(key[0] == one.instance_id for key in group.targets):
                group.deregister([{"Id": one.instance_id}])

    def _drains(self, group: FakeAutoScalingGroup, one: InstanceState) -> bool:
        there = [arn for arn in group.target_group_arns or [] if arn in self._state.elbv2.target_groups]
        return any(target.id == one.instance.id for arn in there for target in self._health_of(arn))
