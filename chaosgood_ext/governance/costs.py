"""What bounds the costs: budget, billing alarm, the end of the environment's time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chaosgood_ext.governance.asking import Aws, Seen

_BILLING_REGION = "us-east-1"
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/monitor_estimated_charges_with_cloudwatch.html"""
_AT = re.compile(r"^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$")


def budget(aws: Aws) -> Iterator[Seen]:
    """One budget of costs tells somebody when it is being spent."""
    account, client = aws.account(), aws["budgets"]
    found = []
    for one in aws.every("budgets", "describe_budgets", "Budgets", AccountId=account):
        if one["BudgetType"] != "COST":
            continue
        asked = {"AccountId": account, "BudgetName": one["BudgetName"]}
        notifications = client.describe_notifications_for_budget(**asked)["Notifications"]
        who = [
            subscriber
            for notification in notifications
            for subscriber in client.describe_subscribers_for_notification(
                **asked, Notification={key: notification[key] for key in _KEYS if key in notification}
            )["Subscribers"]
        ]
        remedy = f"aws budgets create-notification --account-id {account} --budget-name {one['BudgetName']} …"
        found.append(Seen(f"budget {one['BudgetName']}", "" if who else "tells nobody when it is spent", remedy))
    good = [one for one in found if not one.fault]
    yield from good or found


_KEYS = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")


def budget_action(aws: Aws) -> Iterator[Seen]:
    """One action of a budget stops the spending by itself."""
    account = aws.account()
    for one in aws.every("budgets", "describe_budget_actions_for_account", "Actions", AccountId=account):
        automatic = one["ApprovalModel"] == "AUTOMATIC"
        remedy = f"aws budgets update-budget-action --approval-model AUTOMATIC --action-id {one['ActionId']} …"
        yield Seen(f"action of budget {one['BudgetName']}", "" if automatic else "waits for an approval", remedy)


def billing_alarm(aws: Aws) -> Iterator[Seen]:
    """One alarm on the estimated charges is on, and its topic has a subscriber who confirmed.

    The metric, and so the alarm, exists in us-east-1 only.
    """
    here = Aws({**(aws.configuration or {}), "aws_region": _BILLING_REGION})
    found = []
    for alarm in here.every("cloudwatch", "describe_alarms", "MetricAlarms"):
        if (alarm.get("Namespace"), alarm.get("MetricName")) != ("AWS/Billing", "EstimatedCharges"):
            continue
        fault, remedy = _silence(here, alarm)
        found.append(Seen(f"alarm {alarm['AlarmName']}", fault, remedy))
    good = [one for one in found if not one.fault]
    yield from good or found


def _silence(aws: Aws, alarm: Mapping[str, Any]) -> tuple[str, str]:
    """Why nobody would hear of it, and what mends that."""
    if not alarm.get("ActionsEnabled", True):
        return "has its actions switched off", f"aws cloudwatch enable-alarm-actions --alarm-names {alarm['AlarmName']}"
    topics = [arn for arn in alarm.get("AlarmActions", ()) if ":sns:" in arn]
    if not topics:
        return "tells no topic", "aws cloudwatch put-metric-alarm with --alarm-actions TOPIC-ARN"
    for topic in topics:
        subscriptions = list(aws.every("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=topic))
        if any(one["SubscriptionArn"].startswith("arn:") for one in subscriptions):
            return "", ""
    subscribe = f"aws sns subscribe --topic-arn {topics[0]} --protocol email --notification-endpoint ADDRESS"
    return "tells topics that nobody is subscribed to", f"{subscribe}, and confirm by the link in the e-mail"


_BEGINS_BEFORE = timedelta(minutes=5)
"""How long before the end of its time an environment begins to end: what is protected no longer is."""


def teardown(aws: Aws, group: str, expires_at: str, now: datetime) -> Iterator[Seen]:
    """Every schedule of the group is on, runs once, ahead of now and no later than the environment expires."""
    limit = _moment(expires_at) if expires_at else None
    for one in aws.every("scheduler", "list_schedules", "Schedules", GroupName=group):
        schedule = aws["scheduler"].get_schedule(Name=one["Name"], GroupName=group)
        fault = _not_in_time(schedule, limit, now)
        yield Seen(f"schedule {group}/{one['Name']}", fault, "make aws-up, which schedules the end anew")


def _not_in_time(schedule: Mapping[str, Any], limit: datetime | None, now: datetime) -> str:
    match = _AT.match(schedule["ScheduleExpression"])
    if schedule.get("State") == "DISABLED":
        return "is switched off"
    if match is None:
        return f"does not run once: {schedule['ScheduleExpression']}"
    when = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    begun = limit is not None and now < limit and limit - when <= _BEGINS_BEFORE
    if when <= now and not begun:
        return f"was due at {when:%Y-%m-%dT%H:%M:%SZ}, and the environment is still there"
    return f"runs at {when:%Y-%m-%dT%H:%M:%SZ}, later than the tag expires-at" if limit and when > limit else ""


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
