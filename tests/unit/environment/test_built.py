"""What differs from what was built, in words; a real twin is compared in tests/journeys."""

from chaosgood_ext.environment.built import Difference, differences, gather, rule_fact, topology
from chaosgood_ext.environment.planned import planned


def test_what_is_missing_and_what_was_added_is_told_thing_by_thing():
    was = gather([("a", "one"), ("a", "two"), ("b", "same")])
    now = gather([("a", "two"), ("a", "three"), ("b", "same"), ("c", "new")])
    assert differences(was, now) == [Difference("a", ("one",), ("three",)), Difference("c", (), ("new",))]


def test_nothing_differs_from_itself():
    facts = gather(planned(topology()))
    assert differences(facts, facts) == []


def test_every_rule_of_the_topology_is_a_fact():
    facts = gather(planned(topology()))
    assert (
        "ingress tcp 5432 from chaosgood-app “PostgreSQL from the application tier”"
        in facts["security group chaosgood-database"]
    )
    for tier, group in topology()["security_groups"].items():
        rules = [fact for fact in facts[f"security group chaosgood-{tier}"] if fact.startswith(("ingress", "egress"))]
        assert len(rules) == sum(
            len(rule.get("cidr_blocks", [])) + len(rule.get("security_groups", []))
            for direction in ("ingress", "egress")
            for rule in group[direction]
        )


def test_no_password_is_a_fact():
    assert not any("PASSWORD" in fact for those in gather(planned(topology())).values() for fact in those)


def test_a_rule_in_words():
    assert rule_fact("ingress", "tcp", (80, 80), "0.0.0.0/0", "d") == "ingress tcp 80 from 0.0.0.0/0 “d”"
    assert rule_fact("egress", "-1", None, "10.0.0.0/8", "") == "egress all to 10.0.0.0/8 “”"
    assert rule_fact("ingress", "udp", (1, 9), "sg", "") == "ingress udp 1-9 from sg “”"
