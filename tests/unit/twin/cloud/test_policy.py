"""What statements of IAM policies say to a question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from chaosgood_ext.twin.cloud.gate.policy import Answer, Question, answer, compile_policy
from chaosgood_ext.twin.cloud.gate.questions import Questions
from chaosgood_ext.twin.cloud.state import State
from chaosgood_ext.twin.hosts.files import STACK

ROLE = "arn:aws:iam::1:role/a"


def said(
    *statements: Mapping[str, Any], action: str = "ec2:StopInstances", resource: str = "*", **context: str
) -> Answer:
    whole = [{"Effect": "Allow", "Action": "*", "Resource": "*", **one} for one in statements]
    keys = {key.replace("__", ":").replace("_", "/"): value for key, value in context.items()}
    return answer(compile_policy({"Statement": whole}), Question(action, resource, keys))


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ({"Action": "ec2:StopInstances"}, True),
        ({"Action": "EC2:stopinstances"}, True),
        ({"Action": ["s3:*", "ec2:Stop*"]}, True),
        ({"Action": "ec2:St?pInstances"}, True),
        ({"Action": "ec2:Stop"}, False),
        ({"Action": "ec2.StopInstances"}, False),
    ],
)
def test_actions_are_matched_whole_and_in_any_case(statement: dict[str, Any], allowed: bool) -> None:
    assert said(statement) is (Answer.ALLOWED if allowed else Answer.SILENT)


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [(ROLE, True), ("arn:aws:iam::1:role/*", True), ("arn:aws:iam::1:role/A", False), ("*", True)],
)
def test_resources_are_matched_in_their_case(pattern: str, allowed: bool) -> None:
    assert (said({"Resource": pattern}, resource=ROLE) is Answer.ALLOWED) is allowed


def test_silence_is_no_permission_and_one_denial_outweighs_all() -> None:
    assert said() is Answer.SILENT
    assert said({}, {"Effect": "Deny", "Action": "ec2:*"}, {}) is Answer.DENIED
    assert said({}, {"Effect": "Deny", "Action": "s3:*"}) is Answer.ALLOWED


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "met"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("Null", "false", "x", True),
        ("Null", "true", "x", False),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringLike", "a*", "ab", True),
        ("ArnEquals", "arn:aws:ec2:*:1:vpc/v", "arn:aws:ec2:r:1:vpc/v", True),
        ("ArnLike", "arn:aws:ec2:*:1:vpc/v", "arn:aws:ec2:r:1:vpc/w", False),
        ("NumericLessThanEqualsIfExists", "4", "4", True),
        ("NumericLessThanEqualsIfExists", "4", "10", False),
        ("NumericLessThanEqualsIfExists", "4", None, True),
        ("BoolIfExists", "false", "true", False),
        ("Bool", True, "true", True),
        ("Bool", "true", None, False),
    ],
)
def test_conditions(operator: str, wanted: Any, value: str | None, met: bool) -> None:
    context = {} if value is None else {"k": value}
    assert (said({"Condition": {operator: {"K": wanted}}}, **context) is Answer.ALLOWED) is met


def test_a_variable_stands_for_the_caller_and_without_a_value_for_nobody() -> None:
    statement = {"Resource": "arn:session/${aws:userid}-*"}
    assert said(statement, resource="arn:session/A:me-1", aws__userid="A:me") is Answer.ALLOWED
    assert said(statement, resource="arn:session/A:you-1", aws__userid="A:me") is Answer.SILENT
    assert said(statement, resource="arn:session/-1") is Answer.SILENT


@pytest.mark.parametrize(
    "statement", [{"NotAction": "ec2:*"}, {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]
)
def test_what_is_not_evaluated_is_never_passed_over(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the twin does not evaluate"):
        said(statement)


@pytest.mark.parametrize("name", ["player", "injector", "boundary", "lockout"])
def test_every_policy_of_people_can_be_evaluated(name: str) -> None:
    assert compile_policy(json.loads((STACK / f"policies/{name}.json").read_text()))


@pytest.mark.parametrize("name", ["player", "injector"])
def test_the_resources_of_every_action_that_is_allowed_on_some_only_are_known(name: str) -> None:
    known = set(Questions(State("us-east-1")).resources)
    document = json.loads((STACK / f"policies/{name}.json").read_text())
    some = {
        action
        for one in document["Statement"]
        if one["Resource"] != "*"
        for action in ([one["Action"]] if isinstance(one["Action"], str) else one["Action"])
    }
    # Nobody calls these two: the one is asked for with what takes the role, the other when a session's channel opens.
    assert some - known - {"ssmmessages:OpenDataChannel"} == {"iam:PassRole"}
