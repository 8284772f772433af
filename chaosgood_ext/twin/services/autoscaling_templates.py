"""Launch templates of auto scaling groups: which version is meant, whether it can launch, and the launch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import MetadataOptions

from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from moto.autoscaling.models import FakeAutoScalingGroup
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

    from chaosgood_ext.twin.cloud.state import State

GROUP_TAG = "aws:autoscaling:groupName"


def invalid(message: str) -> AwsError:
    """Return the error for a template that cannot launch anything."""
    return AwsError("ValidationError", f"You must use a valid fully-formed launch template. {message}")


def resolve(state: State, wanted: Mapping[str, str]) -> tuple[LaunchTemplate, LaunchTemplateVersion]:
    """Return the template and the version that a LaunchTemplateSpecification means now.

    Raises the error of :func:`invalid` for a template or version that there is not, and for one that names an image, a
    security group or an instance type that there is not.
    """
    if bool(wanted.get("LaunchTemplateId")) == bool(wanted.get("LaunchTemplateName")):
        raise AwsError("ValidationError", "Valid requests must contain either launchTemplateId or LaunchTemplateName")
    template = _template(state, wanted)
    version = _version(template, str(wanted.get("Version") or "$Default"))
    _check(state, version)
    return template, version


def _template(state: State, wanted: Mapping[str, str]) -> LaunchTemplate:
    template_id, name = wanted.get("LaunchTemplateId"), wanted.get("LaunchTemplateName")
    for template in state.ec2.launch_templates.values():
        if template_id == template.id or name == template.name:
            return template
    which = f"template ID {template_id}" if template_id else f"template name {name}"
    raise invalid(f"The specified launch template, with {which}, does not exist.")


def _version(template: LaunchTemplate, wanted: str) -> LaunchTemplateVersion:
    if wanted == "$Latest":
        return template.versions[-1]
    number = str(template.default_version_number) if wanted == "$Default" else wanted
    for version in template.versions:
        if str(version.number) == number:
            return version
    raise invalid("Could not find launch template version.")


def _check(state: State, version: LaunchTemplateVersion) -> None:
    if version.image_id not in state.ec2.amis:
        raise invalid(f"The image id '[{version.image_id}]' does not exist")
    if version.instance_type not in INSTANCE_TYPES:
        raise invalid(f"Invalid value '{version.instance_type}' for InstanceType.")
    for group_id in version.data.get("SecurityGroupIds") or []:
        if state.ec2.get_security_group_from_id(group_id) is None:
            raise invalid(f"The security group '{group_id}' does not exist")


def launch(state: State, group: FakeAutoScalingGroup, subnet_id: str) -> tuple[Instance, dict[str, str]]:
    """Launch an instance for a group; return it and what it was launched from.

    It carries the group's tags that are to be propagated, the template's, and AWS's own. Raises `AwsError`, in EC2's
    words, when it cannot be launched.
    """
    wanted = wanted_template(group)
    template, version = resolve(state, wanted)
    tags = {
        **version.instance_tags,
        **{str(tag["Key"]): str(tag["Value"]) for tag in group.tags if tag.get("PropagateAtLaunch")},
        GROUP_TAG: group.name,
        "aws:ec2launchtemplate:id": template.id,
        "aws:ec2launchtemplate:version": str(version.number),
    }
    try:
        reservation = state.ec2.run_instances(
            version.image_id,
            1,
            None,
            [],
            instance_type=version.instance_type,
            is_instance_type_default=False,
            launch_template={"LaunchTemplateId": template.id, "Version": str(version.number)},
            tags={"instance": tags},
            subnet_id=subnet_id,
            placement=_zone(state, subnet_id),
            launch_config=None,
            associate_public_ip=None,
        )
        instance = reservation.instances[0]
        _complete(state, instance, version)
    except ServiceException as problem:
        raise AwsError(str(problem.code), str(problem.message)) from problem
    launched_from = {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": str(version.number),
    }
    return instance, launched_from


def as_called(
    instance: Instance, launched_from: Mapping[str, str], subnet_id: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The launch of an instance as a call of RunInstances: what was asked for and what was returned."""
    template = {key: launched_from[key] for key in ("LaunchTemplateId", "Version")}
    asked = {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": template, "SubnetId": subnet_id}
    told = {"InstanceId": instance.id, "SubnetId": subnet_id, "PrivateIpAddress": instance.private_ip or ""}
    return asked, {"Instances": [told]}


def wanted_template(group: FakeAutoScalingGroup) -> dict[str, str]:
    """Return the template that a group names, whether or not there is one."""
    found: dict[str, str] = dict(getattr(group, "wanted_template", {}))
    return found


def _zone(state: State, subnet_id: str) -> str:
    return str(state.ec2.get_subnet(subnet_id).availability_zone)


def _complete(state: State, instance: Instance, version: LaunchTemplateVersion) -> None:
    """Give an instance what moto leaves out of its launch template: the instance profile and metadata options."""
    profile: dict[str, Any] = version.data.get("IamInstanceProfile") or {}
    if profile:
        state.ec2.associate_iam_instance_profile(
            instance.id,
            iam_instance_profile_name=profile.get("Name"),
            iam_instance_profile_arn=profile.get("Arn"),
        )
    if "MetadataOptions" in version.data:
        instance.metadata_options = MetadataOptions(version.data["MetadataOptions"])
