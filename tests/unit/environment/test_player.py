"""The player's credentials: whose they are, how long they last, in which form; and what is said without any."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from moto import mock_aws

from chaosgood_ext.environment.outputs import Credentials, Outputs, parse
from chaosgood_ext.environment.player import Player, console_link, profile, sign_in
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable
from tests.fakes.http import Answer, serve
from tests.fakes.outputs import outputs_document

ROLE = "arn:aws:iam::123456789012:role/chaosgood-player"


def outputs(**changes: Any) -> Outputs:
    document = outputs_document(kind="aws", endpoint_url=None, **changes)
    del document["credentials"]
    document["resources"]["player_role_arn"] = ROLE
    return parse(document, "a test")


def player(where: Outputs) -> Player:
    key = Credentials("ASIAONE", "it's secret", "token")
    return Player(where, "ada", key, datetime(2026, 11, 22, 18, 0, tzinfo=UTC))


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """A facilitator's credentials are there; what AssumeRole is asked."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    asked: list[dict[str, Any]] = []
    with mock_aws():
        session = boto3.Session()
        session.events.register("provide-client-params.sts.AssumeRole", lambda params, **_: asked.append(params))
        monkeypatch.setattr("boto3.session.Session", lambda *_, **__: session)
        yield asked


def test_a_session_of_the_role_says_whose_it_is(signed_in: list[dict[str, Any]]) -> None:
    made = sign_in(outputs(), "ada", 30)
    (asked,) = signed_in
    assert (asked["RoleArn"], asked["RoleSessionName"], asked["SourceIdentity"]) == (ROLE, "ada", "ada")
    assert asked["DurationSeconds"] == 1800
    assert {tag["Key"]: tag["Value"] for tag in asked["Tags"]} == {"environment": outputs().name, "player": "ada"}
    assert made.credentials.access_key_id.startswith("ASIA")
    assert abs(made.expires - datetime.now(UTC) - timedelta(minutes=30)) < timedelta(minutes=1)


def test_a_session_for_the_console_is_asked_for_without_a_length(signed_in: list[dict[str, Any]]) -> None:
    sign_in(outputs(), "ada")
    assert "DurationSeconds" not in signed_in[0]


@pytest.mark.parametrize("name", ["", "a", "ada lovelace", "ädä", "a" * 65])
def test_a_name_that_aws_would_not_take_is_bad_input(name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a session"):
        sign_in(outputs(), name)


def refusing(monkeypatch: pytest.MonkeyPatch, status: int, code: str) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTING")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>no, you may not</Message></Error></ErrorResponse>"
    return serve(lambda _: Answer(status, body.encode()))


@pytest.mark.parametrize(
    ("code", "remedy"),
    [("AccessDenied", "facilitator_arns in terraform/aws.toml"), ("ExpiredToken", "Log in as the facilitator")],
)
def test_a_refusal_is_told_in_the_words_of_aws_and_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, code: str, remedy: str
) -> None:
    with refusing(monkeypatch, 403, code) as server, pytest.raises(EnvironmentUnavailable) as raised:
        sign_in(replace(outputs(), endpoint_url=server.url), "ada")
    assert f"{code}: no, you may not" in raised.value.what
    assert remedy in raised.value.remedy


def test_without_credentials_it_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(EnvironmentUnavailable, match="There are no AWS credentials here"):
        sign_in(outputs(), "ada")


def test_credentials_of_the_console_are_told_how_they_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile console]\nlogin_session = arn:aws:iam::123456789012:user/ada\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "console")
    with pytest.raises(EnvironmentUnavailable, match="`aws login` cannot be used directly"):
        sign_in(outputs(), "ada")


def test_the_exports_survive_a_shell_and_take_back_what_is_in_their_way() -> None:
    script = f"export AWS_PROFILE=other AWS_ENDPOINT_URL=http://other\n{player(outputs()).exports()}\nenv"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    said = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("AWS_"))
    assert said == {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAONE",
        "AWS_SECRET_ACCESS_KEY": "it's secret",
        "AWS_SESSION_TOKEN": "token",
    }


def test_the_profile_holds_no_secret_and_asks_for_credentials_by_itself() -> None:
    where = replace(outputs(), endpoint_url="http://127.0.0.1:1")
    config = configparser.ConfigParser()
    config.read_string(profile(where, "ada", ["chaos", "player", "--name", "a b"]))
    assert dict(config["profile chaosgood-player"]) == {
        "region": "us-east-1",
        "credential_process": "chaos player --name 'a b'",
        "endpoint_url": "http://127.0.0.1:1",
    }


def test_botocore_takes_what_the_process_prints(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expires = datetime.now(UTC) + timedelta(hours=1)
    (tmp_path / "printed").write_text(replace(player(outputs()), expires=expires).process())
    (tmp_path / "config").write_text(profile(outputs(), "ada", ["cat", str(tmp_path / "printed")]))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    key = boto3.Session(profile_name="chaosgood-player").get_credentials().get_frozen_credentials()
    assert (key.access_key, key.secret_key, key.token) == ("ASIAONE", "it's secret", "token")


def test_the_link_signs_in_to_the_console_of_the_region() -> None:
    with serve(lambda _: Answer(200, {"SigninToken": "a/token"})) as server:
        link = console_link(player(outputs()), server.url)
    (request,) = server.requests
    asked = request.query
    assert asked["Action"] == "getSigninToken"
    session = {"sessionId": "ASIAONE", "sessionKey": "it's secret", "sessionToken": "token"}
    assert json.loads(asked["Session"]) == session
    said = parse_qs(urlsplit(link).query)
    assert (said["Action"], said["SigninToken"]) == (["login"], ["a/token"])
    assert said["Destination"] == ["https://us-east-1.console.aws.amazon.com/console/home?region=us-east-1"]


@pytest.mark.parametrize("answer", [Answer(400), Answer(200, {"nothing": 1}), Answer(200, b"<html>")])
def test_no_link_is_told_without_the_secrets(answer: Answer) -> None:
    with (
        serve(lambda _: answer) as server,
        pytest.raises(EnvironmentUnavailable, match="no link to its console") as raised,
    ):
        console_link(player(outputs()), server.url)
    assert "secret" not in str(raised.value)


def test_a_twin_has_no_console() -> None:
    with pytest.raises(BadInput, match="A twin has no console"):
        console_link(player(parse(outputs_document(), "a test")))
