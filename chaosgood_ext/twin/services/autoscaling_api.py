"""The Auto Scaling API's mutating calls: what they refuse, in AWS's words, and what they write down.

They change what is wanted and never an instance: the controller follows. Source of actions and errors: the Amazon EC2
Auto Scaling API Reference, https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Operations.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import InstanceState

from chaosgood_ext.twin.cloud.refusals import lacking
from chaosgood_ext.twin.cloud.wire import AwsError
from chaosgood_ext.twin.services import autoscaling_checks as checks
from chaosgood_ext.twin.services import autoscaling_templates as templates
from chaosgood_ext.twin.services import autoscaling_words as words
from chaosgood_ext.twin.services.autoscaling_model import COUNTED, GROUP_METRICS, PROCESSES

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup

    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.cloud.wire import Call
    from chaosgood_ext.twin.services.autoscaling_ledger import Ledger

Answer = Mapping[str, Any]

UNAVAILABLE = (
    "The Launch Configuration creation operation is not available in your account. "
    "Use launch templates to create configuration templates for your Auto Scaling groups."
)


class AutoScalingApi:
    """Answers the calls of which moto's own answer would launch, end or register something, or nothing at all."""

    def __init__(self, tap: Tap, state: State, ledger: Ledger) -> None:
        self._state = state
        self._ledger = ledger
        for handler in (
            self.create_auto_scaling_group, self.update_auto_scaling_group, self.delete_auto_scaling_group,
            self.set_desired_capacity, self.set_instance_health, self.terminate_instance_in_auto_scaling_group,
            self.attach_instances, self.detach_instances, self.enter_standby, self.exit_standby,
            self.suspend_processes, self.resume_processes, self.describe_scaling_activities,
            self.attach_load_balancer_target_groups, self.detach_load_balancer_target_groups,
            self.create_launch_configuration, self.set_instance_protection, self.enable_metrics_collection,
            self.disable_metrics_collection,
        ):  # fmt: skip
            action = "".join(part.capitalize() for part in handler.__name__.split("_"))
            tap.handle("autoscaling", action, handler)

    # -- groups

    def create_auto_scaling_group(self, call: Call) -> Answer:
        """Write a group down; its instances come afterwards."""
        asked, backend = call.parameters, self._state.autoscaling
        name = str(asked["AutoScalingGroupName"])
        if name in backend.autoscaling_groups:
            raise AwsError(
                "AlreadyExists",
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists",
            )
        if not asked.get("LaunchTemplate"):
            raise checks.invalid(
                "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, "
                "InstanceId or MixedInstancesPolicy parameter."
            )
        template, _ = templates.resolve(self._state, asked["LaunchTemplate"])
        low, high = int(asked["MinSize"]), int(asked["MaxSize"])
        desired = int(asked.get("DesiredCapacity", low))
        checks.bounds(low, high, desired)
        checks.policies(call, asked.get("TerminationPolicies", ()))
        checks.target_groups(self._state, asked.get("TargetGroupARNs", ()))
        checks.health_check(asked.get("HealthCheckType", "EC2"))
        checks.subnets(self._state, asked.get("VPCZoneIdentifier", ""))
        group = backend.create_auto_scaling_group(
            name=name,
            availability_zones=list(asked.get("AvailabilityZones", ())),
            desired_capacity=desired,
            max_size=high,
            min_size=low,
            launch_config_name="",
            launch_template=dict(asked["LaunchTemplate"]),
            vpc_zone_identifier=asked["VPCZoneIdentifier"],
            default_cooldown=asked.get("DefaultCooldown"),
            health_check_period=None,
            health_check_type=asked.get("HealthCheckType"),
            load_balancers=[],
            target_group_arns=list(asked.get("TargetGroupARNs", ())),
            placement_group=None,
            termination_policies=list(asked.get("TerminationPolicies", ())),
            tags=[dict(tag) for tag in asked.get("Tags", ())],
            new_instances_protected_from_scale_in=bool(asked.get("NewInstancesProtectedFromScaleIn", False)),
        )
        # "The default value is 0 when you create an Auto Scaling group using the AWS CLI or an SDK"; moto's is 300.
        group.health_check_grace_period = int(asked.get("HealthCheckGracePeriod", 0))
        _remember_template(group, template.id, asked["LaunchTemplate"])
        self._because(
            group, f"a user request created an AutoScalingGroup changing the desired capacity from 0 to {desired}."
        )
        return {}

    def update_auto_scaling_group(self, call: Call) -> Answer:
        """Change what is asked for; the rest stays."""
        asked, group = call.parameters, self._group(call)
        bounds = (("MinSize", group.min_size), ("MaxSize", group.max_size))
        low, high = (int(asked.get(key, old or 0)) for key, old in bounds)
        before = int(group.desired_capacity or 0)
        desired = int(asked.get("DesiredCapacity", min(max(before, low), high)))
        checks.bounds(low, high, desired)
        checks.policies(call, asked.get("TerminationPolicies", ()))
        checks.health_check(asked.get("HealthCheckType", "EC2"))
        if "VPCZoneIdentifier" in asked:
            checks.subnets(self._state, asked["VPCZoneIdentifier"])
        if "LaunchTemplate" in asked:
            template, _ = templates.resolve(self._state, asked["LaunchTemplate"])
            group._set_launch_configuration("", dict(asked["LaunchTemplate"]), None)
            _remember_template(group, template.id, asked["LaunchTemplate"])
            self._ledger.retry_at.pop(group.name, None)
        group._set_azs_and_vpcs(list(asked.get("AvailabilityZones", ())), asked.get("VPCZoneIdentifier"), update=True)
        for parameter, attribute in {
            "HealthCheckType": "health_check_type",
            "HealthCheckGracePeriod": "health_check_grace_period",
            "DefaultCooldown": "default_cooldown",
            "TerminationPolicies": "termination_policies",
            "NewInstancesProtectedFromScaleIn": "new_instances_protected_from_scale_in",
        }.items():
            if parameter in asked:
                setattr(group, attribute, asked[parameter])
        group.min_size, group.max_size, group.desired_capacity = low, high, desired
        if desired != before:
            constraints = f"min: {low}, max: {high}, desired: {desired}"
            self._because(
                group,
                f"a user request update of AutoScalingGroup constraints to {constraints} "
                f"changing the desired capacity from {before} to {desired}.",
            )
        return {}

    def delete_auto_scaling_group(self, call: Call) -> Answer:
        """Let a group go: at once when it is empty, with `ForceDelete` when its instances have gone."""
        group = self._group(call)
        if group.instance_states and not call.parameters.get("ForceDelete"):
            raise AwsError(
                "ResourceInUse",
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
                "still in the group.",
            )
        group.min_size = group.max_size = group.desired_capacity = 0
        group.status = "Delete in progress"  # type: ignore[attr-defined]
        group.suspended_processes = []  # forced deletion ends instances whatever is suspended
        for one in group.instance_states:
            one.protected_from_scale_in = False
        self._ledger.deleting.add(group.name)
        self._because(group, "a user request force deleted an AutoScalingGroup.")
        return {}

    def set_desired_capacity(self, call: Call) -> Answer:
        """Want another number of instances, between the group's bounds."""
        group, desired = self._group(call), int(call.parameters["DesiredCapacity"])
        before = int(group.desired_capacity or 0)
        if desired > int(group.max_size or 0):
            raise checks.invalid(
                f"New SetDesiredCapacity value {desired} is above max value {group.max_size} for the AutoScalingGroup."
            )
        if desired < int(group.min_size or 0):
            raise checks.invalid(
                f"New SetDesiredCapacity value {desired} is below min value {group.min_size} for the AutoScalingGroup."
            )
        group.desired_capacity = desired
        if desired != before:
            self._because(
                group,
                "a user request explicitly set group desired capacity "
                f"changing the desired capacity from {before} to {desired}.",
            )
        return {}

    # -- instances

    def set_instance_health(self, call: Call) -> Answer:
        """Mark an instance; within the grace period that has no effect, unless it is not to be respected."""
        status = str(call.parameters["HealthStatus"])
        if status not in ("Healthy", "Unhealthy"):
            raise checks.invalid(f"Valid instance health states are: [Healthy, Unhealthy]. Found: {status}")
        group, one = self._member(str(call.parameters["InstanceId"]))
        entry = self._ledger.entry(one.instance.id)
        respected = call.parameters.get("ShouldRespectGracePeriod", True)
        if status == "Unhealthy" and respected and checks.in_grace(group, entry, self._scale):
            return {}
        one.health_status = status
        entry.ailment = "user"
        return {}

    def terminate_instance_in_auto_scaling_group(self, call: Call) -> Answer:
        """End an instance; without a decrement of the desired capacity, another takes its place."""
        group, one = self._member(str(call.parameters["InstanceId"]))
        before = int(group.desired_capacity or 0)
        decrement = bool(call.parameters["ShouldDecrementDesiredCapacity"])
        if decrement and before <= int(group.min_size or 0):
            raise checks.invalid(
                f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without replacement "
                "will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or "
                "lower group's min size."
            )
        activity = self._leaves(group, one, "terminate", decrement=decrement)
        return {"Activity": activity.told()}

    def attach_instances(self, call: Call) -> Answer:
        """Add running instances that belong to no group; the desired capacity grows with them."""
        group, ids = self._group(call), [str(one) for one in call.parameters.get("InstanceIds", ())]
        checks.attachable(self._state, group, ids)
        for instance_id in ids:
            instance = self._state.ec2.get_instance(instance_id)
            before = int(group.desired_capacity or 0)
            self._state.ec2.create_tags([instance_id], {templates.GROUP_TAG: group.name})
            one = InstanceState(
                instance,
                lifecycle_state="Pending",
                protected_from_scale_in=group.new_instances_protected_from_scale_in,
                autoscaling_group=group,
            )
            group.instance_states.append(one)
            group.desired_capacity = before + 1
            self._ledger.entries.pop(instance_id, None)
            self._ledger.entry(instance_id).arriving = self._ledger.activities.begin(
                (group.name, group.arn),
                f"Attaching an existing EC2 instance: {instance_id}",
                words.requested(instance_id, "was attached", before, before + 1),
                _details(instance),
            )
        return {}

    def detach_instances(self, call: Call) -> Answer:
        """Take instances out of the group; they go on running."""
        return self._move_out(call, "detach")

    def enter_standby(self, call: Call) -> Answer:
        """Take instances out of service; they stay in the group, and are no capacity."""
        return self._move_out(call, "standby")

    def exit_standby(self, call: Call) -> Answer:
        """Put instances back into service; the desired capacity grows with them."""
        group = self._group(call)
        members = self._members(group, call.parameters.get("InstanceIds", ()))
        wrong = [one.instance.id for one in members if one.lifecycle_state != "Standby"]
        if wrong:
            raise checks.invalid(f"The instance {wrong[0]} is not in Standby.")
        before = int(group.desired_capacity or 0)
        if before + len(members) > int(group.max_size or 0):
            raise checks.invalid(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
                f"desired-size={before}. To place into service {len(members)} more instance(s), please update the "
                "AutoScalingGroup sizes appropriately."
            )
        told = []
        for count, one in enumerate(members):
            group.desired_capacity = before + count + 1
            one.lifecycle_state = "Pending"
            activity = self._ledger.activities.begin(
                (group.name, group.arn),
                f"Moving EC2 instance out of Standby: {one.instance.id}",
                words.requested(one.instance.id, "was moved out of standby", before + count, before + count + 1),
                _details(one.instance),
            )
            activity.status, activity.progress = "PreInService", 30
            self._ledger.entry(one.instance.id).arriving = activity
            told.append(activity.told())
        return {"Activities": told}

    def set_instance_protection(self, call: Call) -> None:
        """Let moto note who is not to be chosen when the group shrinks, once all of them are known to be members."""
        self._members(self._group(call), call.parameters.get("InstanceIds", ()))

    # -- processes

    def suspend_processes(self, call: Call) -> Answer:
        """Suspend the processes named, or all."""
        group, names = self._group(call), self._processes(call)
        now = words.stamp(datetime.now(UTC))
        since = dict(getattr(group, "suspended_since", {}))
        since.update((name, now) for name in names if name not in since)
        self._suspend(group, since)
        return {}

    def resume_processes(self, call: Call) -> Answer:
        """Resume the processes named, or all; what is overdue happens at once."""
        group, names = self._group(call), self._processes(call)
        since = getattr(group, "suspended_since", {})
        self._suspend(group, {name: when for name, when in since.items() if name not in names})
        self._ledger.look_now(group.name)
        return {}

    @staticmethod
    def _suspend(group: FakeAutoScalingGroup, since: Mapping[str, str]) -> None:
        group.suspended_since = dict(since)  # type: ignore[attr-defined]
        group.suspended_processes = list(since)

    @staticmethod
    def _processes(call: Call) -> list[str]:
        names = [str(name) for name in call.parameters.get("ScalingProcesses", ())] or list(PROCESSES)
        for name in names:
            if name not in PROCESSES:
                raise checks.invalid(f"{name} is not a valid process type, must be one of: [{', '.join(PROCESSES)}]")
        return names

    # -- load balancing

    def attach_load_balancer_target_groups(self, call: Call) -> None:
        """Let moto note the target groups, once they are known to exist."""
        self._group(call)
        checks.target_groups(self._state, call.parameters.get("TargetGroupARNs", ()))

    def detach_load_balancer_target_groups(self, call: Call) -> Answer:
        """Forget target groups; the controller deregisters the instances, which then drain."""
        group, arns = self._group(call), set(call.parameters.get("TargetGroupARNs", ()))
        group.target_group_arns = [arn for arn in group.target_group_arns if arn not in arns]
        return {}

    def create_launch_configuration(self, call: Call) -> Answer:  # noqa: ARG002
        """Refuse, as AWS does to accounts that are new."""
        raise AwsError("UnsupportedOperation", UNAVAILABLE)

    # -- metrics

    def enable_metrics_collection(self, call: Call) -> Answer:
        """Collect the group's metrics that are named, or all."""
        group, names = self._group(call), [str(one) for one in call.parameters.get("Metrics", ())]
        if call.parameters.get("Granularity") != "1Minute":
            raise checks.invalid("Valid granularities are: [1Minute]")
        for name in names:
            if name not in GROUP_METRICS:
                raise lacking(call, f"the metric {name}")
        group.metrics = list(dict.fromkeys([*group.metrics, *(names or GROUP_METRICS)]))
        return {}

    def disable_metrics_collection(self, call: Call) -> Answer:
        """No longer collect the metrics that are named, or any."""
        group, names = self._group(call), call.parameters.get("Metrics", ())
        group.metrics = [name for name in group.metrics if names and name not in names]
        return {}

    # -- history

    def describe_scaling_activities(self, call: Call) -> Answer:
        """The activities of a group, or of all that there are, the newest first."""
        asked = call.parameters
        name = str(asked.get("AutoScalingGroupName", ""))
        if name:
            self._group(call)
        there = self._state.autoscaling.autoscaling_groups
        found = [
            one
            for one in self._ledger.activities.of(name, asked.get("ActivityIds", ()))
            if one.group in there or asked.get("IncludeDeletedGroups")
        ]
        begin, count = int(asked.get("NextToken") or 0), int(asked.get("MaxRecords", 100))
        page = found[begin : begin + count]
        answer: dict[str, Any] = {"Activities": [one.told(deleted=one.group not in there) for one in page]}
        if begin + count < len(found):
            answer["NextToken"] = str(begin + count)
        return answer

    # -- parts

    @property
    def _scale(self) -> float:
        return self._ledger.time_scale

    def _group(self, call: Call) -> FakeAutoScalingGroup:
        name = str(call.parameters.get("AutoScalingGroupName", ""))
        group = self._state.autoscaling.autoscaling_groups.get(name)
        if group is None:
            raise checks.invalid(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        if name in self._ledger.deleting and not call.reads:
            raise AwsError("ScalingActivityInProgress", f"Group {name} is already pending delete.")
        return group

    def _member(self, instance_id: str) -> tuple[FakeAutoScalingGroup, InstanceState]:
        for group in self._state.autoscaling.autoscaling_groups.values():
            for one in group.instance_states:
                if one.instance.id == instance_id:
                    return group, one
        raise checks.invalid(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")

    @staticmethod
    def _members(group: FakeAutoScalingGroup, ids: Any) -> list[InstanceState]:
        known = {one.instance.id: one for one in group.instance_states}
        for instance_id in ids:
            if instance_id not in known:
                raise checks.invalid(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
        return [known[instance_id] for instance_id in ids]

    def _move_out(self, call: Call, goal: str) -> Answer:
        group = self._group(call)
        members = self._members(group, call.parameters.get("InstanceIds", ()))
        wrong = [one for one in members if one.lifecycle_state != "InService"]
        if wrong:
            raise checks.invalid(f"The instance {wrong[0].instance.id} is not in InService.")
        decrement = bool(call.parameters["ShouldDecrementDesiredCapacity"])
        before = int(group.desired_capacity or 0)
        if decrement and before - len(members) < int(group.min_size or 0):
            raise checks.invalid(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
                f"desired-size={before}. To {checks.VERBS[goal]} {len(members)} instance(s), please update the "
                "AutoScalingGroup sizes appropriately."
            )
        return {"Activities": [self._leaves(group, one, goal, decrement=decrement).told() for one in members]}

    def _leaves(self, group: FakeAutoScalingGroup, one: InstanceState, goal: str, *, decrement: bool) -> words.Activity:
        before = int(group.desired_capacity or 0)
        counts = one.lifecycle_state in COUNTED
        after = before - 1 if decrement and counts else before
        group.desired_capacity = after
        description, done, lifecycle = checks.LEAVING[goal]
        activity = self._ledger.activities.begin(
            (group.name, group.arn),
            f"{description}: {one.instance.id}",
            words.requested(one.instance.id, done, before, after),
            _details(one.instance),
        )
        one.lifecycle_state = lifecycle
        self._ledger.leave(one.instance.id, goal, activity)
        return activity

    def _because(self, group: FakeAutoScalingGroup, request: str) -> None:
        self._ledger.causes[group.name].append(words.at(request))


def _remember_template(group: FakeAutoScalingGroup, template_id: str, asked: Mapping[str, str]) -> None:
    group.wanted_template = {  # type: ignore[attr-defined]
        "LaunchTemplateId": template_id,
        "Version": str(asked.get("Version") or "$Default"),
    }


def _details(instance: Any) -> dict[str, str]:
    return {"Subnet ID": str(instance.subnet_id), "Availability Zone": str(instance.placement.zone)}
