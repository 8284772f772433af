"""Which EC2 calls the twin acts on: every other one that would change something is refused, never answered with a yes.

moto knows hundreds of calls that keep what they were told and let nothing follow from it.
"""

from __future__ import annotations

from chaosgood_ext.twin.cloud.wire import AwsError, Call

_ACTED_ON = """
AllocateAddress AssociateAddress DisassociateAddress ReleaseAddress
AssociateIamInstanceProfile DisassociateIamInstanceProfile ReplaceIamInstanceProfileAssociation
AssociateRouteTable CreateRoute CreateRouteTable DeleteRoute DeleteRouteTable DisassociateRouteTable ReplaceRoute
ReplaceRouteTableAssociation
AttachInternetGateway CreateInternetGateway DeleteInternetGateway DetachInternetGateway
AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup DeleteSecurityGroup
ModifySecurityGroupRules RevokeSecurityGroupEgress RevokeSecurityGroupIngress
UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress
CreateKeyPair DeleteKeyPair ImportKeyPair
CreateLaunchTemplate CreateLaunchTemplateVersion DeleteLaunchTemplate ModifyLaunchTemplate
CreateNetworkAcl CreateNetworkAclEntry DeleteNetworkAcl DeleteNetworkAclEntry ReplaceNetworkAclAssociation
ReplaceNetworkAclEntry
CreateNetworkInterface DeleteNetworkInterface ModifyNetworkInterfaceAttribute
CreateSubnet CreateVpc DeleteSubnet DeleteVpc ModifySubnetAttribute ModifyVpcAttribute
CreateTags DeleteTags
DeregisterImage RegisterImage
ModifyInstanceAttribute RebootInstances RunInstances StartInstances StopInstances TerminateInstances
"""
ACTED_ON = frozenset(_ACTED_ON.split())

ON_THE_BOOKS = frozenset({"CreateFlowLogs", "DeleteFlowLogs"})
"""What the environment is governed by: it is asked for, and otherwise does nothing, as docs/reference/twin.md says."""

_MADE_UP = frozenset({"GetConsoleOutput", "GetPasswordData", "GetInstanceUefiData", "GetLaunchTemplateData"})
"""Calls that only read, and that moto answers with what it made up."""

_ATTRIBUTES = frozenset(
    {
        "BlockDeviceMappings", "DisableApiStop", "DisableApiTermination", "EbsOptimized", "Groups",
        "InstanceInitiatedShutdownBehavior", "InstanceType", "UserData",
    }
)  # fmt: skip
_OF_THE_CALL = frozenset({"InstanceId", "DryRun", "NetworkInterfaceId"})


def refuse(call: Call) -> None:
    """Raise the error of a call, or of a parameter, that the twin would not act on."""
    action = call.action
    if action in _MADE_UP or (not call.reads and action not in ACTED_ON | ON_THE_BOOKS):
        raise _lacking(f"does not implement ec2:{action}: nothing would follow from it")
    if action == "ModifyInstanceAttribute":
        if "Attribute" in call.parameters:
            raise _lacking("wants ec2:ModifyInstanceAttribute to name the attribute by its own parameter")
        _only(call, _ATTRIBUTES)
    elif action == "ModifyNetworkInterfaceAttribute":
        _only(call, frozenset({"Groups", "Description"}))
    elif action == "ModifyVpcAttribute" and not call.parameters.get("EnableDnsSupport", {}).get("Value", True):
        raise _lacking("has no VPC without DNS: ec2:ModifyVpcAttribute EnableDnsSupport")
    elif any(one.get("PrefixListIds") for one in call.parameters.get("IpPermissions", [])):
        raise _lacking(f"does not implement PrefixListIds of ec2:{action}")
    elif action == "RunInstances":
        for name in ("InstanceMarketOptions", "CapacityReservationSpecification", "SecondaryInterfaces"):
            if call.parameters.get(name):
                raise _lacking(f"does not implement {name} of ec2:RunInstances")


def _only(call: Call, known: frozenset[str]) -> None:
    for name in call.parameters.keys() - known - _OF_THE_CALL:
        raise _lacking(f"does not implement {name} of ec2:{call.action}")


def _lacking(what: str) -> AwsError:
    return AwsError("NotImplemented", f"The twin {what}.", 501)
