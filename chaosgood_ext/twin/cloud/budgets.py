"""AWS Budgets: who hears of a budget, its actions and its tags, which moto does not keep or does not tell.

What moto has no room for is kept with its budget, and goes with it. Nothing costs anything here, so no action is ever
carried out: each stands by.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.validate import ParamValidator
from moto.budgets.models import Budget, budgets_backends
from moto.core.exceptions import JsonRESTError

from chaosgood_ext.twin.cloud import ACCOUNT_ID, PARTITION
from chaosgood_ext.twin.cloud.wire import AwsError, Call, operation_model

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.tap import Tap

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbudgetservice.html
_ARN = re.compile(r"arn:aws:budgets::(?P<account>\d{12}):budget/(?P<budget>.+?)(?:/action/(?P<action>[0-9a-f-]{36}))?")
_DEFINITIONS = {
    "APPLY_IAM_POLICY": "IamActionDefinition",
    "APPLY_SCP_POLICY": "ScpActionDefinition",
    "RUN_SSM_DOCUMENTS": "SsmActionDefinition",
}
_SETTINGS = (
    "NotificationType",
    "ActionType",
    "ActionThreshold",
    "Definition",
    "ExecutionRoleArn",
    "ApprovalModel",
    "Subscribers",
)

Asked = Mapping[str, Any]
Action = dict[str, Any]


def serve(tap: Tap) -> None:
    """Let `tap` answer what moto cannot."""
    for action, handler in _HANDLERS.items():
        tap.handle("budgets", action, handler)


def _create(call: Call) -> Mapping[str, Any]:
    asked, said = _asked(call), json.loads(call.request.body)
    backend = budgets_backends[ACCOUNT_ID][PARTITION]
    try:
        backend.create_budget(asked["AccountId"], said["Budget"], said.get("NotificationsWithSubscribers", []))
    except JsonRESTError as refusal:
        raise AwsError(refusal.error_type, refusal.message) from refusal
    _tags(_budget(asked["AccountId"], asked["Budget"]["BudgetName"]), "").update(_read(asked))
    return {}


def _subscribers(call: Call) -> Mapping[str, Any]:
    asked = _asked(call)
    budget = _budget_of(asked)
    found = [one for one in budget.notifications if one.details == asked["Notification"]]
    if not found:
        raise AwsError("NotFoundException", f"Unable to get subscribers: no such notification of {asked['BudgetName']}")
    return {"Subscribers": [who for one in found for who in one.subscribers]}


# -- actions


def _create_action(call: Call) -> Mapping[str, Any]:
    asked = _asked(call)
    budget, name, action_id = _budget_of(asked), asked["BudgetName"], str(uuid.uuid4())
    made = {key: asked[key] for key in _SETTINGS}
    _must_fit(made)
    _actions(budget)[action_id] = {"ActionId": action_id, "BudgetName": name, **made, "Status": "STANDBY"}
    _tags(budget, action_id).update(_read(asked))
    return {"AccountId": asked["AccountId"], "BudgetName": name, "ActionId": action_id}


def _describe_action(call: Call) -> Mapping[str, Any]:
    asked = _asked(call)
    return {"AccountId": asked["AccountId"], "BudgetName": asked["BudgetName"], "Action": _action(asked)}


def _actions_of_budget(call: Call) -> Mapping[str, Any]:
    return {"Actions": list(_actions(_budget_of(_asked(call))).values())}


def _actions_of_account(call: Call) -> Mapping[str, Any]:
    budgets = budgets_backends[ACCOUNT_ID][PARTITION].budgets[_asked(call)["AccountId"]]
    return {"Actions": [one for budget in budgets.values() for one in _actions(budget).values()]}


def _update_action(call: Call) -> Mapping[str, Any]:
    asked = _asked(call)
    before = _action(asked)
    after = before | {key: asked[key] for key in _SETTINGS if key in asked}
    _must_fit(after)
    _actions(_budget_of(asked))[asked["ActionId"]] = after
    said = {"AccountId": asked["AccountId"], "BudgetName": asked["BudgetName"]}
    return {**said, "OldAction": before, "NewAction": after}


def _delete_action(call: Call) -> Mapping[str, Any]:
    said = _describe_action(call)
    action_id = said["Action"]["ActionId"]
    budget = _budget_of(said)
    del _actions(budget)[action_id]
    _tags(budget, action_id).clear()
    return said


def _must_fit(action: Action) -> None:
    wanted = _DEFINITIONS[action["ActionType"]]
    if set(action["Definition"]) != {wanted}:
        raise AwsError("InvalidParameterException", f"An action {action['ActionType']} is defined by its {wanted}.")


# -- tags


def _list_tags(call: Call) -> Mapping[str, Any]:
    tags = _tags_at(_asked(call)["ResourceARN"])
    return {"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def _tag(call: Call) -> Mapping[str, Any]:
    asked = _asked(call)
    _tags_at(asked["ResourceARN"]).update(_read(asked))
    return {}


def _untag(call: Call) -> Mapping[str, Any]:
    asked = _asked(call)
    tags = _tags_at(asked["ResourceARN"])
    for key in asked["ResourceTagKeys"]:
        tags.pop(key, None)
    return {}


def _tags_at(arn: str) -> dict[str, str]:
    match = _ARN.fullmatch(arn)
    if match is None:
        raise AwsError("InvalidParameterException", f"{arn} is no ARN of a budget or of its action.")
    budget = _budget(match["account"], match["budget"])
    if match["action"]:
        _action({"AccountId": match["account"], "BudgetName": match["budget"], "ActionId": match["action"]})
    return _tags(budget, match["action"] or "")


def _read(asked: Asked) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in asked.get("ResourceTags", ())}


# -- what is asked, and what there is


def _asked(call: Call) -> dict[str, Any]:
    """The parameters; raises as AWS does where a required one is missing or one is none that there is."""
    model = operation_model(call.service, call.action)
    shape = model.input_shape if model else None
    if shape is None:
        raise NotImplementedError(call.action)
    asked = call.parameters
    report = ParamValidator().validate(asked, shape)
    if report.has_errors():
        raise AwsError("InvalidParameterException", report.generate_report())
    for key, member in shape.members.items():
        known: list[str] = getattr(member, "enum", [])
        if known and asked.get(key, known[0]) not in known:
            raise AwsError("InvalidParameterException", f"{key} {asked[key]} is none of {', '.join(known)}.")
    return asked


def _budget_of(asked: Asked) -> Budget:
    return _budget(asked["AccountId"], asked["BudgetName"])


def _budget(account: str, name: str) -> Budget:
    budget: Budget | None = budgets_backends[ACCOUNT_ID][PARTITION].budgets[account].get(name)
    if budget is None:
        raise AwsError("NotFoundException", f"Unable to get budget: {name} - the budget doesn't exist.")
    return budget


def _action(asked: Asked) -> Action:
    action = _actions(_budget_of(asked)).get(asked["ActionId"])
    if action is None:
        raise AwsError("NotFoundException", f"Unable to get action: {asked['ActionId']} of {asked['BudgetName']}")
    return action


def _actions(budget: Budget) -> dict[str, Action]:
    """The budget's actions by their ids."""
    actions: dict[str, Action] = budget.__dict__.setdefault("actions", {})
    return actions


def _tags(budget: Budget, action_id: str) -> dict[str, str]:
    """The tags of one of its actions, or with an empty `action_id` its own."""
    tags: dict[str, dict[str, str]] = budget.__dict__.setdefault("tags", {})
    return tags.setdefault(action_id, {})


_HANDLERS: dict[str, Callable[[Call], Mapping[str, Any]]] = {
    "CreateBudget": _create,
    "DescribeSubscribersForNotification": _subscribers,
    "CreateBudgetAction": _create_action,
    "DescribeBudgetAction": _describe_action,
    "DescribeBudgetActionsForBudget": _actions_of_budget,
    "DescribeBudgetActionsForAccount": _actions_of_account,
    "UpdateBudgetAction": _update_action,
    "DeleteBudgetAction": _delete_action,
    "ListTagsForResource": _list_tags,
    "TagResource": _tag,
    "UntagResource": _untag,
}
