"""What is lacking for an environment on AWS, and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from chaosgood_ext.environment.aws import needs
from chaosgood_ext.errors import CommandError


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return str(folder)


def says(version: str) -> object:
    def run(argv: Sequence[str], *, input: str | None = None, timeout_s: float = 10) -> str:  # noqa: A002
        return f'{{"terraform_version": "{version}"}}'

    return run


def test_a_machine_with_nothing_is_told_all_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = needs.examine(boto3.Session(), "us-east-1", folder=tmp_path)
    assert [finding.ok for finding in findings] == [False, False, False, None]
    assert "apt-get install terraform" in findings[0].remedy
    assert "session-manager" in findings[1].remedy
    assert "aws.example.toml" in findings[2].remedy


def test_a_machine_and_an_account_that_are_ready(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "terraform", "session-manager-plugin", "aws"))
    (tmp_path / "aws.toml").write_text('accounts = ["123456789012"]\nalert_email = "a@example.com"\n')
    with mock_aws():
        findings = needs.examine(boto3.Session(), "us-east-1", run=says("1.11.4"), folder=tmp_path)  # type: ignore[arg-type]
    assert [finding.ok for finding in findings] == [True] * 4
    assert "123456789012" in findings[3].detail


def test_an_old_terraform_and_one_that_does_not_work_are_lacking(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", programs(tmp_path, "terraform"))

    def fails(argv: Sequence[str], *, input: str | None = None, timeout_s: float = 10) -> str:  # noqa: A002
        raise CommandError(argv, 1, "no")

    for run, detail in ((says("1.5.7"), "1.5.7"), (fails, "does not work")):
        finding = needs.examine(boto3.Session(), "us-east-1", run=run, folder=tmp_path)[0]  # type: ignore[arg-type]
        assert finding.ok is False
        assert detail in finding.detail
