"""Target health follows checks as an Application Load Balancer's does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from chaosgood_ext.twin.services import elb_health as health
from chaosgood_ext.twin.services.elb_health import Health, Outcome, after, check_target, matches
from chaosgood_ext.twin.services.elb_model import HealthCheck

CHECK = HealthCheck(healthy_threshold=3, unhealthy_threshold=2, timeout_s=0.3)
PASS, FAIL = Outcome(), health.FAILED


def states(start: Health, *outcomes: Outcome) -> list[str]:
    found = []
    for outcome in outcomes:
        start = after(start, outcome, CHECK)
        found.append(start.state)
    return found


def test_a_new_target_is_healthy_after_one_pass() -> None:
    assert states(health.REGISTERING, PASS) == ["healthy"]


def test_a_new_target_stays_initial_until_it_has_failed_often_enough() -> None:
    assert states(health.REGISTERING, FAIL, FAIL) == ["initial", "unhealthy"]
    assert after(health.REGISTERING, FAIL, CHECK).reason == "Elb.InitialHealthChecking"


def test_a_healthy_target_stays_so_until_it_has_failed_often_enough_in_a_row() -> None:
    assert states(health.HEALTHY, FAIL, PASS, FAIL, FAIL) == ["healthy", "healthy", "healthy", "unhealthy"]


def test_an_unhealthy_target_needs_passes_in_a_row() -> None:
    sick = Health("unhealthy", "Target.Timeout", "Request timed out", failures=2)
    assert states(sick, PASS, PASS, FAIL, PASS, PASS, PASS) == ["unhealthy"] * 5 + ["healthy"]


def test_the_reason_is_that_of_the_last_failure() -> None:
    sick = after(after(health.HEALTHY, FAIL, CHECK), health.TIMED_OUT, CHECK)
    assert (sick.reason, sick.description) == ("Target.Timeout", "Request timed out")
    sick = after(sick, FAIL, CHECK)
    assert sick.reason == "Target.FailedHealthChecks"


@pytest.mark.parametrize(
    ("matcher", "status", "matched"),
    [("200", 200, True), ("200", 204, False), ("200,302", 302, True), ("200-299", 250, True), ("200-299", 300, False)],
)
def test_a_matcher_is_codes_and_ranges(matcher: str, status: int, matched: bool) -> None:
    assert matches(matcher, status) is matched


@contextlib.contextmanager
def target(answer: bytes | None) -> Iterator[int]:
    """A target that sends `answer` and closes; None: accepts and is silent."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            connection, _ = server.accept()
            kept.append(connection)
            connection.recv(65536)
            if answer is not None:
                connection.sendall(answer)
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Outcome()),
        (
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
            Outcome("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
        ),
        (b"", health.FAILED),
        (b"nonsense\r\n\r\n", health.FAILED),
        (None, health.TIMED_OUT),
    ],
)
def test_a_check_ends_as_the_target_answers(answer: bytes | None, outcome: Outcome) -> None:
    with target(answer) as port:
        assert check_target(socket.socket, "127.0.0.1", port, CHECK) == outcome


def test_a_target_that_refuses_has_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert check_target(socket.socket, "127.0.0.1", port, CHECK) == health.FAILED
