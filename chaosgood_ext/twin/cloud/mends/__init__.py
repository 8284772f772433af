"""Where moto's API does not tell the truth, or leaves no room for it: small patches, each with its reason.

Most replace a made-up figure by one that is worked out from what there is, or a jump to the final state by the state
that AWS shows first; the controllers of `services/` then move it on when the world has followed.
"""

from chaosgood_ext.twin.cloud.mends import autoscaling, ec2, ecs, elbv2, rds, security_groups

__all__ = ["install"]


def install() -> None:
    """Patch moto, once for the whole process; a second call does nothing."""
    for module in (ec2, security_groups, autoscaling, elbv2, ecs, rds):
        module.install()
