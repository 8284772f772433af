"""Which environment on aws the control looks at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chaosgood_ext.errors import EnvironmentUnavailable
from chaosgood_ext.governance import control
from tests.fakes.outputs import outputs_document


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def write(folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "expires-at", "Value": "2020-01-01T00:00:00Z"}]}]
    document = outputs_document(kind="aws", name="chaosgood", endpoint_url=None, **changes)
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)
    document["resources"]["vpc_id"] = made["Vpc"]["VpcId"]
    (folder / "outputs.json").write_text(json.dumps(document))
    monkeypatch.setenv("CHAOSGOOD_OUTPUTS", str(folder / "outputs.json"))


def test_one_that_expired_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, monkeypatch)
    assert control._find("aws").label == "aws chaosgood"


def test_one_of_another_account_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, monkeypatch, account_id="210987654321")
    with pytest.raises(
        EnvironmentUnavailable, match=r"in account 210987654321, and these are credentials of 123456789012.*AWS_PROFILE"
    ):
        control._find("aws")
