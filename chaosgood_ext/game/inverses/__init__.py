"""What puts each fault back: planned from the environment as it is before the fault acts, and safe to repeat."""

from __future__ import annotations

from collections.abc import Mapping

from chaosgood_ext.errors import GameError
from chaosgood_ext.game.aws import Clients
from chaosgood_ext.game.inverses import (
    auto_scaling,
    containers,
    databases,
    hosts,
    instances,
    load_balancing,
    security_groups,
)
from chaosgood_ext.game.inverses.model import Arguments, Inverse, Kind, Outcome, Planner
from chaosgood_ext.game.inverses.security_groups import ingress_permission, put_ingress_back

__all__ = ["Inverse", "Outcome", "by_hand", "ingress_permission", "plan", "play", "put_ingress_back", "unknown"]


def plan(module: str, func: str, arguments: Arguments, clients: Clients) -> Inverse | None:
    """The inverse of the action `module`.`func` called with `arguments`, looked up before it acts.

    None when the action breaks nothing. Raises :class:`GameError` for one whose inverse nobody knows, or whose target
    is not as the action expects it.
    """
    planner = PLANNERS.get((module, func))
    if planner is not None:
        try:
            return planner(arguments, clients)
        except KeyError as missing:
            raise GameError(f"{module}.{func} needs the argument {missing.args[0]}.") from missing
    if (module, func) in HARMLESS or module.startswith(_OURS):
        return None
    raise unknown(f"{module}.{func}")


def unknown(called: str) -> GameError:
    """The refusal of an action, `called` so, whose inverse nobody knows."""
    return GameError(
        f"Nobody knows how to undo {called}, so it is not played.",
        "Use another action, or list its name under `irreversible` if nothing has to be undone.",
    )


def play(inverse: Inverse, clients: Clients) -> Outcome:
    """Put back what `inverse` is for; repeating it changes nothing.

    Raises :class:`~chaosgood_ext.errors.EnvironmentUnavailable` when AWS refuses or does not answer, and
    :class:`GameError` for an inverse of a later version of Chaotic Good.
    """
    return _kind(inverse).play(f"The call {inverse.kind}", inverse.arguments, clients)


def by_hand(inverse: Inverse) -> list[str]:
    """The commands by which a person undoes the same, for when :func:`play` cannot."""
    return [call.typed() for call in _kind(inverse).calls(inverse.arguments)]


def _kind(inverse: Inverse) -> Kind:
    try:
        return KINDS[inverse.kind]
    except KeyError as unknown:
        raise GameError(
            f"This version of Chaotic Good does not know the inverse {inverse.kind}.",
            "Recover with the one that played.",
        ) from unknown


_OURS = "chaosgood_ext."
_EC2, _ASG, _ELB = "chaosaws.ec2.actions", "chaosaws.asg.actions", "chaosaws.elbv2.actions"

_OWN = "chaosgood_ext.aws.actions"

PLANNERS: Mapping[tuple[str, str], Planner] = {
    (_EC2, "revoke_security_group_ingress"): security_groups.plan_revoked,
    (_EC2, "authorize_security_group_ingress"): security_groups.plan_authorized,
    (_EC2, "stop_instance"): instances.plan_stopped,
    (_EC2, "stop_instances"): instances.plan_stopped,
    (_EC2, "stop_instances_by_incremental_steps"): instances.plan_stopped,
    (_EC2, "start_instances"): instances.plan_started,
    (_ASG, "suspend_processes"): auto_scaling.plan_suspended,
    (_ASG, "resume_processes"): auto_scaling.plan_resumed,
    (_ASG, "change_subnets"): auto_scaling.plan_subnets,
    ("chaosaws.ecs.actions", "update_desired_count"): containers.plan_desired_count,
    (_ELB, "deregister_target"): load_balancing.plan_deregistered,
    (_ELB, "set_security_groups"): load_balancing.plan_security_groups,
    (_ELB, "set_subnets"): load_balancing.plan_subnets,
    ("chaosaws.rds.actions", "stop_db_instance"): databases.plan_stopped,
    (_OWN, "crash_instance"): hosts.plan_crashed,
    (_OWN, "freeze_program"): hosts.plan_frozen,
    (_OWN, "set_health_check"): load_balancing.plan_health_check,
}
"""The actions that can be undone."""

HARMLESS = frozenset({("chaosaws.ec2.actions", "pause_for_a_while")})
"""Actions that break nothing, beside our own."""

KINDS: Mapping[str, Kind] = {
    "ec2.authorize_security_group_ingress": security_groups.AUTHORIZE,
    "ec2.revoke_security_group_ingress": security_groups.REVOKE,
    "ec2.reboot_instances": hosts.REBOOT,
    "ec2.start_instances": instances.START,
    "ec2.stop_instances": instances.STOP,
    "autoscaling.resume_processes": auto_scaling.RESUME,
    "autoscaling.suspend_processes": auto_scaling.SUSPEND,
    "autoscaling.update_subnets": auto_scaling.SUBNETS,
    "ecs.update_desired_count": containers.DESIRED_COUNT,
    "elbv2.modify_target_group": load_balancing.HEALTH_CHECK,
    "elbv2.register_targets": load_balancing.REGISTER,
    "elbv2.set_security_groups": load_balancing.SECURITY_GROUPS,
    "elbv2.set_subnets": load_balancing.SUBNETS,
    "rds.start_db_instance": databases.START,
    "ssm.thaw_program": hosts.THAW,
}
"""The inverses that an undo log may hold; a name is never used for something else."""
