"""The tap knows who calls what, answers what moto lacks, and speaks of errors as AWS's services do."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from chaosgood_ext.twin.cloud.identities import Credentials
from chaosgood_ext.twin.cloud.tap import Tap
from chaosgood_ext.twin.cloud.wire import Answer, AwsError, Call

ClientFactory = Callable[..., Any]

NOBODY = Credentials("AKIANOBODYNOBODYNOBO", "secret")


@pytest.fixture
def calls(tap: Tap) -> list[tuple[Call, Answer]]:
    seen: list[tuple[Call, Answer]] = []
    tap.subscribe(lambda call, answer: seen.append((call, answer)))
    return seen


@pytest.mark.parametrize(
    ("service", "ask", "action", "parameters"),
    [
        ("ec2", lambda c: c.describe_instances(MaxResults=7), "DescribeInstances", {"MaxResults": 7}),
        ("ecs", lambda c: c.list_tasks(cluster="default"), "ListTasks", {"cluster": "default"}),
        ("route53", lambda c: c.list_hosted_zones_by_vpc(VPCId="v", VPCRegion="us-east-1"), "ListHostedZonesByVPC",
         {"VPCId": "v", "VPCRegion": "us-east-1"}),
        ("elbv2", lambda c: c.describe_load_balancers(Names=["a", "b"]), "DescribeLoadBalancers",
         {"Names": ["a", "b"]}),
        ("cloudwatch", lambda c: c.describe_alarms(AlarmNames=["a"]), "DescribeAlarms", {"AlarmNames": ["a"]}),
    ],
)  # fmt: skip
def test_a_call_of_every_protocol_is_told_by_service_action_and_parameters(
    client: ClientFactory,
    calls: list[tuple[Call, Answer]],
    service: str,
    ask: Callable[[Any], Any],
    action: str,
    parameters: dict[str, Any],
) -> None:
    with contextlib.suppress(ClientError):
        ask(client(service))
    call, _ = calls[-1]
    assert (call.service, call.action, call.identity.name) == (service, action, "facilitator")
    assert parameters.items() <= call.parameters.items()


@pytest.mark.parametrize(
    ("service", "ask", "code", "status"),
    [
        ("ec2", lambda c: c.describe_vpcs(), "AuthFailure", 401),
        ("ecs", lambda c: c.list_clusters(), "UnrecognizedClientException", 400),
        ("iam", lambda c: c.list_roles(), "InvalidClientTokenId", 403),
        ("rds", lambda c: c.describe_db_instances(), "InvalidClientTokenId", 403),
        ("route53", lambda c: c.list_hosted_zones(), "InvalidClientTokenId", 403),
    ],
)
def test_an_unknown_key_gets_the_error_that_the_service_has_for_it(
    client: ClientFactory, service: str, ask: Callable[[Any], Any], code: str, status: int
) -> None:
    with pytest.raises(ClientError) as raised:
        ask(client(service, NOBODY))
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_a_call_of_nobody_known_is_told_to_no_subscriber(client: ClientFactory, calls: list[Any]) -> None:
    with pytest.raises(ClientError):
        client("sts", NOBODY).get_caller_identity()
    assert calls == []


def test_a_request_without_a_signature_is_refused(endpoint: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    connection.request("POST", "/", "Action=ListUsers", {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    assert answer.status == 403
    assert b"<Code>MissingAuthenticationToken</Code>" in answer.read()


@pytest.mark.parametrize(
    ("service", "ask", "name"),
    [
        ("ssm", lambda c: c.start_session(Target="i-1"), "ssm:StartSession"),
        ("route53", lambda c: c.get_checker_ip_ranges(), "route53:GetCheckerIpRanges"),
        ("iam", lambda c: c.simulate_principal_policy(PolicySourceArn="arn:aws:iam::1:user/a" * 2, ActionNames=["a:b"]),
         "iam:SimulatePrincipalPolicy"),
        ("workmail", lambda c: c.list_organizations(), "workmail:ListOrganizations"),
    ],
)  # fmt: skip
def test_what_moto_lacks_is_an_error_that_names_it(
    client: ClientFactory, service: str, ask: Callable[[Any], Any], name: str
) -> None:
    with pytest.raises(ClientError, match=f"The twin does not implement {name}\\."):
        ask(client(service))


def test_a_handler_answers_in_the_service_s_protocol(client: ClientFactory, tap: Tap) -> None:
    tap.handle("elbv2", "DescribeTargetHealth", lambda call: {"TargetHealthDescriptions": [{"HealthCheckPort": "1"}]})
    tap.handle("ecs", "ListClusters", lambda call: {"clusterArns": [call.identity.name]})
    health = client("elbv2").describe_target_health(TargetGroupArn="arn")["TargetHealthDescriptions"]
    assert health == [{"HealthCheckPort": "1"}]
    assert client("ecs").list_clusters()["clusterArns"] == ["facilitator"]


def test_a_handler_that_returns_nothing_leaves_the_answer_to_moto(client: ClientFactory, tap: Tap) -> None:
    tap.handle("ec2", "DescribeVpcs", lambda call: None)
    assert client("ec2").describe_vpcs()["Vpcs"]


def test_a_handler_s_error_is_the_caller_s(client: ClientFactory, tap: Tap) -> None:
    def refuse(call: Call) -> None:
        raise AwsError("Throttling", "Rate <exceeded>", 400)

    for service, action, ask in (
        ("ec2", "DescribeVpcs", lambda c: c.describe_vpcs()),
        ("ecs", "ListClusters", lambda c: c.list_clusters()),
        ("rds", "DescribeDBInstances", lambda c: c.describe_db_instances()),
    ):
        tap.handle(service, action, refuse)
        with pytest.raises(ClientError, match="Rate <exceeded>") as raised:
            ask(client(service))
        assert raised.value.response["Error"]["Code"] == "Throttling"


def test_a_failure_of_ours_is_told_and_logged(
    client: ClientFactory, tap: Tap, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: Call) -> None:
        raise KeyError("lost")

    tap.handle("ecs", "ListClusters", fail)
    with pytest.raises(ClientError, match="The twin failed in ecs:ListClusters: KeyError: 'lost'"):
        client("ecs").list_clusters()
    assert "ecs:ListClusters failed" in caplog.text


def test_a_subscriber_that_fails_changes_no_answer(client: ClientFactory, tap: Tap, calls: list[Any]) -> None:
    def fail(call: Call, answer: Answer) -> None:
        raise RuntimeError("subscriber")

    tap.subscribe(fail)
    assert client("ec2").describe_vpcs()["Vpcs"]
    assert len(calls) == 1


def test_subscribers_learn_the_error_of_a_call(client: ClientFactory, calls: list[tuple[Call, Answer]]) -> None:
    for service, ask in (
        ("ec2", lambda c: c.describe_instances(InstanceIds=["i-1234567890abcdef0"])),
        ("ecs", lambda c: c.describe_services(cluster="nowhere", services=["a"])),
    ):
        with pytest.raises(ClientError):
            ask(client(service))
    assert [answer.error[0] for _, answer in calls if answer.error] == [
        "InvalidInstanceID.NotFound",
        "ClusterNotFoundException",
    ]


def test_a_connection_is_kept_for_the_next_call(endpoint: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
    connection.request("POST", "/", "a")
    connection.getresponse().read()
    first = connection.sock
    connection.request("POST", "/", "a")
    connection.getresponse().read()
    assert connection.sock is first
    assert first is not None


@pytest.mark.parametrize(
    ("action", "reads"),
    [
        ("DescribeInstances", True),
        ("GetCallerIdentity", True),
        ("AssumeRole", True),
        ("FilterLogEvents", True),
        ("RevokeSecurityGroupIngress", False),
        ("RunTask", False),
        ("TerminateInstances", False),
    ],
)
def test_reading_actions_are_told_from_others(tap: Tap, action: str, reads: bool) -> None:
    call = Call.__new__(Call)
    object.__setattr__(call, "action", action)
    assert call.reads is reads
