"""Application Load Balancers as data: what the control plane says, less what nothing here depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Target:
    """A registered target: `id` is an instance's id or an address, `port` where it listens."""

    id: str
    port: int


@dataclass(frozen=True)
class HealthCheck:
    """How a target group checks its targets; durations are already those of the twin."""

    enabled: bool = True
    path: str = "/"
    port: int | None = None
    matcher: str = "200"
    interval_s: float = 30.0
    timeout_s: float = 5.0
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2


@dataclass(frozen=True)
class TargetGroup:
    """A target group; `addresses` maps the ids of its targets to private addresses, "" for one that has none."""

    arn: str
    name: str
    check: HealthCheck
    targets: tuple[Target, ...]
    addresses: tuple[tuple[str, str], ...] = ()
    invalid: frozenset[str] = frozenset()
    deregistration_delay_s: float = 30.0
    least_outstanding: bool = False

    def address(self, target: Target) -> str:
        """The private address of a target."""
        return dict(self.addresses).get(target.id, "")


@dataclass(frozen=True)
class Action:
    """What a listener does: `forward` to target groups by weight, answer with a fixed response, or redirect."""

    kind: str
    target_group_arn: str = ""
    status: int = 503
    content_type: str = "text/plain"
    body: str = ""
    location: str = ""
    weights: tuple[tuple[str, int], ...] = ()

    def shares(self) -> tuple[tuple[str, int], ...]:
        """The target groups that get requests, each with its weight."""
        if self.weights:
            return tuple((arn, weight) for arn, weight in self.weights if weight > 0)
        return ((self.target_group_arn, 1),) if self.target_group_arn else ()


@dataclass(frozen=True)
class Condition:
    """What a request must be like: one of the `values` of a field, in the API's names.

    `name` is the header's for `http-header`; a value of `query-string` is a key ("" for any), "=" and a value.
    """

    field: str
    values: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True)
class Rule:
    """What happens to the requests that meet all conditions."""

    conditions: tuple[Condition, ...]
    action: Action


@dataclass(frozen=True)
class Listener:
    """A listener on `port`; of the rules, in the order of their priorities, the first that applies is followed."""

    port: int
    action: Action
    rules: tuple[Rule, ...] = ()

    def actions(self) -> tuple[Action, ...]:
        """All that it may do."""
        return (self.action, *(rule.action for rule in self.rules))


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer with its one node, at `address`."""

    arn: str
    name: str
    tier: str
    address: str
    idle_timeout_s: int
    listeners: tuple[Listener, ...] = ()

    @property
    def host(self) -> str:
        """The name of the node's host."""
        return f"alb-{self.name}"

    def target_group_arns(self) -> set[str]:
        """The target groups that its listeners use."""
        named = {arn for listener in self.listeners for action in listener.actions() for arn, _ in action.weights}
        return named | {
            action.target_group_arn
            for listener in self.listeners
            for action in listener.actions()
            if action.target_group_arn
        }
