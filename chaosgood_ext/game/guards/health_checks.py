"""Guard `health-checks`: the load balancers' health checks ask what they asked, and can still fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene


@dataclass(frozen=True)
class HealthCheck:
    """What a target group asks its targets, and which answers it takes for healthy."""

    enabled: bool
    protocol: str
    port: str
    path: str
    matcher: str
    pace: tuple[int, int, int, int]
    """Interval and timeout in seconds, healthy and unhealthy threshold."""

    @property
    def patience_s(self) -> int:
        """For about how many seconds a target that does not answer counts as healthy."""
        interval_s, timeout_s, _, unhealthy_threshold = self.pace
        return interval_s * (unhealthy_threshold - 1) + timeout_s


Checks = Mapping[str, HealthCheck]
"""By the name of the target group."""


def look(scene: Scene, calm: Checks | None) -> Checks:
    """Look up the settings of all health checks."""
    del calm
    resources = scene.outputs.resources
    arns = [resources[key] for key in sorted(resources) if key.endswith("_target_group_arn")]
    with answering("Looking up the health checks"):
        groups = scene.aws.client("elbv2").describe_target_groups(TargetGroupArns=arns)["TargetGroups"]
    return {
        one["TargetGroupName"]: HealthCheck(
            enabled=one["HealthCheckEnabled"],
            protocol=one["HealthCheckProtocol"],
            port=one["HealthCheckPort"],
            path=one.get("HealthCheckPath", ""),
            matcher=one.get("Matcher", {}).get("HttpCode", ""),
            pace=(
                one["HealthCheckIntervalSeconds"], one["HealthCheckTimeoutSeconds"],
                one["HealthyThresholdCount"], one["UnhealthyThresholdCount"],
            ),
        )
        for one in groups
    }  # fmt: skip


def compare(calm: Checks, now: Checks) -> Finding:
    """One that asks something else or takes more answers is wrong; one that is more patient is loose."""
    wrong, loose = [], []
    for name, before in calm.items():
        after = now.get(name)
        if after is None:
            wrong.append(f"the target group {name} is gone")
            continue
        if before.enabled and not after.enabled:
            wrong.append(f"the health check of {name} is off")
        for field, word in (("protocol", "protocol"), ("port", "port"), ("path", "path")):
            old, new = getattr(before, field), getattr(after, field)
            if old != new:
                wrong.append(f"the health check of {name} asks {word} {new}, where it asked {old}")
        if not codes(after.matcher) <= codes(before.matcher):
            wrong.append(f"the health check of {name} takes {after.matcher} for healthy, not only {before.matcher}")
        if after.patience_s > before.patience_s:
            loose.append(
                f"the health check of {name} takes {after.patience_s} s to find a target that does not answer, "
                f"where it took {before.patience_s} s"
            )
    return Finding(tuple(wrong), tuple(loose))


def codes(matcher: str) -> frozenset[int]:
    """The HTTP codes of a matcher such as `200,301-303`.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html
    """
    found: set[int] = set()
    for part in filter(None, matcher.split(",")):
        first, _, last = part.strip().partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


GUARD = Guard(
    "health-checks",
    "health checks ask what they asked and take no more answers for healthy",
    look,
    compare,
    lambda _: "as the target groups describe themselves",
)
