"""Nodes are made, configured and removed as load balancers come, change and go."""

from __future__ import annotations

from dataclasses import replace

from chaosgood_ext.twin.services import elb_health as health
from chaosgood_ext.twin.services.elb import AddNode, Configure, RemoveNode, plan
from chaosgood_ext.twin.services.elb_health import Health
from chaosgood_ext.twin.services.elb_model import (
    Action,
    Condition,
    HealthCheck,
    Listener,
    LoadBalancer,
    Rule,
    Target,
    TargetGroup,
)
from chaosgood_ext.twin.services.elb_nginx import eligible, render

ARN = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/1"
A, B = Target("i-1", 80), Target("i-2", 80)
GROUP = TargetGroup(ARN, "web", HealthCheck(), (A, B))
BALANCER = LoadBalancer("arn", "edge", "edge", "10.0.0.4", 60, (Listener(80, Action("forward", ARN)),))


def test_a_new_load_balancer_gets_a_node() -> None:
    assert plan([(BALANCER, "config")], {}) == [AddNode(BALANCER, "config")]


def test_a_node_is_configured_only_when_its_configuration_changed() -> None:
    assert plan([(BALANCER, "config")], {"alb-edge": "config"}) == []
    assert plan([(BALANCER, "new")], {"alb-edge": "config"}) == [Configure(BALANCER, "new")]


def test_the_node_of_a_deleted_load_balancer_goes() -> None:
    assert plan([], {"alb-edge": "config"}) == [RemoveNode("alb-edge")]


def chosen(a: Health, b: Health) -> list[Target]:
    return eligible(GROUP, {A: a, B: b})


SICK = Health("unhealthy")


def test_healthy_targets_get_requests_and_unhealthy_ones_none() -> None:
    assert chosen(health.HEALTHY, SICK) == [A]


def test_with_no_healthy_target_all_unhealthy_ones_get_requests() -> None:
    assert chosen(SICK, SICK) == [A, B]


def test_a_new_target_gets_nothing() -> None:
    assert chosen(health.HEALTHY, health.CHECKING) == [A]
    assert chosen(health.REGISTERING, health.CHECKING) == []
    assert chosen(SICK, health.CHECKING) == [A]


def test_draining_and_unused_targets_get_nothing() -> None:
    assert chosen(health.DRAINING, health.STOPPED) == []


def test_the_configuration_names_the_targets_and_tries_no_other_after_a_failure() -> None:
    text = render(BALANCER, {ARN: [("10.0.10.5", 80), ("10.0.11.5", 80)]})
    assert "server 10.0.10.5:80 max_fails=0;" in text
    assert "server 10.0.11.5:80 max_fails=0;" in text
    assert "proxy_next_upstream off;" in text
    assert "proxy_connect_timeout 10s;" in text
    assert "proxy_read_timeout 60s;" in text


def test_without_targets_it_answers_503_itself() -> None:
    text = render(BALANCER, {ARN: []})
    assert "return 503;" in text
    assert "upstream web-1 {" not in text


def test_a_fixed_response_is_given_as_it_is() -> None:
    action = Action("fixed-response", status=200, content_type="text/plain", body='say "hi"\n')
    text = render(LoadBalancer("a", "n", "", "10.0.0.4", 60, (Listener(80, action),)), {})
    assert r'return 200 "say \"hi\"\n";' in text


def test_the_same_state_gives_the_same_configuration() -> None:
    routes = {ARN: [("10.0.10.5", 80)]}
    assert render(BALANCER, routes) == render(BALANCER, dict(routes))


def test_a_rule_s_conditions_are_maps_and_the_rules_a_chain_that_ends_with_the_default_action() -> None:
    path = Condition("path-pattern", ("/a*", '/"b"'))
    rule = Rule((path, Condition("http-request-method", ("GET",))), Action("forward", ARN))
    text = render(
        replace(BALANCER, listeners=(Listener(80, Action("fixed-response"), (rule,)),)), {ARN: [("10.0.0.9", 80)]}
    )
    assert r"""map "$alb_path" $p80r0c0 { default 0; "~^/a.*$" 1; "~^/\"b\"$" 1; }""" in text
    assert 'map "$p80r0c0$p80r0c1" $p80r0 { default $p80d; "11" $p80r0a; }' in text
    assert "try_files /.none $p80r0;" in text
    assert "location @p80r0t0 {" in text
    assert "location @p80dt0 {" in text


def test_weights_are_shares_of_all_requests_and_who_has_none_gets_none() -> None:
    other, idle = ARN.replace("/1", "/2"), ARN.replace("/1", "/3")
    action = Action("forward", weights=((ARN, 3), (other, 1), (idle, 0)))
    text = render(replace(BALANCER, listeners=(Listener(80, action),)), {})
    assert 'split_clients "$request_id" $p80d {' in text
    assert "75.00% @p80dt0;" in text
    assert "* @p80dt1;" in text
    assert "p80dt2" not in text
