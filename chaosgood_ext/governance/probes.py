"""Rules of a well-kept account, one probe a rule: each says which resource breaks it, and what mends that.

A probe returns a mapping: `rule`, what it `demands`, its `state` (`holds`, `fails`, or `cannot be asked here` where the
environment does not know the question), how many resources were `checked`, and the `failures`, each with `resource`,
`fault` and `remedy`. As a tolerance use :func:`holds`. A probe fails where AWS refuses or does not answer.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chaosgood_ext.governance import costs, history, hosts, identity, network, tags
from chaosgood_ext.governance.asking import ask

__all__ = [
    "billing_alarm_tells_somebody",
    "budget_locks_the_player_out",
    "budget_tells_somebody",
    "database_encrypted",
    "database_private",
    "everything_tagged",
    "flow_logs_on",
    "holds",
    "imdsv2_required",
    "log_retention_set",
    "no_all_powerful_policies",
    "no_user_keys",
    "nothing_expired",
    "nothing_open_to_the_world",
    "only_the_load_balancer_public",
    "roles_have_boundaries",
    "sessions_short",
    "teardown_scheduled",
    "trail_bucket_closed",
    "trail_logs",
    "volumes_encrypted",
]

Configuration = dict[str, Any]


def holds(value: Any = None, unaskable: bool = False) -> bool:
    """Whether `value`, the answer of a probe of this module, says that its rule holds; a tolerance.

    A rule that nobody can ask for here does not hold, unless `unaskable` lets it pass. Never raises.
    """
    state = value.get("state") if isinstance(value, dict) else None
    return state == "holds" or (unaskable and state == "cannot be asked here")


def budget_tells_somebody(configuration: Configuration | None = None) -> dict[str, Any]:
    """A budget of costs tells a subscriber when it is being spent."""
    demands = "A budget of costs tells a subscriber when it is being spent."
    return ask("budget-tells-somebody", demands, costs.budget, configuration, missing="aws budgets create-budget")


def budget_locks_the_player_out(configuration: Configuration | None = None) -> dict[str, Any]:
    """An action of a budget stops the spending without waiting for anybody."""
    demands = "An action of a budget stops the spending without waiting for anybody."
    missing = "aws budgets create-budget-action"
    return ask("budget-locks-the-player-out", demands, costs.budget_action, configuration, missing=missing)


def billing_alarm_tells_somebody(configuration: Configuration | None = None) -> dict[str, Any]:
    """An alarm on the month's estimated charges reaches a subscriber who confirmed."""
    demands = "An alarm on the month's estimated charges reaches a subscriber who confirmed."
    missing = "aws cloudwatch put-metric-alarm --namespace AWS/Billing --metric-name EstimatedCharges …, in us-east-1"
    return ask("billing-alarm-tells-somebody", demands, costs.billing_alarm, configuration, missing=missing)


def teardown_scheduled(
    schedule_group: str, expires_at: str = "", configuration: Configuration | None = None
) -> dict[str, Any]:
    """Schedules of this group, each once and ahead, end the environment; no later than `expires_at` (UTC) if given."""
    return ask(
        "teardown-scheduled",
        "The end of the environment is scheduled, once, and it is ahead.",
        lambda aws: costs.teardown(aws, schedule_group, expires_at, datetime.now(UTC)),
        configuration,
        missing=f"schedules in the group {schedule_group}: make aws-up",
    )


def everything_tagged(
    vpc_id: str, name_prefix: str, required_tags: list[str], configuration: Configuration | None = None
) -> dict[str, Any]:
    """Everything in the VPC, and everything called `name_prefix` or `name_prefix`-something, has these tags."""
    return ask(
        "everything-tagged",
        f"Everything has the tags {', '.join(required_tags)}.",
        lambda aws: tags.tagged(aws, vpc_id, name_prefix, required_tags),
        configuration,
    )


