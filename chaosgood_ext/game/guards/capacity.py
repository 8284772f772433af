"""Guard `capacity`: as many instances, tasks and healthy targets as in the calm, and as many wanted."""

from __future__ import annotations

from collections.abc import Mapping

from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene

Counts = Mapping[str, int]
"""How many there are, by what they are."""


def look(scene: Scene, calm: Counts | None) -> Counts:
    """Count what is wanted and what is there."""
    del calm
    aws, resources = scene.aws, scene.outputs.resources
    groups = {resources[key]: key.partition("_")[0] for key in resources if key.endswith("_auto_scaling_group_name")}
    counts: dict[str, int] = {}
    with answering("Counting instances, tasks and targets"):
        for one in aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[*groups])[
            "AutoScalingGroups"
        ]:
            tier = groups[one["AutoScalingGroupName"]]
            in_service = [each for each in one["Instances"] if each["LifecycleState"] == "InService"]
            counts[f"instances wanted in the {tier} tier"] = one["DesiredCapacity"]
            counts[f"instances in service in the {tier} tier"] = len(in_service)
        services = aws.client("ecs").describe_services(
            cluster=resources["ecs_cluster_name"], services=[resources["ecs_service_name"]]
        )["services"]
        for one in services:
            if one["status"] == "ACTIVE":
                counts["tasks wanted"], counts["tasks running"] = one["desiredCount"], one["runningCount"]
        for key in sorted(key for key in resources if key.endswith("_target_group_arn")):
            described = aws.client("elbv2").describe_target_health(TargetGroupArn=resources[key])
            states = [one["TargetHealth"]["State"] for one in described["TargetHealthDescriptions"]]
            counts[f"healthy targets of the {key.partition('_')[0]} tier"] = states.count("healthy")
    return counts


def compare(calm: Counts, now: Counts) -> Finding:
    """Fewer than in the calm is wrong; more is not."""
    fewer = [
        f"{what}: {now.get(what, 0)}, where there were {count}"
        for what, count in calm.items()
        if now.get(what, 0) < count
    ]
    return Finding(tuple(fewer))


GUARD = Guard(
    "capacity",
    "no instance, task or healthy target was lost",
    look,
    compare,
    lambda _: "as auto scaling groups, the ECS service and target groups describe themselves",
    # What was replaced needs a while to be in service.
    patience=6,
)
