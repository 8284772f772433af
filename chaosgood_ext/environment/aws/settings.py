"""What the facilitator decides once, in `terraform/aws.toml`: which accounts, how long, who hears of the costs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chaosgood_ext.errors import BadInput

ROOT = Path(__file__).parents[3]
TERRAFORM = ROOT / "terraform"
_VARIABLES = "chaosgood.auto.tfvars.json"
_OPTIONAL: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "facilitator_arns": (lambda value: isinstance(value, list) and all(isinstance(arn, str) for arn in value),
                         'a list of patterns of ARNs, as in ["arn:aws:iam::123456789012:role/*"]'),
    "ci_repository": (lambda value: isinstance(value, str) and value.count("/") == 1, '"owner/name"'),
    "debian_image_id": (lambda value: isinstance(value, str) and value.startswith("ami-"), "the id of an image, ami-…"),
    "budget_usd_per_day": (lambda value: _is_number(value) and value > 0, "a number above 0"),
}  # fmt: skip
_EMAIL = re.compile(r"[^@ ]+@[^@ ]+[.][^@ ]+")
_MOST_HOURS = 24.0


@dataclass(frozen=True)
class Settings:
    """`accounts` are those that may be built in; `variables` go to terraform as they are."""

    accounts: tuple[str, ...]
    alert_email: str
    lifetime_hours: float = 3
    variables: Mapping[str, Any] = field(default_factory=dict)


def load(folder: Path = TERRAFORM) -> Settings:
    """Read `aws.toml`; raises :class:`BadInput` with what is wrong in it, or where to copy it from."""
    if not folder.is_dir():
        raise BadInput(
            f"There is no terraform configuration at {folder}.",
            "An environment on AWS is built from a clone of the repository: run this there.",
        )
    path = folder / "aws.toml"
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError as missing:
        raise BadInput(
            f"{path} is missing, which says in which accounts an environment may be built.",
            f"Copy {folder / 'aws.example.toml'} there and fill it in.",
        ) from missing
    except (OSError, ValueError) as cause:
        raise BadInput(f"{path} cannot be read: {cause}.", "Mend it.") from cause
    return _parse(document, path)


def _parse(document: Mapping[str, Any], path: Path) -> Settings:
    known = {"accounts", "alert_email", "lifetime_hours", *_OPTIONAL}
    faults = [f"{key} is no setting" for key in sorted(set(document) - known)]
    accounts, email, hours = (document.get(key) for key in ("accounts", "alert_email", "lifetime_hours"))
    if not isinstance(accounts, list) or not accounts or not all(_is_account(account) for account in accounts):
        faults.append('accounts must be a list of account ids, as in ["123456789012"]')
    if not isinstance(email, str) or not _EMAIL.fullmatch(email):
        faults.append("alert_email must be an e-mail address")
    hours = Settings.lifetime_hours if hours is None else hours
    if not _is_lifetime(hours):
        faults.append(f"lifetime_hours must be a number above 0 and at most {_MOST_HOURS:g}")
    faults += [
        f"{key} must be {words}"
        for key, (fits, words) in _OPTIONAL.items()
        if key in document and not fits(document[key])
    ]
    if faults:
        raise BadInput(f"{path}: {'; '.join(faults)}.", f"Compare it with {path.with_name('aws.example.toml')}.")
    variables = {key: document[key] for key in _OPTIONAL if key in document}
    assert isinstance(accounts, list)
    return Settings(tuple(accounts), str(email), float(hours), variables)


def _is_account(value: object) -> bool:
    return isinstance(value, str) and len(value) == 12 and value.isdigit()


def _is_lifetime(value: object) -> bool:
    return _is_number(value) and 0 < value <= _MOST_HOURS  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def end_of_lifetime(now: datetime, hours: float) -> str:
    """The end of a lifetime that begins now, in UTC as terraform reads it; raises :class:`BadInput` out of bounds."""
    if not _is_lifetime(hours):
        raise BadInput(f"A lifetime of {hours:g} hours is not possible.", f"Say more than 0, at most {_MOST_HOURS:g}.")
    return (now.astimezone(UTC) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def written(folder: Path = TERRAFORM) -> dict[str, Any]:
    """What terraform was told the last time; empty when it was told nothing."""
    try:
        told = json.loads((folder / _VARIABLES).read_text())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def write(settings: Settings, account_id: str, until: str, folder: Path = TERRAFORM) -> Path:
    """Tell terraform, in a file that it reads by itself in its own folder, and return the file.

    So that `terraform destroy` by hand works as well.
    """
    variables = {
        **settings.variables,
        "account_id": account_id,
        "alert_email": settings.alert_email,
        "expires_at": until,
    }
    fresh = folder / f".{_VARIABLES}.new"
    fresh.write_text(json.dumps(variables, indent=2) + "\n")
    return fresh.replace(folder / _VARIABLES)


def forget(folder: Path = TERRAFORM) -> None:
    """Take back what terraform was told, once nothing is left."""
    (folder / _VARIABLES).unlink(missing_ok=True)


def is_over(until: str, now: datetime) -> bool:
    """Whether that lifetime has ended; a time that cannot be read counts as ended."""
    end = _end(until)
    return end is None or end <= now


def _end(until: object) -> datetime | None:
    try:
        return datetime.strptime(str(until), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def end_told(folder: Path = TERRAFORM) -> str:
    """The end of the lifetime that terraform was told, else one in the past: to destroy, it needs one, whichever."""
    until = written(folder).get("expires_at")
    return str(until) if _end(until) else "2000-01-01T00:00:00Z"


def to_destroy(folder: Path = TERRAFORM) -> Settings:
    """The settings of `aws.toml`; where that is missing or broken, what terraform was told when it built.

    Raises :class:`BadInput` where neither says in which account something was built.
    """
    try:
        return load(folder)
    except BadInput:
        told = written(folder)
        account, email = told.get("account_id"), str(told.get("alert_email"))
        if not _is_account(account):
            raise
        return Settings((str(account),), email if _EMAIL.fullmatch(email) else "nobody@example.com")
