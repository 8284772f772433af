"""Actions on AWS that can be repeated, as a rollback must be."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.aws.client import Here
from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.inverses import ingress_permission, put_ingress_back
from chaosgood_ext.game.inverses.load_balancing import health_check

__all__ = ["ensure_security_group_ingress", "set_health_check"]


def ensure_security_group_ingress(
    requested_security_group_id: str,
    ip_protocol: str,
    from_port: int,
    to_port: int,
    ingress_security_group_id: str | None = None,
    cidr_ip: str | None = None,
    description: str = "",
    configuration: dict[str, Any] | None = None,
) -> str:
    """Make sure that a security group has an ingress rule, as `chaosaws.ec2.actions.authorize_…` names it.

    A rule that is there already is left alone, and a group that is gone is no error. Returns the
    :class:`~chaosgood_ext.game.inverses.Outcome`.
    """
    permission = ingress_permission(
        ip_protocol, from_port, to_port, group_id=ingress_security_group_id, cidr=cidr_ip, description=description
    )
    return str(put_ingress_back(requested_security_group_id, permission, Here(configuration)))


def set_health_check(
    target_group_arn: str,
    interval_s: int,
    timeout_s: int,
    unhealthy_threshold: int,
    healthy_threshold: int | None = None,
    configuration: dict[str, Any] | None = None,
) -> dict[str, int]:
    """Set how often the targets of a group are asked, and how many answers in a row make one healthy or unhealthy.

    Intervals and timeouts are in seconds, within the limits of
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html. Returns what is
    set now, by AWS's names. Raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` when AWS refuses.
    """
    elbv2 = Here(configuration).client("elbv2")
    wanted = {
        "HealthCheckIntervalSeconds": interval_s,
        "HealthCheckTimeoutSeconds": timeout_s,
        "UnhealthyThresholdCount": unhealthy_threshold,
        **({"HealthyThresholdCount": healthy_threshold} if healthy_threshold is not None else {}),
    }
    with answering(f"Setting the health check of {target_group_arn}"):
        answer = elbv2.modify_target_group(TargetGroupArn=target_group_arn, **wanted)
    return health_check(answer["TargetGroups"][0])
