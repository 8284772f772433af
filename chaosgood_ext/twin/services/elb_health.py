"""Target health as an Application Load Balancer sees it.

Source: "Health checks for Application Load Balancer target groups" in the ELB User Guide: a new target is healthy after
one passed check; later `healthy_threshold` passes make an unhealthy one healthy and `unhealthy_threshold` failures
the other way round; reason codes and descriptions are those of `TargetHealth` in the API reference.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from chaosgood_ext.twin.services.elb_model import HealthCheck


@dataclass(frozen=True)
class Outcome:
    """How one check ended; `reason` and `description` are empty for a pass."""

    reason: str = ""
    description: str = ""

    @property
    def passed(self) -> bool:
        """Whether the target answered as the matcher wants."""
        return not self.reason


@dataclass(frozen=True)
class Health:
    """A target's health: state, reason code and description as the API tells them, and the checks in a row."""

    state: str
    reason: str = ""
    description: str = ""
    passes: int = 0
    failures: int = 0


REGISTERING = Health("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Health("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
HEALTHY = Health("healthy")
DRAINING = Health("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = Health("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = Health(
    "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
)
STOPPED = Health("unused", "Target.InvalidState", "Target is in the stopped state")
DISABLED = Health("unavailable", "Target.HealthCheckDisabled", "Health checks are disabled for this target")
TIMED_OUT = Outcome("Target.Timeout", "Request timed out")
FAILED = Outcome("Target.FailedHealthChecks", "Health checks failed")


def after(health: Health, outcome: Outcome, check: HealthCheck) -> Health:
    """Return the health of a target after one more check."""
    if outcome.passed:
        passes = health.passes + 1
        if health.state in ("healthy", "initial") or passes >= check.healthy_threshold:
            return replace(HEALTHY, passes=passes)
        return replace(health, passes=passes, failures=0)
    failures = health.failures + 1
    if health.state == "unhealthy" or failures >= check.unhealthy_threshold:
        return Health("unhealthy", outcome.reason, outcome.description, failures=failures)
    base = CHECKING if health.state == "initial" else health
    return replace(base, passes=0, failures=failures)


def matches(matcher: str, status: int) -> bool:
    """Whether `status` is among the codes of `matcher`: "200", "200,302" or "200-299"."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def check_target(open_socket: Callable[[], socket.socket], address: str, port: int, check: HealthCheck) -> Outcome:
    """Check one target over a new connection, closed afterwards; the whole check may take `timeout_s`."""
    try:
        with contextlib.closing(open_socket()) as connection:
            connection.settimeout(check.timeout_s)
            connection.connect((address, port))
            status = _ask(connection, address, port, check.path)
    except TimeoutError:
        return TIMED_OUT
    except (OSError, http.client.HTTPException, ValueError):
        return FAILED
    if matches(check.matcher, status):
        return Outcome()
    return Outcome("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


def _ask(connection: socket.socket, address: str, port: int, path: str) -> int:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n"
        "User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
    )
    connection.sendall(request.encode())
    answer = http.client.HTTPResponse(connection, method="GET")
    try:
        answer.begin()
        answer.read()
        return answer.status
    finally:
        answer.close()
