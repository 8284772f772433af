"""Whose credentials these are, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    LoginRefreshRequired,
    NoCredentialsError,
    UnauthorizedSSOTokenError,
)
from moto import mock_aws

from chaosgood_ext.environment.aws.account import Caller, identify, must_be_allowed, session
from chaosgood_ext.errors import BadInput, EnvironmentUnavailable


class Refusing:
    """A session whose calls fail."""

    def __init__(self, problem: Exception) -> None:
        self._problem = problem

    def client(self, *_: Any, **__: Any) -> Any:
        return self

    def get_caller_identity(self) -> Any:
        raise self._problem


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "GetCallerIdentity")


def test_aws_says_who_we_are() -> None:
    with mock_aws():
        assert identify(boto3.Session(), "us-east-1").account_id == "123456789012"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (NoCredentialsError(), "no AWS credentials"),
        (refusal("ExpiredToken"), "have expired"),
        (refusal("InvalidClientTokenId"), "does not accept the credentials"),
        (UnauthorizedSSOTokenError(), "sign-in to AWS has ended"),
        (LoginRefreshRequired(), "sign-in to AWS has ended"),
        (CredentialRetrievalError(provider="custom-process", error_msg="no"), "no AWS credentials"),
    ],
)
def test_credentials_that_are_of_no_use_are_told_with_what_to_do(problem: Exception, words: str) -> None:
    with pytest.raises(EnvironmentUnavailable, match=words) as caught:
        identify(Refusing(problem), "us-east-1")  # type: ignore[arg-type]
    assert "aws sso login" in caught.value.remedy


def test_credentials_of_the_console_are_told_how_they_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[profile console]\nlogin_session = arn:aws:iam::123456789012:user/ada\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "console")
    with pytest.raises(EnvironmentUnavailable, match="`aws login` cannot be used directly") as caught:
        identify(session(), "us-east-1")
    assert "export-credentials --profile NAME --format process" in caught.value.remedy


def test_an_aws_that_cannot_be_reached_is_no_fault_of_the_credentials() -> None:
    problem = EndpointConnectionError(endpoint_url="https://sts.us-east-1.amazonaws.com")
    with pytest.raises(EnvironmentUnavailable, match=r"cannot be asked who we are: .*Check the network"):
        identify(Refusing(problem), "us-east-1")  # type: ignore[arg-type]


def test_a_profile_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(BadInput, match=r"nobody.*list-profiles"):
        session()


def test_an_account_that_the_file_does_not_allow_is_refused() -> None:
    must_be_allowed(Caller("123456789012", "arn"), ["123456789012"])
    with pytest.raises(BadInput, match=r"210987654321.*allows 123456789012 only"):
        must_be_allowed(Caller("210987654321", "arn"), ["123456789012"])
