"""Run Command's statuses are AWS's."""

from __future__ import annotations

from typing import Any

import pytest

from chaosgood_ext.twin.cloud.wire import AwsError
from chaosgood_ext.twin.services.ssm_commands import Command


def command(*instance_ids: str, **asked: Any) -> Command:
    return Command.of({"Parameters": {"commands": ["id"]}, **asked}, instance_ids)


def ended(*endings: tuple[str, str], **asked: Any) -> Command:
    made = command(*(f"i-{n}" for n in range(len(endings))), **asked)
    for invocation, (status, details) in zip(made.invocations.values(), endings, strict=True):
        invocation.start()
        invocation.end(status, details)
    return made


WELL, BADLY, LOST = ("Success", "Success"), ("Failed", "Failed"), ("TimedOut", "DeliveryTimedOut")


@pytest.mark.parametrize(
    ("endings", "asked", "status"),
    [
        ([], {}, ("Success", "NoInstancesInTag")),
        ([WELL, WELL], {}, ("Success", "Success")),
        ([BADLY], {}, ("Failed", "Failed")),
        ([WELL, BADLY], {}, ("Failed", "Failed")),
        ([WELL, BADLY], {"MaxErrors": "1"}, ("Success", "Incomplete")),
        ([WELL, BADLY], {"MaxErrors": "50%"}, ("Success", "Incomplete")),
        ([WELL, LOST], {}, ("Success", "Incomplete")),  # a delivery that timed out does not count against MaxErrors
        ([LOST, LOST], {}, ("TimedOut", "DeliveryTimedOut")),
    ],
)
def test_the_status_of_a_command_follows_from_its_invocations(
    endings: list[tuple[str, str]], asked: dict[str, str], status: tuple[str, str]
) -> None:
    assert ended(*endings, **asked).status() == status


def test_a_command_is_pending_until_one_has_begun() -> None:
    made = command("i-1", "i-2")
    assert made.status() == ("Pending", "Pending")
    made.invocations["i-1"].start()
    assert made.status() == ("InProgress", "InProgress")


def test_what_has_ended_stays_as_it_ended() -> None:
    (invocation,) = command("i-1").invocations.values()
    invocation.end("Success", response_code=0)
    invocation.to("Delayed")
    assert (invocation.status, invocation.details, invocation.response_code) == ("Success", "Success", 0)


def test_it_expires_when_both_timeouts_are_over() -> None:
    parameters = {"commands": ["id"], "executionTimeout": ["60"]}
    assert command("i-1", Parameters=parameters, TimeoutSeconds=30).total_timeout_s == 90
    assert command("i-1").total_timeout_s == 7200


def test_concurrency_is_a_number_or_a_share() -> None:
    assert command("i-1", "i-2").at_once() == 50
    assert command("i-1", "i-2", MaxConcurrency="1").at_once() == 1
    assert command("i-1", "i-2", MaxConcurrency="10%").at_once() == 1


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["id"], "nonsense": ["1"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["id"], "executionTimeout": ["soon"]}}, "InvalidParameters"),
        ({"TimeoutSeconds": 29}, "ValidationException"),
    ],
)
def test_wrong_parameters_are_refused(asked: dict[str, Any], code: str) -> None:
    with pytest.raises(AwsError) as no:
        command("i-1", **asked)
    assert no.value.code == code


def test_a_long_output_is_cut_as_the_api_cuts_it() -> None:
    made = command("i-1")
    (invocation,) = made.invocations.values()
    invocation.start()
    invocation.stdout, invocation.stderr = "o" * 30_000, "e" * 9_000
    invocation.end("Success", response_code=0)
    told = made.result(invocation)
    assert (len(told["StandardOutputContent"]), len(told["StandardErrorContent"])) == (24_000, 8_000)
    plugin = made.describe_invocation(invocation, details=True)["CommandPlugins"][0]
    assert plugin["Output"].endswith("---Output truncated---")