def nothing_expired(vpc_id: str, name_prefix: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """What has a tag `expires-at` names a time in UTC there, and it is ahead."""
    return ask(
        "nothing-expired",
        "No tag expires-at is past, or no time.",
        lambda aws: tags.unexpired(aws, vpc_id, name_prefix, datetime.now(UTC)),
        configuration,
        missing="tags expires-at on what belongs to the environment: make aws-up",
    )


def trail_logs(configuration: Configuration | None = None) -> dict[str, Any]:
    """A trail of CloudTrail logs in all regions, into files that can be validated."""
    demands = "A trail logs in all regions, into files that can be validated."
    return ask("trail-logs", demands, history.trail, configuration, missing="aws cloudtrail create-trail")


def trail_bucket_closed(configuration: Configuration | None = None) -> dict[str, Any]:
    """The bucket of every trail blocks public access."""
    demands = "The bucket of every trail blocks public access."
    missing = "a trail, and with it its bucket: aws cloudtrail create-trail"
    return ask("trail-bucket-closed", demands, history.trail_buckets, configuration, missing=missing)


def log_retention_set(
    prefixes: list[str], most_days: int = 30, configuration: Configuration | None = None
) -> dict[str, Any]:
    """Log groups under these prefixes keep their events for a time, `most_days` at most."""
    return ask(
        "log-retention-set",
        f"Log groups keep their events for {most_days} days at most.",
        lambda aws: history.retention(aws, prefixes, most_days),
        configuration,
        missing=f"log groups under {', '.join(prefixes)}",
    )


def flow_logs_on(vpc_id: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """A flow log takes all traffic of the VPC."""
    demands = "A flow log takes all traffic of the VPC."
    return ask("flow-logs-on", demands, lambda aws: network.flow_logs(aws, vpc_id), configuration)


def nothing_open_to_the_world(
    vpc_id: str, public_group_id: str = "", public_ports: list[int] | None = None,
    configuration: Configuration | None = None,
) -> dict[str, Any]:  # fmt: skip
    """No security group of the VPC admits the world, but `public_group_id` to `public_ports` (80 and 443).

    The world is every block broader than a /8, so that no sum of halves passes.
    """
    ports = [80, 443] if public_ports is None else public_ports
    return ask(
        "nothing-open-to-the-world",
        "No security group admits the world, but the public load balancer's to its port.",
        lambda aws: network.security_groups(aws, vpc_id, public_group_id, ports),
        configuration,
    )


def only_the_load_balancer_public(
    vpc_id: str, load_balancer_arn: str = "", configuration: Configuration | None = None
) -> dict[str, Any]:
    """Nothing in the VPC is public but the load balancer of that ARN: no other one, and no instance."""
    return ask(
        "only-the-load-balancer-public",
        "Nothing is public but the public load balancer.",
        lambda aws: network.public_entrances(aws, vpc_id, load_balancer_arn),
        configuration,
    )


def imdsv2_required(vpc_id: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """Instances of the VPC, and launch templates of its auto scaling groups, demand IMDSv2 within one hop."""
    demands = "Instances and launch templates demand IMDSv2, within one hop."
    missing = "instances in the VPC"
    return ask("imdsv2-required", demands, lambda aws: hosts.metadata(aws, vpc_id), configuration, missing=missing)


def volumes_encrypted(vpc_id: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """Volumes of the VPC's instances are encrypted."""
    demands = "Volumes of instances are encrypted."
    missing = "instances with volumes in the VPC"
    return ask("volumes-encrypted", demands, lambda aws: hosts.volumes(aws, vpc_id), configuration, missing=missing)


def database_encrypted(vpc_id: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """DB instances of the VPC have encrypted storage."""
    demands = "Databases have encrypted storage."
    return ask(
        "database-encrypted",
        demands,
        lambda aws: hosts.encrypted_databases(aws, vpc_id),
        configuration,
        missing="a database in the VPC",
    )


def database_private(vpc_id: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """DB instances of the VPC have no public address."""
    demands = "Databases have no public address."
    return ask(
        "database-private",
        demands,
        lambda aws: network.private_databases(aws, vpc_id),
        configuration,
        missing="a database in the VPC",
    )


def roles_have_boundaries(name_prefix: str, configuration: Configuration | None = None) -> dict[str, Any]:
    """Roles whose names begin with `name_prefix` have a permissions boundary."""
    return ask(
        "roles-have-boundaries",
        "Roles have a permissions boundary.",
        lambda aws: identity.boundaries(aws, name_prefix),
        configuration,
        missing=f"roles called {name_prefix}…",
    )


def sessions_short(name_prefix: str, most_s: int = 3600, configuration: Configuration | None = None) -> dict[str, Any]:
    """Sessions of people and workflows, in roles whose names begin with `name_prefix`, last `most_s` s at most."""
    return ask(
        "sessions-short",
        f"Sessions of people and workflows last {most_s} s at most.",
        lambda aws: identity.session_lengths(aws, name_prefix, most_s),
        configuration,
        missing=f"roles of people called {name_prefix}…",
    )


def no_user_keys(configuration: Configuration | None = None) -> dict[str, Any]:
    """No IAM user of the account, and not its root user, has an active access key."""
    return ask("no-user-keys", "No user has an active access key.", identity.user_keys, configuration)


def no_all_powerful_policies(configuration: Configuration | None = None) -> dict[str, Any]:
    """No policy that the account wrote itself allows every action on every resource."""
    demands = "No policy of the account's own allows every action on every resource."
    return ask("no-all-powerful-policies", demands, identity.all_powerful, configuration)
