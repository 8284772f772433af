"""Where moto's API does not tell the truth, or leaves no room for it: small patches, each with its reason.

Most replace a made-up figure by one that is worked out from what there is, or a jump to the final state by the state
that AWS shows first; the controllers of `services/` then move it on when the world has followed.
"""

from chaosgood_ext.twin.cloud.mends import autoscaling, ec2, ecs, elbv2, patching, rds, security_groups

__all__ = ["install", "remove"]

_MENDS = (ec2, security_groups, autoscaling, elbv2, ecs, rds)
_installed = False


def install() -> None:
    """Patch moto, for the whole process; a second call does nothing."""
    global _installed  # noqa: PLW0603
    if _installed:
        return
    _installed = True
    for module in _MENDS:
        module.install()


def remove() -> None:
    """Leave moto as it was."""
    global _installed  # noqa: PLW0603
    _installed = False
    patching.undo()
