"""Every shell that somebody can get leaves what is typed in the log group of sessions."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from chaosgood_ext.environment.aws.sessions import shell_argv
from tests.unit.environment.aws.test_sessions import outputs

from .conftest import ROOT, State
from .test_audit import POLICIES, TOPOLOGY, actions, resources, statements
from .test_configuration import user_data

GROUP = TOPOLOGY["log_groups"]["sessions"]
SHELLS = {"chaosgood-session", "chaosgood-command"}
WAYS = {"AWS-StartPortForwardingSession", "AWS-StartSSHSession"}
"""To a port of a host. Of these only sshd's has a shell behind it, and sshd keeps the record itself."""


def documents(state: State) -> dict[str, dict[str, Any]]:
    made = state.all("aws_ssm_document").values()
    assert {(each["document_type"], each["document_format"]) for each in made} == {("Session", "JSON")}
    return {each["name"]: json.loads(each["content"]) for each in made}


def granted(name: str, action: str) -> list[dict[str, Any]]:
    """Statements of a policy that allow an action."""
    return [
        each
        for each in statements(ROOT / f"chaosgood_ext/stack/policies/{name}.json")
        if each["Effect"] == "Allow"
        if any(re.fullmatch(allowed.replace("*", ".*"), action) for allowed in actions(each))
    ]


def test_each_document_of_a_shell_logs_to_the_group_of_sessions(state: State) -> None:
    assert set(documents(state)) == SHELLS
    for document in documents(state).values():
        assert document["schemaVersion"] == "1.0"
        assert document["inputs"]["cloudWatchLogGroupName"] == GROUP
        assert document["inputs"]["runAsEnabled"] is False


def test_a_shell_streams_its_transcript(state: State) -> None:
    document = documents(state)["chaosgood-session"]
    assert document["sessionType"] == "Standard_Stream"
    assert document["inputs"]["cloudWatchStreamingEnabled"] is True
    assert document["inputs"]["shellProfile"] == {"linux": "exec bash --rcfile /etc/chaosgood/bashrc -i"}


def test_a_command_goes_through_the_wrapper(state: State) -> None:
    document = documents(state)["chaosgood-command"]
    assert document["sessionType"] == "InteractiveCommands"
    run = {"commands": "exec bash /etc/chaosgood/command {{ command }}", "runAsElevated": False}
    assert document["properties"] == {"linux": run}
    assert set(document["parameters"]) == {"command"}
    assert document["parameters"]["command"]["type"] == "String"
    assert "default" not in document["parameters"]["command"]


@pytest.mark.parametrize("name", ["chaosgood-session", "chaosgood-command"])
def test_the_command_line_takes_the_documents_that_are_there(state: State, name: str) -> None:
    argv = shell_argv(outputs(), "i-1", ["true"] if name == "chaosgood-command" else [], program="aws")
    assert argv[argv.index("--document-name") + 1] == name
    given = json.loads(argv[argv.index("--parameters") + 1]) if "--parameters" in argv else {}
    assert set(given) == set(documents(state)[name].get("parameters", {}))


# The agent puts the text of a parameter in place of {{ command }}, and a shell runs the result.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html
@pytest.mark.parametrize(
    "given", ["", ";id", "YQ==;id", "YQ== id", "$(id)", "`id`", "YQ==\nid", "a&b", "a|b", "a>b", "'a'", "{{ a }}", "=="]
)
def test_no_command_gets_around_the_wrapper(state: State, given: str) -> None:
    pattern = documents(state)["chaosgood-command"]["parameters"]["command"]["allowedPattern"]
    assert re.search(pattern, base64.b64encode("echo 'ü'; $(id)\n>ÿ?~".encode()).decode())
    assert not re.search(pattern, given)


