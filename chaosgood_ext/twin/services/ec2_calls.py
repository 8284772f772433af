"""EC2's own refusals of calls, in its codes, where moto would say yes.

Source of the codes: "Error codes for the Amazon EC2 API" in the Amazon EC2 API Reference, which gives no texts.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.ec2.models.instance_types import INSTANCE_TYPES

from chaosgood_ext.twin.cloud.mends.ec2 import life_of
from chaosgood_ext.twin.cloud.wire import AwsError, Call
from chaosgood_ext.twin.services.ec2_dependents import check_unused
from chaosgood_ext.twin.services.ec2_supported import refuse

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance
    from moto.ec2.models.subnets import Subnet

    from chaosgood_ext.twin.cloud.state import State

_INSTANCE_ID = re.compile(r"i-([0-9a-f]{8}|[0-9a-f]{17})")
_IMAGE_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
_USER_DATA_BYTES = 16_384
_GONE = ("shutting-down", "terminated")
_NEEDS_STOP = ("InstanceType", "UserData", "EbsOptimized")


class Ec2Calls:
    """Looks at every EC2 call before moto does; hold the tap's lock."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._checkers: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "CreateVpc": self._check_vpc,
            "ModifyNetworkInterfaceAttribute": self._check_interface,
            "RunInstances": self._check_launch,
        }

    def check(self, call: Call) -> None:
        """Raise :class:`AwsError` for a call that AWS would refuse, and for one that the twin would not act on."""
        refuse(call)
        asked = call.parameters
        check_unused(self._state, call.action, asked)
        named = [*asked.get("InstanceIds", []), *([asked["InstanceId"]] if "InstanceId" in asked else [])]
        for instance_id in named:
            if not _INSTANCE_ID.fullmatch(str(instance_id)):
                raise AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        instances = [one for one in map(self._state.ec2.get_instance_by_id, named) if one is not None]
        try:
            if call.action in ("StartInstances", "StopInstances", "RebootInstances"):
                for instance in instances:
                    _check_transition(call.action, instance)
            elif call.action == "ModifyInstanceAttribute":
                self._check_attributes(asked, instances)
            elif checker := self._checkers.get(call.action):
                checker(asked)
        except ServiceException as error:  # moto's own, of something that is named and is not there
            raise AwsError(str(error.code), str(error.message)) from error

    def _check_interface(self, asked: Mapping[str, Any]) -> None:
        interface = self._state.ec2.enis.get(asked.get("NetworkInterfaceId", ""))
        if interface is not None and "Groups" in asked:
            self._check_groups(asked["Groups"], interface.vpc_id)

    def _check_vpc(self, _asked: Mapping[str, Any]) -> None:
        if any(vpc.id != self._state.ec2.default_vpc.id for vpc in self._state.ec2.vpcs.values()):
            raise AwsError("VpcLimitExceeded", "The maximum number of VPCs has been reached: the twin has one.")

    def _check_attributes(self, asked: Mapping[str, Any], instances: Iterable[Instance]) -> None:
        kind = asked.get("InstanceType", {}).get("Value")
        for instance in instances:
            if instance.state != "stopped" and any(name in asked for name in _NEEDS_STOP):
                raise AwsError("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
            if kind is not None and kind not in INSTANCE_TYPES:
                raise AwsError("InvalidInstanceAttributeValue", f"Invalid value '{kind}' for InstanceType.")
            if "Groups" in asked:
                self._check_groups(asked["Groups"], instance.vpc_id)
            behaviour = asked.get("InstanceInitiatedShutdownBehavior", {}).get("Value")
            if behaviour not in (None, "stop", "terminate"):
                raise AwsError(
                    "InvalidInstanceAttributeValue",
                    f"Value ({behaviour}) for parameter instanceInitiatedShutdownBehavior is invalid.",
                )

    def modify_attribute(self, call: Call) -> Mapping[str, Any] | None:
        """Handler of `ModifyInstanceAttribute`: moto takes the shutdown behaviour for an empty list of groups."""
        behaviour = call.parameters.get("InstanceInitiatedShutdownBehavior", {}).get("Value")
        if behaviour is None:
            return None
        instance = self._state.ec2.get_instance_by_id(call.parameters.get("InstanceId", ""))
        if instance is None or call.parameters.get("DryRun"):
            return None
        instance.instance_initiated_shutdown_behavior = behaviour
        return {}

    def stop(self, call: Call) -> None:
        """Handler of `StopInstances`, which moto answers: note whether the instances are forced to."""
        if call.parameters.get("Force") and not call.parameters.get("DryRun"):
            for instance in map(self._state.ec2.get_instance_by_id, call.parameters.get("InstanceIds", [])):
                if instance is not None and instance.state in ("running", "stopping"):
                    life_of(instance).forced = True

    # -- launches

    def _check_launch(self, asked: Mapping[str, Any]) -> None:
        template = self._template(asked.get("LaunchTemplate"))
        image, kind = asked.get("ImageId") or template.get("ImageId"), asked.get("InstanceType")
        if not image:
            raise AwsError("MissingParameter", "The request must contain the parameter ImageId")
        self._check_image(image)
        if kind is not None and kind not in INSTANCE_TYPES:
            raise AwsError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
        _check_count(int(asked.get("MinCount", 1)), int(asked.get("MaxCount", 1)))
        if key := asked.get("KeyName"):
            self._state.ec2.describe_key_pairs(key_names=[key])
        _check_user_data(asked.get("UserData"))
        self._check_network(asked)

    def _template(self, named: Mapping[str, str] | None) -> Mapping[str, Any]:
        """The data of the launch template that is named; moto raises AWS's error when there is none."""
        if not named:
            return {}
        data: Mapping[str, Any] = self._state.ec2._get_template_from_args(dict(named)).data
        return data

    def _check_image(self, image: str) -> None:
        if not _IMAGE_ID.fullmatch(image):
            raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image}"')
        if image not in self._state.ec2.amis:
            raise AwsError("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")

    def _check_network(self, asked: Mapping[str, Any]) -> None:
        interfaces = asked.get("NetworkInterfaces") or []
        if len(interfaces) > 1 or any(one.get("NetworkInterfaceId") for one in interfaces):
            raise AwsError("NotImplemented", "The twin gives every instance one new network interface.", 501)
        first = interfaces[0] if interfaces else {}
        if interfaces and (asked.get("SecurityGroupIds") or asked.get("SecurityGroups")):
            raise AwsError(
                "InvalidParameterCombination",
                "Network interfaces and an instance-level security groups may not be specified on the same request",
            )
        subnet_id = first.get("SubnetId") or asked.get("SubnetId")
        if not subnet_id:
            raise AwsError(
                "VPCIdNotSpecified",
                "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
            )
        subnet = self._state.ec2.get_subnet(subnet_id)
        if subnet.vpc_id == self._state.ec2.default_vpc.id:
            raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
        self._check_groups(first.get("Groups") or asked.get("SecurityGroupIds") or [], subnet.vpc_id, needs_one=False)
        self._check_address(first.get("PrivateIpAddress") or asked.get("PrivateIpAddress"), subnet)

    def _check_groups(self, group_ids: Iterable[str], vpc_id: str | None, *, needs_one: bool = True) -> None:
        group_ids = list(group_ids)
        if not group_ids and needs_one:
            raise AwsError("InvalidParameterValue", "At least one security group must be specified.")
        for group_id in group_ids:
            if group_id not in self._state.ec2.groups.get(str(vpc_id), {}):
                raise AwsError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")

    def _check_address(self, address: str | None, subnet: Subnet) -> None:
        if not address:
            return
        try:
            within = ipaddress.ip_address(address) in ipaddress.ip_network(subnet.cidr_block)
        except ValueError:
            raise AwsError("InvalidParameterValue", f"Value ({address}) for parameter address is invalid.") from None
        if not within:
            raise AwsError(
                "InvalidParameterValue", f"Address {address} does not fall within the subnet's address range"
            )
        if any(interface.private_ip_address == address for interface in self._state.ec2.enis.values()):
            raise AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _check_transition(action: str, instance: Instance) -> None:
    state = instance.state
    if action == "StartInstances" and state in ("stopping", *_GONE):
        said = f"The instance '{instance.id}' is not in a state from which it can be started."
    elif action == "StopInstances" and state == "pending":
        said = f"Instance '{instance.id}' cannot be stopped as it has never reached the 'running' state."
    elif action == "StopInstances" and state in _GONE:
        said = f"This instance '{instance.id}' is not in a state from which it can be stopped."
    elif action == "RebootInstances" and state in ("pending", "stopping", "stopped"):
        said = f"The instance '{instance.id}' is not in the 'running' state."
    else:
        return
    raise AwsError("IncorrectInstanceState", said)


def _check_count(least: int, most: int) -> None:
    if least < 1:
        raise AwsError("InvalidParameterValue", f"Value ({least}) for parameter minCount is invalid.")
    if most < least:
        raise AwsError("InvalidParameterValue", f"Value ({most}) for parameter maxCount is invalid.")


def _check_user_data(text: str | bytes | None) -> None:
    try:
        size = len(base64.b64decode(text or "", validate=False))
    except (binascii.Error, ValueError):
        raise AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
    if size > _USER_DATA_BYTES:
        raise AwsError("InvalidParameterValue", f"User data is limited to {_USER_DATA_BYTES} bytes")
