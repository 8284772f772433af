"""No call of EC2 is answered with a yes that means nothing."""

from __future__ import annotations

import pytest
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.responses import EC2Response

from chaosgood_ext.twin.cloud.identities import Identity
from chaosgood_ext.twin.cloud.wire import AwsError, Call, Request
from chaosgood_ext.twin.services.ec2_supported import ACTED_ON, refuse


def call(action: str, **form: str) -> Call:
    body = "&".join(f"{name.replace('__', '.')}={value}" for name, value in {"Action": action, **form}.items())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = Request("POST", "/", headers, body.encode(), "203.0.113.10")
    return Call(request, "us-east-1", "ec2", "ec2", action, Identity("IAMUser", "arn", "id", "me", "AKIA"))


@pytest.mark.parametrize("action", sorted(ACTED_ON))
def test_what_is_said_to_be_acted_on_is_a_call_that_moto_answers(action: str) -> None:
    assert action in get_service_model("ec2").operation_names
    assert hasattr(EC2Response, camelcase_to_underscores(action))


@pytest.mark.parametrize(
    "action",
    ["CreateNatGateway", "AttachVolume", "CreateVpcPeeringConnection", "AttachNetworkInterface", "CreateImage"],
)
def test_a_call_from_which_nothing_would_follow_is_refused_by_name(action: str) -> None:
    with pytest.raises(
        AwsError, match=f"The twin does not implement ec2:{action}: nothing would follow from it."
    ) as no:
        refuse(call(action))
    assert no.value.code == "NotImplemented"


def test_every_call_that_only_describes_is_let_through() -> None:
    for action in get_service_model("ec2").operation_names:
        if action.startswith("Describe"):
            refuse(call(action))


def test_a_parameter_from_which_nothing_would_follow_is_refused_by_name() -> None:
    refuse(call("ModifyInstanceAttribute", InstanceId="i-1", InstanceType__Value="t3.nano"))
    with pytest.raises(AwsError, match="does not implement SourceDestCheck of ec2:ModifyInstanceAttribute"):
        refuse(call("ModifyInstanceAttribute", InstanceId="i-1", SourceDestCheck__Value="false"))
    with pytest.raises(AwsError, match="does not implement InstanceMarketOptions of ec2:RunInstances"):
        refuse(call("RunInstances", InstanceMarketOptions__MarketType="spot"))
    with pytest.raises(AwsError, match="has no VPC without DNS"):
        refuse(call("ModifyVpcAttribute", VpcId="vpc-1", EnableDnsSupport__Value="false"))