def test_the_player_starts_these_sessions_and_no_others() -> None:
    allowed = {arn for each in granted("player", "ssm:StartSession") for arn in resources(each)}
    assert {arn for arn in allowed if ":document/" not in arn} == {"arn:aws:ec2:us-east-1:123456789012:instance/*"}
    assert {arn.partition("/")[2] for arn in allowed if ":document/" in arn} == SHELLS | WAYS
    ci = {arn for each in granted("ci", "ssm:StartSession") for arn in resources(each)}
    assert {arn.partition("/")[2] for arn in ci if ":document/" in arn} == {"AWS-StartPortForwardingSession"}


# Otherwise whoever may start a session may start one by the account's own document, which logs nothing. AWS asks only
# where each statement has it.
# https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-specify-session-document.html
@pytest.mark.parametrize("name", ["player", "ci"])
def test_the_accounts_own_document_is_of_no_use(name: str) -> None:
    allowing = granted(name, "ssm:StartSession")
    assert len(allowing) == 2
    for each in allowing:
        assert each["Condition"]["BoolIfExists"] == {"ssm:SessionDocumentAccessCheck": "true"}


@pytest.mark.parametrize(
    "action",
    [
        "ssm:SendCommand",
        "ssm:StartAutomationExecution",
        "ssm:CreateAssociation",
        "ssm:CreateDocument",
        "ssm:UpdateDocument",
        "ssm:UpdateDocumentDefaultVersion",
        "ec2-instance-connect:SendSSHPublicKey",
        "ec2-instance-connect:SendSerialConsoleSSHPublicKey",
        "ec2-instance-connect:OpenTunnel",
        "ec2:CreateLaunchTemplateVersion",
        "ec2:ModifyInstanceAttribute",
        "ecs:UpdateCluster",
        "logs:DeleteLogGroup",
        "logs:DeleteLogStream",
        "logs:PutLogEvents",
    ],
)
def test_the_player_has_no_other_way_to_a_shell_and_none_to_the_record(action: str) -> None:
    assert granted("player", action) == []


def test_commands_by_systems_manager_are_the_injectors_alone() -> None:
    may = {path.stem for path in POLICIES if granted(path.stem, "ssm:SendCommand")}
    assert may == {"injector", "boundary"}


# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
def test_a_shell_in_a_task_is_logged(state: State) -> None:
    (configuration,) = state.one("aws_ecs_cluster")["configuration"]
    (command,) = configuration["execute_command_configuration"]
    assert command["logging"] == "OVERRIDE"
    (log,) = command["log_configuration"]
    assert log["cloud_watch_log_group_name"] == GROUP
    for action in ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"):
        (statement,) = granted("task", action)
        assert resources(statement) == [f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}:*"]
    assert granted("task", "logs:DescribeLogGroups")
    # The transcript needs `script` and `cat` in the image: Debian's images have both.
    assert re.search(
        r"^FROM \S+:3\.\d+-slim-bookworm$", (ROOT / "chaosgood_ext/stack/shop/Dockerfile").read_text(), re.M
    )


@pytest.mark.parametrize("tier", ["web", "app", "monitoring", "workstation"])
def test_ssh_is_shut_until_sshd_keeps_the_record(state: State, tier: str) -> None:
    lines = user_data(state)[tier].splitlines()
    unit = "sshd" if tier == "app" else "ssh"
    shut, opened = lines.index(f"systemctl mask --now {unit}"), lines.index(f"  systemctl unmask {unit}")
    assert all(not line or line.startswith(("#", "set ", "export ")) for line in lines[:shut])
    settings = (ROOT / "chaosgood_ext/stack/common/etc/ssh/sshd_config.d/chaosgood.conf").read_text()
    (forced,) = re.findall("^ForceCommand (.+)$", settings, re.M)
    assert f"if sshd -T | grep -x 'forcecommand {forced}'; then" in lines[opened - 1]
    fetched = next(number for number, line in enumerate(lines) if "aws s3 cp" in line and "/common" in line)
    assert shut < fetched < opened
