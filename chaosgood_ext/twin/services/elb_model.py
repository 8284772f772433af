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

    def address(self, target: Target) -> str:
        """The private address of a target."""
        return dict(self.addresses).get(target.id, "")


@dataclass(frozen=True)
class Action:
    """What a listener does: `forward` to a target group, answer with a fixed response, or redirect."""

    kind: str
    target_group_arn: str = ""
    status: int = 503
    content_type: str = "text/plain"
    body: str = ""
    location: str = ""


@dataclass(frozen=True)
class Listener:
    """A listener on `port`."""

    port: int
    action: Action


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
        return {listener.action.target_group_arn for listener in self.listeners if listener.action.target_group_arn}
