"""The Elastic Load Balancing API: what is refused because AWS refuses it, or because nothing here would follow from it.

moto answers and keeps everything; the elb controller follows. Source: the Elastic Load Balancing API Reference
2015-12-01, https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chaosgood_ext.twin.cloud.refusals import confined, lacking
from chaosgood_ext.twin.cloud.wire import AwsError

if TYPE_CHECKING:
    from chaosgood_ext.twin.cloud.state import State
    from chaosgood_ext.twin.cloud.tap import Tap
    from chaosgood_ext.twin.cloud.wire import Call

_CHECK = (
    "HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "HealthCheckEnabled", "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount", "Matcher",
)  # fmt: skip

KNOWN: dict[str, frozenset[str]] = {
    action: frozenset(parameters)
    for action, parameters in {
        "AddTags": ("ResourceArns", "Tags"),
        "CreateListener": ("LoadBalancerArn", "Protocol", "Port", "DefaultActions", "Tags"),
        "CreateLoadBalancer": ("Name", "Subnets", "SecurityGroups", "Scheme", "Tags", "Type", "IpAddressType"),
        "CreateRule": ("ListenerArn", "Conditions", "Priority", "Actions", "Tags"),
        "CreateTargetGroup": (
            *_CHECK, "Name", "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "Tags", "IpAddressType",
        ),
        "DeleteListener": ("ListenerArn",),
        "DeleteLoadBalancer": ("LoadBalancerArn",),
        "DeleteRule": ("RuleArn",),
        "DeleteTargetGroup": ("TargetGroupArn",),
        "DeregisterTargets": ("TargetGroupArn", "Targets"),
        "ModifyListener": ("ListenerArn", "Port", "Protocol", "DefaultActions"),
        "ModifyLoadBalancerAttributes": ("LoadBalancerArn", "Attributes"),
        "ModifyRule": ("RuleArn", "Conditions", "Actions"),
        "ModifyTargetGroup": (*_CHECK, "TargetGroupArn"),
        "ModifyTargetGroupAttributes": ("TargetGroupArn", "Attributes"),
        "RegisterTargets": ("TargetGroupArn", "Targets"),
        "RemoveTags": ("ResourceArns", "TagKeys"),
        "SetRulePriorities": ("RulePriorities",),
        "SetSecurityGroups": ("LoadBalancerArn", "SecurityGroups"),
    }.items()
}  # fmt: skip

_ONLY = {
    "Protocol": {"HTTP"},
    "ProtocolVersion": {"HTTP1"},
    "HealthCheckProtocol": {"HTTP"},
    "Type": {"application"},
    "IpAddressType": {"ipv4"},
    "TargetType": {"instance", "ip"},
}
"""The values that the data plane has."""

_BOUNDS = {
    "HealthCheckIntervalSeconds": (5, 300),
    "HealthCheckTimeoutSeconds": (2, 120),
    "HealthyThresholdCount": (2, 10),
    "UnhealthyThresholdCount": (2, 10),
}

_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": None,
    "load_balancing.algorithm.type": {"round_robin", "least_outstanding_requests"},
    "idle_timeout.timeout_seconds": None,
    "deletion_protection.enabled": {"true", "false"},
    "stickiness.enabled": {"false"},
    "slow_start.duration_seconds": {"0"},
    "access_logs.s3.enabled": {"false"},
    "connection_logs.s3.enabled": {"false"},
    "routing.http.preserve_host_header.enabled": {"true"},
    "load_balancing.cross_zone.enabled": {"true", "use_load_balancer_configuration"},
}
"""What attributes may be set to here; None for whatever AWS allows."""

_ACTIONS = ("forward", "fixed-response", "redirect")


class ElbApi:
    """Checks calls before moto answers them."""

    def __init__(self, tap: Tap, state: State) -> None:
        self._state = state
        tap.guard("elbv2", confined(KNOWN))
        for action, check in {
            "CreateLoadBalancer": _values,
            "CreateTargetGroup": self._create_target_group,
            "CreateListener": self._listener,
            "CreateRule": self._rule,
            "DeleteLoadBalancer": self._delete_load_balancer,
            "DeleteRule": self._delete_rule,
            "ModifyListener": self._listener,
            "ModifyLoadBalancerAttributes": _attributes,
            "ModifyRule": self._rule,
            "ModifyTargetGroup": self._modify_target_group,
            "ModifyTargetGroupAttributes": _attributes,
            "RegisterTargets": self._register_targets,
        }.items():
            tap.handle("elbv2", action, check)

    def _create_target_group(self, call: Call) -> None:
        _values(call)
        _health_check(call, call.parameters, interval=30, timeout=5)

    def _modify_target_group(self, call: Call) -> None:
        _values(call)
        group = self._state.elbv2.target_groups.get(call.parameters["TargetGroupArn"])
        if group is not None:
            interval, timeout = group.health_check_interval_seconds, group.health_check_timeout_seconds
            _health_check(call, call.parameters, interval=int(interval), timeout=int(timeout))

    def _listener(self, call: Call) -> None:
        _values(call)
        _actions(call, call.parameters.get("DefaultActions", ()))

    def _rule(self, call: Call) -> None:
        _actions(call, call.parameters.get("Actions", ()))
        for condition in call.parameters.get("Conditions", ()):
            if "RegexValues" in condition or any(
                "RegexValues" in one for one in condition.values() if isinstance(one, dict)
            ):
                raise lacking(call, "the condition RegexValues")

    def _delete_rule(self, call: Call) -> None:
        arn = call.parameters["RuleArn"]
        known = {
            rule.arn
            for balancer in self._state.elbv2.load_balancers.values()
            for listener in balancer.listeners.values()
            for rule in listener.rules.values()
        }
        if arn not in known:
            raise AwsError("RuleNotFound", f"One or more rules not found: '{arn}'")

    def _delete_load_balancer(self, call: Call) -> None:
        balancer = self._state.elbv2.load_balancers.get(call.parameters["LoadBalancerArn"])
        if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
            raise AwsError(
                "OperationNotPermitted",
                f"Load balancer '{balancer.arn}' cannot be deleted because deletion protection is enabled",
            )

    def _register_targets(self, call: Call) -> None:
        group = self._state.elbv2.target_groups.get(call.parameters["TargetGroupArn"])
        if group is None:
            return
        for target_id in [str(target["Id"]) for target in call.parameters.get("Targets", ())]:
            if group.target_type == "ip" and not _is_address(target_id):
                raise _invalid(f"The IP address '{target_id}' is not a valid IPv4 address")
            if group.target_type == "instance" and self._state.ec2.get_instance_by_id(target_id) is None:
                raise AwsError("InvalidTarget", f"The following targets do not exist: '{target_id}'")


def _values(call: Call) -> None:
    for name, allowed in _ONLY.items():
        value = call.parameters.get(name)
        if value is not None and value not in allowed:
            raise lacking(call, f"{name} {value}")


def _health_check(call: Call, asked: Mapping[str, Any], *, interval: int, timeout: int) -> None:
    for name, (low, high) in _BOUNDS.items():
        value = int(asked.get(name) or low)
        if not low <= value <= high:
            bound = f"greater than or equal to {low}" if value < low else f"less than or equal to {high}"
            raise _invalid(
                f"1 validation error detected: Value '{value}' at '{name[0].lower()}{name[1:]}' failed to satisfy "
                f"constraint: Member must have value {bound}"
            )
    interval = int(asked.get("HealthCheckIntervalSeconds") or interval)
    timeout = int(asked.get("HealthCheckTimeoutSeconds") or timeout)
    if timeout >= interval:
        raise _invalid(f"Health check timeout '{timeout}' must be smaller than the interval '{interval}'")
    if not str(asked.get("HealthCheckPath") or "/").startswith("/"):
        raise _invalid(f"Health check path '{asked['HealthCheckPath']}' must begin with a '/' character")
    if asked.get("HealthCheckEnabled") is False:
        raise _invalid("Health check enabled must be true for target groups with target type 'instance'")
    if "GrpcCode" in (asked.get("Matcher") or {}):
        raise lacking(call, "the matcher GrpcCode")


def _actions(call: Call, actions: Any) -> None:
    for action in actions:
        if action["Type"] not in _ACTIONS:
            raise lacking(call, f"the action {action['Type']}")
        sticky = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {}).get("Enabled")
        if sticky:
            raise lacking(call, "target group stickiness")
    if len(actions) > 1:
        raise lacking(call, "several actions")


def _attributes(call: Call) -> None:
    for attribute in call.parameters.get("Attributes", ()):
        key, value = str(attribute["Key"]), str(attribute.get("Value", ""))
        if key not in _ATTRIBUTES:
            raise lacking(call, f"the attribute {key}")
        allowed = _ATTRIBUTES[key]
        if allowed is not None and value not in allowed:
            raise lacking(call, f"{key}={value}")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
