"""What scenarios ask of AWS."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.aws.client import client
from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.game.aws import answering

__all__ = ["unhealthy_targets"]


def unhealthy_targets(target_group_arns: list[str], configuration: dict[str, Any] | None = None) -> int:
    """How many registered targets of these target groups are not healthy.

    Fails when a group has no target at all: that is no healthy group.
    """
    elbv2 = client("elbv2", configuration)
    unhealthy = 0
    for arn in target_group_arns:
        with answering(f"Looking up the targets of {arn}"):
            targets = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        if not targets:
            raise EnvironmentUnavailable(f"The target group {arn} has no targets.")
        unhealthy += sum(target["TargetHealth"]["State"] != "healthy" for target in targets)
    return unhealthy
