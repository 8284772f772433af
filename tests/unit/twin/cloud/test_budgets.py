"""AWS Budgets on the twin: actions and tags, which moto does not keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.core.base_backend import BackendDict

from chaosgood_ext.twin.cloud import budgets
from chaosgood_ext.twin.cloud.client import Clients
from chaosgood_ext.twin.cloud.tap import Tap

ACCOUNT = {"AccountId": "123456789012"}
DAILY = {**ACCOUNT, "BudgetName": "daily"}
ARN = "arn:aws:budgets::123456789012:budget/daily"
ACTION = {
    **DAILY,
    "NotificationType": "ACTUAL",
    "ActionType": "APPLY_IAM_POLICY",
    "ActionThreshold": {"ActionThresholdType": "PERCENTAGE", "ActionThresholdValue": 100.0},
    "Definition": {"IamActionDefinition": {"PolicyArn": "arn:aws:iam::123456789012:policy/no", "Roles": ["player"]}},
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/lock-out",
    "ApprovalModel": "AUTOMATIC",
    "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}],
}


@pytest.fixture
def client() -> Iterator[Any]:
    tap = Tap()
    budgets.serve(tap)
    made = Clients(tap, tap.identities.open_facilitator(), "us-east-1", "203.0.113.10").client("budgets")
    budget = {"BudgetName": "daily", "BudgetType": "COST", "TimeUnit": "DAILY"}
    limit = {"Amount": "10", "Unit": "USD"}
    made.create_budget(
        **ACCOUNT, Budget={**budget, "BudgetLimit": limit}, ResourceTags=[{"Key": "game", "Value": "chaosgood"}]
    )
    yield made
    for backend in list(BackendDict._instances):
        backend.reset()


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


def test_an_action_is_kept_as_it_was_made_and_stands_by(client: Any) -> None:
    made = client.create_budget_action(**ACTION)["ActionId"]
    known = client.describe_budget_action(**DAILY, ActionId=made)["Action"]
    wanted = {key: value for key, value in ACTION.items() if key != "AccountId"}
    assert known == {"ActionId": made, "Status": "STANDBY", **wanted}
    assert client.describe_budget_actions_for_budget(**DAILY)["Actions"] == [known]
    assert client.describe_budget_actions_for_account(**ACCOUNT)["Actions"] == [known]


def test_an_update_changes_what_it_names_and_tells_both(client: Any) -> None:
    made = client.create_budget_action(**ACTION)["ActionId"]
    said = client.update_budget_action(**DAILY, ActionId=made, ApprovalModel="MANUAL")
    assert (said["OldAction"]["ApprovalModel"], said["NewAction"]["ApprovalModel"]) == ("AUTOMATIC", "MANUAL")
    assert client.describe_budget_action(**DAILY, ActionId=made)["Action"] == said["NewAction"]
    assert said["NewAction"]["Subscribers"] == ACTION["Subscribers"]


def test_a_deleted_action_is_gone_and_so_are_those_of_a_deleted_budget(client: Any) -> None:
    first, second = (client.create_budget_action(**ACTION)["ActionId"] for _ in range(2))
    assert client.delete_budget_action(**DAILY, ActionId=first)["Action"]["ActionId"] == first
    with refused("NotFoundException"):
        client.delete_budget_action(**DAILY, ActionId=first)
    assert [one["ActionId"] for one in client.describe_budget_actions_for_budget(**DAILY)["Actions"]] == [second]
    client.delete_budget(**DAILY)
    assert client.describe_budget_actions_for_account(**ACCOUNT)["Actions"] == []
    with refused("NotFoundException"):
        client.describe_budget_actions_for_budget(**DAILY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ApprovalModel": None}, 'Missing required parameter in input: "ApprovalModel"'),
        ({"Subscribers": []}, "Subscribers"),
        ({"ActionThreshold": {"ActionThresholdType": "PERCENTAGE"}}, 'in ActionThreshold: "ActionThresholdValue"'),
        ({"ApprovalModel": "AUTO"}, "AUTO is none of AUTOMATIC, MANUAL"),
        ({"ActionType": "RUN_SSM_DOCUMENTS"}, "defined by its SsmActionDefinition"),
    ],
)
def test_what_aws_requires_is_required(client: Any, changes: dict[str, Any], words: str) -> None:
    asked = {key: value for key, value in {**ACTION, **changes}.items() if value is not None}
    with refused("InvalidParameterException") as refusal:
        client.create_budget_action(**asked)
    assert words in str(refusal.value)
    assert client.describe_budget_actions_for_account(**ACCOUNT)["Actions"] == []


def test_moto_still_refuses_a_second_budget_of_that_name(client: Any) -> None:
    budget = {"BudgetName": "daily", "BudgetType": "COST", "TimeUnit": "DAILY"}
    with refused("DuplicateRecordException"):
        client.create_budget(**ACCOUNT, Budget={**budget, "BudgetLimit": {"Amount": "10", "Unit": "USD"}})


def test_budgets_and_actions_have_tags_of_their_own(client: Any) -> None:
    made = client.create_budget_action(**ACTION, ResourceTags=[{"Key": "tier", "Value": "none"}])["ActionId"]
    action = f"{ARN}/action/{made}"

    def tags(arn: str) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"]}

    assert (tags(ARN), tags(action)) == ({"game": "chaosgood"}, {"tier": "none"})
    client.tag_resource(ResourceARN=action, ResourceTags=[{"Key": "tier", "Value": "web"}])
    client.untag_resource(ResourceARN=ARN, ResourceTagKeys=["game", "never-there"])
    assert (tags(ARN), tags(action)) == ({}, {"tier": "web"})
    client.delete_budget_action(**DAILY, ActionId=made)
    with refused("NotFoundException"):
        tags(action)
    with refused("InvalidParameterException"):
        tags("arn:aws:budgets::123456789012:nothing/daily")
