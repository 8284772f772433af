"""Reads load balancers and target groups out of moto's state. Hold the tap's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.services import interfaces
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

if TYPE_CHECKING:
    from moto.elbv2.models import FakeListener, FakeLoadBalancer, FakeTargetGroup

    from chaosgood_ext.twin.cloud.state import State

# A check may take this long whatever the time scale: the machine does not get faster with it.
_LEAST_TIMEOUT_S = 1.0


def describe_balancers(state: State) -> list[LoadBalancer]:
    """Return all load balancers, each with the address of its node."""
    return [_balancer(state, balancer) for balancer in state.elbv2.load_balancers.values()]


def _balancer(state: State, balancer: FakeLoadBalancer) -> LoadBalancer:
    tags = state.elbv2.tagging_service.get_tag_dict_for_resource(balancer.arn)
    listeners = [
        Listener(int(one.port), _action(one.default_actions), _rules(one)) for one in balancer.listeners.values()
    ]
    return LoadBalancer(
        arn=balancer.arn,
        name=balancer.name,
        tier=tags.get("tier", ""),
        address=str(interfaces.of_balancer(state, balancer).private_ip_address),
        idle_timeout_s=int(balancer.attrs.get("idle_timeout.timeout_seconds", 60)),
        listeners=tuple(sorted(listeners, key=lambda listener: listener.port)),
    )


def _rules(listener: FakeListener) -> tuple[Rule, ...]:
    ordered = sorted(listener._non_default_rules.values(), key=lambda rule: int(rule.priority))
    return tuple(Rule(tuple(map(_condition, rule.conditions)), _action(list(rule.actions))) for rule in ordered)


def _condition(said: dict[str, Any]) -> Condition:
    field = str(said["Field"])
    camel = "".join(part.capitalize() for part in field.split("-"))
    config: dict[str, Any] = said.get(f"{camel}Config") or {}
    values = config.get("Values") or said.get("Values") or []
    if field == "query-string":
        values = [f"{pair.get('Key', '')}={pair['Value']}" for pair in values]
    return Condition(field, tuple(map(str, values)), str(config.get("HttpHeaderName", "")))


def _action(actions: list[Any]) -> Action:
    if not actions:
        return Action("none")
    data: dict[str, Any] = actions[-1].data
    kind = str(data.get("Type", "")).lower()
    if kind == "fixed-response":
        said = data.get("FixedResponseConfig", {})
        return Action(
            kind,
            status=int(said.get("StatusCode", 503)),
            content_type=said.get("ContentType") or "text/plain",
            body=said.get("MessageBody") or "",
        )
    if kind == "redirect":
        return Action(kind, status=_redirect_status(data), location=_location(data.get("RedirectConfig", {})))
    groups = data.get("ForwardConfig", {}).get("TargetGroups", [])
    if len(groups) > 1:
        return Action(kind, weights=tuple((one["TargetGroupArn"], int(one.get("Weight", 1))) for one in groups))
    return Action(kind, data.get("TargetGroupArn") or (groups[0]["TargetGroupArn"] if groups else ""))


def _redirect_status(data: dict[str, Any]) -> int:
    return int(str(data.get("RedirectConfig", {}).get("StatusCode", "HTTP_302")).removeprefix("HTTP_"))


def _location(said: dict[str, str]) -> str:
    """Return the location of a redirect in nginx's variables."""
    template = (
        f"{said.get('Protocol', '#{protocol}').lower()}://{said.get('Host', '#{host}')}:{said.get('Port', '#{port}')}"
        f"{said.get('Path', '/#{path}')}?{said.get('Query', '#{query}')}"
    )
    for name, variable in {
        "#{protocol}": "$scheme", "#{host}": "$host", "#{port}": "$server_port", "/#{path}": "$alb_path",
        "?#{query}": "$is_args$args",
    }.items():  # fmt: skip
        template = template.replace(name, variable)
    return template


def describe_groups(state: State, time_scale: float) -> dict[str, TargetGroup]:
    """Return all target groups by ARN; durations are divided by `time_scale`."""
    return {arn: _group(state, group, time_scale) for arn, group in state.elbv2.target_groups.items()}


def _group(state: State, group: FakeTargetGroup, time_scale: float) -> TargetGroup:
    targets = tuple(Target(str(key[0]), int(key[1])) for key in group.targets)
    addresses, invalid = {}, set()
    for target in targets:
        instance = state.ec2.get_instance_by_id(target.id) if target.id.startswith("i-") else None
        if instance is None:
            addresses[target.id] = "" if target.id.startswith("i-") else target.id
            continue
        addresses[target.id] = instance.private_ip or ""
        if instance.state in ("stopping", "stopped"):
            invalid.add(target.id)
    return TargetGroup(
        arn=group.arn,
        name=group.name,
        check=_check(group, time_scale),
        targets=targets,
        addresses=tuple(addresses.items()),
        invalid=frozenset(invalid),
        deregistration_delay_s=int(str(group.attributes["deregistration_delay.timeout_seconds"])) / time_scale,
        least_outstanding=group.attributes["load_balancing.algorithm.type"] == "least_outstanding_requests",
    )


def deregister_terminated(state: State) -> None:
    """Deregister instances that are terminated: "If you terminate an instance, it is deregistered".

    One that is shutting down is a target still, and only its health checks can take it out.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html
    """
    for group in state.elbv2.target_groups.values():
        for key in list(group.targets):
            instance = state.ec2.get_instance_by_id(str(key[0])) if str(key[0]).startswith("i-") else None
            if instance is not None and instance.state == "terminated":
                del group.targets[key]


def _check(group: FakeTargetGroup, time_scale: float) -> HealthCheck:
    port = str(group.health_check_port)
    timeout_s = float(group.health_check_timeout_seconds or 5)
    return HealthCheck(
        enabled=bool(group.health_check_enabled),
        path=group.health_check_path or "/",
        port=int(port) if port.isdigit() else None,
        matcher=str(group.matcher.get("HttpCode", "200")),
        interval_s=float(group.health_check_interval_seconds or 30) / time_scale,
        timeout_s=max(timeout_s / time_scale, min(timeout_s, _LEAST_TIMEOUT_S)),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
    )
