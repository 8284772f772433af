"""`chaos doctor` prints what was found, as a table or as JSON, and its exit status says whether all is well."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from chaosgood_ext.cli.doctor import doctor
from chaosgood_ext.twin import machine
from chaosgood_ext.twin.machine import Facts

ILL = Facts(
    failures={"user namespace": "no"},
    sysctls={"kernel.unprivileged_userns_clone": 0},
    untried=frozenset({"overlay over /etc"}),
)


def seen(monkeypatch: pytest.MonkeyPatch, facts: Facts, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(machine, "examine", lambda on_progress: facts)
    result = CliRunner().invoke(doctor, arguments)
    return result.exit_code, result.stdout


def test_a_fit_machine_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed = seen(monkeypatch, Facts(kernel="6.1"))
    assert status == 0
    assert "kernel 6.1" in printed
    assert printed.endswith("This machine can run the twin.\n")


def test_a_lack_ends_with_1_and_the_command_that_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed = seen(monkeypatch, ILL)
    assert status == 1
    assert "LACKING" in printed
    assert "not tried" in printed
    assert printed.count("sudo sysctl -w kernel.unprivileged_userns_clone=1") == 1
    assert "can run" not in printed


def test_json_has_the_same_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    status, printed = seen(monkeypatch, ILL, "--json")
    told = json.loads(printed)
    assert status == 1
    assert told["ready"] is False
    assert [each["name"] for each in told["findings"]] == [each.name for each in machine.diagnose(ILL)]
    by_name = {each["name"]: each for each in told["findings"]}
    assert by_name["user namespace"]["ok"] is False
    assert by_name["overlay over /etc"]["ok"] is None
