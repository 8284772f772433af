"""Port forwards and shells, with a program that behaves as the AWS CLI does."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chaosgood_ext.environment.aws.sessions import aws_program, instance_of, open_forwards, shell_argv
from chaosgood_ext.environment.outputs import Outputs, parse
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable, MachineError
from tests.fakes.outputs import outputs_document

ROOT = Path(__file__).parents[4]

FORWARDS = """
import json, socket, sys, time
parameters = json.loads(sys.argv[sys.argv.index("--parameters") + 1])
assert sys.argv[sys.argv.index("--target") + 1] == "i-monitoring"
with socket.create_server(("127.0.0.1", int(parameters["localPortNumber"][0]))) as server:
    while True:
        server.accept()[0].close()
"""
EXPIRED = """
import sys
print("An error occurred (TargetNotConnected) when calling the StartSession operation", file=sys.stderr)
sys.exit(254)
"""
HANGS = "import time; time.sleep(60)"


def outputs() -> Outputs:
    document = outputs_document(kind="aws", endpoint_url=None)
    del document["credentials"]
    document["resources"] |= {"monitoring_instance_id": "i-monitoring"}
    ports = {"prometheus": 9090, "alertmanager": 9093, "dashboards": 9090}
    document["urls"] |= {
        name: {"url": f"http://127.0.0.1:{port}/page", "access": "session-manager"} for name, port in ports.items()
    }
    return parse(document, "a test")


def program(folder: Path, text: str) -> str:
    path = folder / "aws"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return str(path)


def test_every_url_that_needs_it_gets_a_way_and_they_close(tmp_path: Path) -> None:
    local, forwards = open_forwards(outputs(), lambda _: None, program=program(tmp_path, FORWARDS))
    try:
        assert [forward.port for forward in forwards] == [9090, 9093]
        for name in ("prometheus", "alertmanager", "dashboards"):
            assert local.urls[name].access == "direct"
            assert local.urls[name].url.endswith("/page")
        assert local.urls["application"] == outputs().urls["application"]
        for forward in forwards:
            socket.create_connection(("127.0.0.1", forward.local_port), timeout=1).close()
    finally:
        for forward in forwards:
            forward.close()
    for forward in forwards:
        assert forward.process.poll() is not None
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", forward.local_port), timeout=1)


def test_a_way_that_ends_at_once_is_told_in_the_words_of_aws(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnavailable, match=r"port 9090 of i-monitoring: .*TargetNotConnected"):
        open_forwards(outputs(), lambda _: None, program=program(tmp_path, EXPIRED))


def test_a_way_that_never_opens_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnavailable, match="it says nothing"):
        open_forwards(outputs(), lambda _: None, program=program(tmp_path, HANGS), within_s=0.3)


DASHBOARDS = """
import sys
from chaosgood_ext.environment import find
from chaosgood_ext.environment.aws import sessions
from tests.unit.environment.aws.test_sessions import outputs
find.standing_aws = outputs
program = sys.argv.pop()
sessions.aws_program = lambda: program
from chaosgood_ext.cli.dashboards import dashboards
dashboards()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_dashboards_keep_the_ways_open_until_they_are_told(tmp_path: Path, number: signal.Signals) -> None:
    process = _dashboards(tmp_path, FORWARDS)
    urls = json.loads(_until(process, "}"))
    ports = {int(url.rsplit(":", 1)[1].split("/")[0]) for name, url in urls.items() if name != "application"}
    assert len(ports) == 2
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    process.send_signal(number)
    assert process.wait(10) == 130
    for port in ports:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=1)


def test_dashboards_say_when_a_way_was_closed_from_the_other_side(tmp_path: Path) -> None:
    process = _dashboards(tmp_path, FORWARDS.replace("while True:", "for _ in range(1):"))
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "was closed from the other side" in said
    assert "Traceback" not in said


def _dashboards(folder: Path, text: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DASHBOARDS, "--json", program(folder, text)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        cwd=ROOT, env={**os.environ, "CHAOSGOOD_ENVIRONMENT": "aws", "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # fmt: skip


def _until(process: subprocess.Popen[str], end: str) -> str:
    assert process.stdout is not None
    said = ""
    while not said.rstrip().endswith(end):
        line = process.stdout.readline()
        assert line, process.communicate()
        said += line
    return said


def test_a_twin_needs_none_of_that() -> None:
    twin = parse(outputs_document(), "a test")
    assert open_forwards(twin, lambda _: None, program="/nowhere") == (twin, ())


def test_a_missing_plugin_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="Session Manager plugin"):
        aws_program()


def test_a_shell_is_a_session_that_is_logged() -> None:
    argv = shell_argv(outputs(), "i-1", [], program="aws")
    assert argv[argv.index("--document-name") + 1] == "chaosgood-session"
    argv = shell_argv(outputs(), "i-1", ["ss", "-tn", "a b ü"], program="aws")
    (line,) = json.loads(argv[argv.index("--parameters") + 1])["command"]
    assert argv[argv.index("--document-name") + 1] == "chaosgood-command"
    assert base64.b64decode(line).decode() == "ss -tn 'a b ü'"


def test_hosts_have_the_names_that_they_have_on_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        ids = {}
        for tier in ("web", "web", "workstation"):
            tags = [{"ResourceType": "instance", "Tags": [{"Key": "tier", "Value": tier}]}]
            made = ec2.run_instances(
                ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=tags
            )
            ids.setdefault(tier, []).append(made["Instances"][0]["InstanceId"])
        where = outputs()
        where.resources["vpc_id"] = vpc  # type: ignore[index]
        session = boto3.Session()
        assert {instance_of(where, f"web-{n}", session) for n in (1, 2)} == set(ids["web"])
        assert instance_of(where, "workstation", session) == ids["workstation"][0]
        assert instance_of(where, "i-0123", session) == "i-0123"
        with pytest.raises(BadInput, match=r"no running host web-3.*web-1, web-2, workstation"):
            instance_of(where, "web-3", session)
