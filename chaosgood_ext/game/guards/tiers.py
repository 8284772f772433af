"""Guard `tiers`: every load balancer, listener, target group, host and the database is still there."""

from __future__ import annotations

from typing import Any

from chaosgood_ext.game.aws import answering
from chaosgood_ext.game.guards.guard import Finding, Guard, Scene

_DATABASE_GONE = ("deleting", "failed", "stopped", "stopping")

Parts = frozenset[str]
"""What is there and works, each in words."""


def look(scene: Scene, calm: Parts | None) -> Parts:
    """List what is there."""
    del calm
    resources = scene.outputs.resources
    with answering("Looking up the tiers"):
        return frozenset(
            [
                *_load_balancers(scene.aws.client("elbv2"), resources["vpc_id"]),
                *_hosts(scene.aws.client("ec2"), [resources[key] for key in resources if key.endswith("_instance_id")]),
                *_database(scene.aws.client("rds"), resources["db_instance_identifier"]),
            ]
        )


def compare(calm: Parts, now: Parts) -> Finding:
    """What was there and is not is wrong."""
    return Finding(tuple(f"{part} is gone" for part in sorted(calm - now)))


GUARD = Guard(
    "tiers",
    "every load balancer, listener, single host and the database is there",
    look,
    compare,
    lambda _: "as the AWS API describes them",
    patience=6,
)


def _load_balancers(elb: Any, vpc: str) -> list[str]:
    parts = []
    for one in elb.describe_load_balancers()["LoadBalancers"]:
        if one["VpcId"] != vpc:
            continue
        name = f"{one['Scheme']} load balancer {one['LoadBalancerName']}"
        parts.append(f"the {name}")
        for listener in elb.describe_listeners(LoadBalancerArn=one["LoadBalancerArn"])["Listeners"]:
            for group in _targets(listener["DefaultActions"]):
                where = f"{listener['Protocol']} {listener['Port']} to {group.split('/')[1]}"
                parts.append(f"the listener of {name} that forwards {where}")
    return parts


def _targets(actions: list[dict[str, Any]]) -> list[str]:
    """The target groups that get requests; AWS names one by itself or several with weights."""
    found = []
    for action in actions:
        if arn := action.get("TargetGroupArn"):
            found.append(arn)
        else:
            groups = action.get("ForwardConfig", {}).get("TargetGroups", [])
            found += [one["TargetGroupArn"] for one in groups if one.get("Weight", 1)]
    return found


def _hosts(ec2: Any, ids: list[str]) -> list[str]:
    found = ec2.describe_instances(
        Filters=[{"Name": "instance-id", "Values": ids}, {"Name": "instance-state-name", "Values": ["running"]}]
    )["Reservations"]
    return [f"the host {one['InstanceId']}" for reservation in found for one in reservation["Instances"]]


def _database(rds: Any, identifier: str) -> list[str]:
    own = [one for one in rds.describe_db_instances()["DBInstances"] if one["DBInstanceIdentifier"] == identifier]
    return [f"the database {identifier}" for one in own if one["DBInstanceStatus"] not in _DATABASE_GONE]
