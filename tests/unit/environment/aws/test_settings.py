"""What the facilitator decides, in terraform/aws.toml."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chaosgood_ext.environment.aws import settings
from chaosgood_ext.errors import BadInput

NOW = datetime(2026, 11, 22, 16, 30, tzinfo=UTC)


def test_the_example_is_a_valid_file(tmp_path: Path) -> None:
    shutil.copy(settings.TERRAFORM / "aws.example.toml", tmp_path / "aws.toml")
    decided = settings.load(tmp_path)
    assert decided.accounts == ("123456789012",)
    assert decided.lifetime_hours == 3
    assert decided.variables == {"budget_usd_per_day": 10}


def test_a_missing_file_names_the_example(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"Copy .*aws\.example\.toml"):
        settings.load(tmp_path)


def test_without_a_clone_there_is_nothing_to_build_from(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="from a clone of the repository"):
        settings.load(tmp_path / "terraform")


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "aws.toml").write_text('accounts = [123]\nalert_email = "nobody"\nlifetime_hours = 100\nhours = 2\n')
    with pytest.raises(BadInput) as caught:
        settings.load(tmp_path)
    for words in ("hours is no setting", "list of account ids", "an e-mail address", "at most 24"):
        assert words in str(caught.value)


@pytest.mark.parametrize("text", ["accounts = [", "\x00", "accounts = 'x"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "aws.toml").write_text(text)
    with pytest.raises(BadInput, match="cannot be read"):
        settings.load(tmp_path)


def test_terraform_is_told_in_a_file_that_it_reads_by_itself(tmp_path: Path) -> None:
    decided = settings.Settings(("123456789012",), "a@example.com", variables={"budget_usd_per_day": 5})
    settings.write(decided, "123456789012", "2026-11-22T18:00:00Z", tmp_path)
    (path,) = tmp_path.glob("*.auto.tfvars.json")
    assert (
        json.loads(path.read_text())
        == settings.written(tmp_path)
        == {
            "budget_usd_per_day": 5,
            "account_id": "123456789012",
            "alert_email": "a@example.com",
            "expires_at": "2026-11-22T18:00:00Z",
        }
    )
    settings.forget(tmp_path)
    assert settings.written(tmp_path) == {}


def test_a_lifetime_ends_in_utc_and_within_a_day() -> None:
    assert settings.end_of_lifetime(NOW, 1.5) == "2026-11-22T18:00:00Z"
    for hours in (0, -1, 25, float("nan")):
        with pytest.raises(BadInput):
            settings.end_of_lifetime(NOW, hours)


def test_a_lifetime_that_cannot_be_read_is_over() -> None:
    assert settings.is_over("2026-11-22T16:30:00Z", NOW)
    assert settings.is_over("soon", NOW)
    assert not settings.is_over("2026-11-22T16:30:01Z", NOW)
