"""What a plan would change, told to whoever reads it."""

from __future__ import annotations

from collections.abc import Sequence

from chaosgood_ext.environment.aws.plans import Change, changes, put_back, summary


def plan_of(*actions: Sequence[str]) -> dict[str, object]:
    return {
        "resource_changes": [
            {
                "address": f"module.web.aws_thing.n{n}",
                "type": "aws_thing",
                "mode": "managed",
                "change": {"actions": each},
            }
            for n, each in enumerate(actions)
        ]
    }


def test_a_plan_is_told_by_part_and_action() -> None:
    planned = changes(plan_of(["create"], ["create"], ["no-op"], ["delete", "create"], ["delete"], ["read"]))
    assert summary(planned) == [("web", "create", "2"), ("web", "delete", "1"), ("web", "replace", "1")]
    assert summary([Change("create", "aws_vpc.this", "aws_vpc")]) == [("root", "create", "1")]


def changed(address: str, actions: list[str], before: object, after: object, **more: object) -> dict[str, object]:
    change = {"actions": actions, "before": before, "after": after, **more}
    return {"address": address, "type": "aws_thing", "mode": "managed", "change": change}


def test_what_a_player_changed_is_told_as_what_is_put_back() -> None:
    group, rule, size = (
        "module.web.aws_autoscaling_group.this",
        "module.network.aws_rule.this",
        "module.app.aws_size.this",
    )
    plan = {
        "resource_changes": [
            changed(
                group, ["update"], {"desired_capacity": 0, "tags": {}}, {"desired_capacity": 2, "tags": {"a": "b"}}
            ),
            changed(rule, ["create"], None, {"id": "x"}),
            changed(
                size, ["update"], {"max_size": 3, "tags_all": {"expires-at": "1"}}, {"max_size": 4, "tags_all": {}}
            ),
        ],
        "resource_drift": [changed(group, ["update"], {}, {}), changed(rule, ["delete"], {}, None)],
    }
    assert put_back(changes(plan)) == [f"{group}: desired_capacity: 0 → 2", f"{rule} is gone, and is made again"]


def test_what_is_secret_unknown_or_long_is_told_in_short() -> None:
    before = {"password": "old", "policy": "a" * 500, "arn": "x", "tags_all": {"expires-at": "1"}}
    after = {"password": "new", "policy": "b" * 500, "tags_all": {"expires-at": "2"}}
    known = {"after_unknown": {"arn": True}, "before_sensitive": {"password": True}}
    one = changed("aws_thing.x", ["update"], before, after, **known)
    (change,) = changes({"resource_changes": [one], "resource_drift": [one]})
    password, policy = change.differences
    assert password == "password: changed"
    assert len(policy) < 150


def test_a_new_end_of_the_lifetime_is_nothing_that_somebody_changed() -> None:
    one = changed("aws_thing.x", ["update"], {"tags_all": {"expires-at": "1"}}, {"tags_all": {"expires-at": "2"}})
    assert put_back(changes({"resource_changes": [one], "resource_drift": []})) == []
    assert put_back(changes({"resource_changes": [one], "resource_drift": [one]})) == []
