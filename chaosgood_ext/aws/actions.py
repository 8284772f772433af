"""Actions on AWS: faults that chaosaws lacks, in the role that it would take, and rollbacks that can be repeated."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from chaosgood_ext.aws.client import AsConfigured, Here
from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.inverses import ingress_permission, put_ingress_back
from chaosgood_ext.game.inverses.hosts import longest_running
from chaosgood_ext.game.inverses.load_balancing import health_check
from chaosgood_ext.game.run_command import require

__all__ = ["crash_instance", "ensure_security_group_ingress", "freeze_program", "set_health_check"]

_TAKEN_WITHIN_S = 20.0


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
    elbv2 = AsConfigured(configuration).client("elbv2")
    wanted = {
        "HealthCheckIntervalSeconds": interval_s,
        "HealthCheckTimeoutSeconds": timeout_s,
        "UnhealthyThresholdCount": unhealthy_threshold,
        **({"HealthyThresholdCount": healthy_threshold} if healthy_threshold is not None else {}),
    }
    with answering(f"Setting the health check of {target_group_arn}"):
        answer = elbv2.modify_target_group(TargetGroupArn=target_group_arn, **wanted)
    return health_check(answer["TargetGroups"][0])


def crash_instance(filters: Sequence[Mapping[str, Any]], configuration: dict[str, Any] | None = None) -> str:
    """Let the kernel of an instance panic: nothing on it answers any more, and it is `running` all the while.

    It is the one that has run for the longest of those that `filters` (of EC2's DescribeInstances) find. The panic is
    asked for by Systems Manager and comes a second later, so that the command itself still succeeds. Returns the
    instance's id. Raises :class:`~chaosgood_ext.errors.ChaosGoodError` when none runs or it takes no commands.
    """
    instance = longest_running(filters, AsConfigured(configuration))
    panic = "(sleep 1; echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger) > /dev/null 2>&1 &"
    require(instance, panic, AsConfigured(configuration), within_s=_TAKEN_WITHIN_S)
    return instance


def freeze_program(
    filters: Sequence[Mapping[str, Any]], program: str, configuration: dict[str, Any] | None = None
) -> str:
    """Stop (SIGSTOP) all processes of `program` on an instance: its kernel goes on accepting connections for it.

    It is the one that has run for the longest of those that `filters` (of EC2's DescribeInstances) find. Returns the
    instance's id. Raises :class:`~chaosgood_ext.errors.ChaosGoodError` when none runs, it takes no commands, or
    no such program runs there.
    """
    instance = longest_running(filters, AsConfigured(configuration))
    require(instance, f"pkill -STOP -x {shlex.quote(program)}", AsConfigured(configuration), within_s=_TAKEN_WITHIN_S)
    return instance
