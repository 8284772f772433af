"""The doctor's trials on this machine, which can run the twin, and in a namespace that allows no further one."""

from __future__ import annotations

import json
import subprocess
import sys

from chaosgood_ext.twin.machine import diagnose, examine


def test_this_machine_has_all_that_the_twin_needs() -> None:
    assert [finding for finding in diagnose(examine()) if not finding.ok] == []


def test_a_machine_that_allows_no_user_namespace_is_told_which_switch_to_set() -> None:
    doctor = "from chaosgood_ext.cli.doctor import doctor; doctor(['--json'])"
    # A limit that is set inside a user namespace holds for those nested in it, and for nobody else.
    none_left = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", none_left, sys.executable, doctor],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    found = {each["name"]: each for each in json.loads(done.stdout)["findings"]}
    assert found["user namespace"]["remedy"] == "sudo sysctl -w user.max_user_namespaces=15000"
    assert found["network namespace"]["ok"] is None
