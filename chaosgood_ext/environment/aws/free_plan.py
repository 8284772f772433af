"""The account's plan: a new account is often on AWS's free plan, which starts some types of instances only.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/billing-free-tier.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chaosgood_ext.twin.machine import Finding

_NAME = "plan of the account"
_REGION = "us-east-1"
_UPGRADE = "Upgrade the account, its credits stay: aws freetier upgrade-account-plan --account-plan-type PAID"


def examine(session: Any, topology: Mapping[str, Any]) -> Finding:
    """Whether the account's plan lets the environment's hosts start, or that AWS does not say."""
    groups = [*topology["instances"].values(), *topology["auto_scaling_groups"].values()]
    wanted = sorted({group["instance_type"] for group in groups})
    try:
        kind = session.client("freetier", region_name=_REGION).get_account_plan_state()["accountPlanType"]
        ec2 = session.client("ec2", region_name=topology["region"])
        known = ec2.describe_instance_types(InstanceTypes=wanted)["InstanceTypes"] if kind == "FREE" else []
    except ClientError as refused:
        code = refused.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return Finding(_NAME, True, "none, as of older accounts")
        return Finding(_NAME, None, f"AWS does not say which: {code}")
    except BotoCoreError as silent:
        return Finding(_NAME, None, f"AWS does not say which: {silent}")
    refused_types = [one["InstanceType"] for one in known if not one["FreeTierEligible"]]
    if refused_types:
        return Finding(_NAME, False, f"free, which starts no {', '.join(refused_types)}", _UPGRADE)
    return Finding(_NAME, True, kind.lower())
