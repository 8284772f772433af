"""EC2 Auto Scaling: instances in every subnet, in the lifecycle state that they are really in."""

from __future__ import annotations

from collections import Counter

from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState
from moto.ec2.models.instances import Instance, MetadataOptions

from chaosgood_ext.twin.cloud.mends.patching import replace

_installed = False


def install() -> None:
    """Patch moto once."""
    global _installed  # noqa: PLW0603
    if _installed:
        return
    _installed = True
    _spread_over_subnets()
    _tell_lifecycle()
    # moto registers targets before their instances run, which its own ELB refuses, and never takes one out; the
    # autoscaling controller does both at the right time.
    replace(AutoScalingBackend, "update_attached_target_groups", lambda _self, _name: None)


def _spread_over_subnets() -> None:
    """moto puts all instances of a group into its first subnet; AWS balances them over the zones."""

    def launch(self: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
        listed = self.vpc_zone_identifier
        for _ in range(count_needed):
            subnets = (listed or "").split(",")
            used = Counter(state.instance.subnet_id for state in self.instance_states)
            subnets.sort(key=lambda subnet: used[subnet])
            self.vpc_zone_identifier = ",".join(subnets)
            try:
                original(self, 1, propagated_tags)
            finally:
                self.vpc_zone_identifier = listed
            _complete(self, self.instance_states[-1].instance)

    original = replace(FakeAutoScalingGroup, "replace_autoscaling_group_instances", launch)


def _complete(group: FakeAutoScalingGroup, instance: Instance) -> None:
    """Give an instance what moto leaves out of its launch template: the instance profile and metadata options."""
    template = group.ec2_launch_template
    if template is None:
        return
    data = template.get_version(group.launch_template_version).data
    profile = data.get("IamInstanceProfile", {}).get("Name")
    if profile:
        group.ec2_backend.associate_iam_instance_profile(instance.id, iam_instance_profile_name=profile)
    if "MetadataOptions" in data:
        instance.metadata_options = MetadataOptions(data["MetadataOptions"])


def _tell_lifecycle() -> None:
    """moto calls an instance InService before it has started."""

    def read(self: InstanceState) -> str:
        stated: str = self.__dict__["lifecycle_state"]
        return "Pending" if stated == "InService" and self.instance.state == "pending" else stated

    def write(self: InstanceState, value: str) -> None:
        self.__dict__["lifecycle_state"] = value

    InstanceState.lifecycle_state = property(read, write)  # type: ignore[assignment]

    def active(self: FakeAutoScalingGroup) -> list[InstanceState]:
        return [state for state in self.instance_states if state.lifecycle_state in ("InService", "Pending")]

    replace(FakeAutoScalingGroup, "active_instances", active)
