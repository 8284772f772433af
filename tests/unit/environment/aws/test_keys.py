"""The key pair for SSH: as long-lived as its environment, which `test_building.py` holds."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from chaosgood_ext.environment.aws import keys
from chaosgood_ext.errors import MachineError


def test_a_key_pair_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    public = keys.ensure(tmp_path / "aws")
    private = tmp_path / "aws/ssh-key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    derived = subprocess.run(["ssh-keygen", "-y", "-f", private], capture_output=True, text=True, check=True)
    assert derived.stdout.split()[:2] == public.split()[:2]
    assert keys.ensure(tmp_path / "aws") == public


@pytest.mark.parametrize("name", ["ssh-key", "ssh-key.pub"])
def test_half_a_key_pair_is_none(tmp_path: Path, name: str) -> None:
    before = keys.ensure(tmp_path)
    (tmp_path / name).unlink()
    assert keys.ensure(tmp_path) != before


def test_it_can_be_forgotten(tmp_path: Path) -> None:
    keys.ensure(tmp_path)
    keys.forget(tmp_path)
    keys.forget(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"key pair for SSH.*openssh-client"):
        keys.ensure(tmp_path)
