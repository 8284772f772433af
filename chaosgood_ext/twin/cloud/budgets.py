"""AWS Budgets: who hears of a budget, which moto keeps and does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.budgets.models import budgets_backends

from chaosgood_ext.twin.cloud import ACCOUNT_ID, PARTITION
from chaosgood_ext.twin.cloud.wire import AwsError, Call


def subscribers(call: Call) -> Mapping[str, Any]:
    """Handler of `budgets:DescribeSubscribersForNotification`."""
    asked = call.parameters
    budget = budgets_backends[ACCOUNT_ID][PARTITION].budgets[ACCOUNT_ID].get(asked["BudgetName"])
    found = [one for one in budget.notifications if one.details == asked["Notification"]] if budget else []
    if not found:
        raise AwsError("NotFoundException", f"Unable to get subscribers: no such notification of {asked['BudgetName']}")
    return {"Subscribers": [who for one in found for who in one.subscribers]}
