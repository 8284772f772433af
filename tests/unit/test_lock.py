"""The lock files agree with setup.cfg, so that set-up never installs something else than what was tested."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements/*.txt"))


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def names(requirements: str) -> set[str]:
    """Normalised as PyPI does it (PEP 503)."""
    found = (re.match(r"[\w.-]+", line.strip()) for line in requirements.splitlines())
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def locked(name: str) -> set[str]:
    return names((ROOT / "requirements" / f"{name}.txt").read_text())


def test_everything_that_a_player_needs_is_locked() -> None:
    assert names(setup_cfg()["options"]["install_requires"]) - locked("run") == set(), "run `make lock`"


@pytest.mark.parametrize("extra", ["test", "check"])
def test_everything_that_a_developer_needs_is_locked(extra: str) -> None:
    assert names(setup_cfg()["options.extras_require"][extra]) - locked("dev") == set(), "run `make lock`"


def test_a_developer_has_the_very_packages_that_a_player_has() -> None:
    pins = re.compile(r"^\S+==\S+", re.MULTILINE)
    run, dev = (set(pins.findall((ROOT / "requirements" / name).read_text())) for name in ("run.txt", "dev.txt"))
    assert run - dev == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_file_is_named_by_its_hash_and_no_server_is(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    pins = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_the_lock_has_a_chaos_toolkit_for_each_python() -> None:
    text = (ROOT / "requirements/run.txt").read_text()
    assert re.search(r"^chaostoolkit==\S+ ; python_full_version < '3.12'", text, re.MULTILINE)
    assert re.search(r"^chaostoolkit==\S+ ; python_full_version >= '3.12'", text, re.MULTILINE)
