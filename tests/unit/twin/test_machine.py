"""Facts about a machine become findings, each with what mends it."""

from __future__ import annotations

import pytest

from chaosgood_ext.errors import MachineError
from chaosgood_ext.twin import machine
from chaosgood_ext.twin.machine import TRIALS, Facts, Finding, diagnose

DENIED = "unshare: write failed /proc/self/uid_map: Operation not permitted"
FULL = "unshare: unshare failed: No space left on device"
NO_NAMESPACE = {"user namespace": DENIED}


def lacking(facts: Facts) -> list[Finding]:
    return [finding for finding in diagnose(facts) if finding.ok is False]


def test_a_machine_that_lacks_nothing_passes_everything() -> None:
    findings = diagnose(Facts())
    assert all(finding.ok for finding in findings)
    assert {trial.name for trial in TRIALS} < {finding.name for finding in findings}


@pytest.mark.parametrize(
    ("facts", "name", "detail", "remedy"),
    [
        (
            Facts(failures=NO_NAMESPACE, sysctls={"kernel.apparmor_restrict_unprivileged_userns": 1}),
            "user namespace",
            "kernel.apparmor_restrict_unprivileged_userns is 1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            Facts(failures=NO_NAMESPACE, sysctls={"kernel.unprivileged_userns_clone": 0}),
            "user namespace",
            "kernel.unprivileged_userns_clone is 0",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            Facts(failures={"user namespace": FULL}, sysctls={"user.max_user_namespaces": 0}),
            "user namespace",
            "user.max_user_namespaces is 0",
            "sudo sysctl -w user.max_user_namespaces=15000",
        ),
        (
            Facts(failures=NO_NAMESPACE, container=True),
            "user namespace",
            "forbidden in this container",
            "--security-opt seccomp=unconfined",
        ),
        (Facts(failures=NO_NAMESPACE), "user namespace", DENIED, "stock Debian 12 kernel"),
        (
            Facts(failures={"user namespace": "env: 'unshare': No such file or directory"}),
            "user namespace",
            "unshare",
            "sudo apt-get install util-linux",
        ),
        (
            Facts(failures={"nested process namespace": "mount: Operation not permitted"}, container=True),
            "nested process namespace",
            "in this container: mount",
            "--security-opt systempaths=unconfined",
        ),
        (
            Facts(failures={"network namespace": FULL}, sysctls={"user.max_net_namespaces": 3}, container=True),
            "network namespace",
            FULL,
            "sudo sysctl -w user.max_net_namespaces=15000",
        ),
        (
            Facts(failures={"packet filter with connection tracking": "Could not process rule: No such file"}),
            "packet filter with connection tracking",
            "Could not process rule",
            "sudo modprobe -a nf_tables nf_conntrack nft_ct",
        ),
        (
            Facts(failures={"network namespace": "Error: Unknown device type."}),
            "network namespace",
            "Unknown device type",
            "sudo modprobe veth",
        ),
        (
            Facts(failures={"overlay over /etc": "mount: unknown filesystem type 'overlay'."}),
            "overlay over /etc",
            "unknown filesystem",
            "sudo modprobe overlay",
        ),
        (
            Facts(failures={"programs start": "nginx: not found"}, programs="/c/programs/1"),
            "programs start",
            "nginx: not found",
            "rm -rf /c/programs/1",
        ),
        (Facts(failures={"read-only mounts": "ENOSYS"}), "read-only mounts", "ENOSYS", "5.12"),
        (
            Facts(programs_problem=MachineError("No mirror answers.", "Check the network.")),
            "programs",
            "No mirror answers.",
            "Check the network.",
        ),
        (Facts(sysctls={"user.max_pid_namespaces": 8}), "namespaces allowed", "is 8", "user.max_pid_namespaces=15000"),
        (Facts(free_memory_mib=200), "free memory", "200 MiB of 1024 MiB", "End what you can spare"),
        (Facts(free_disk_mib=10, cache_folder="/c"), "free disk", "10 MiB of 300 MiB", "Free some space in /c"),
        (Facts(python=(3, 10)), "Python 3.11 to 3.13", "3.10", "apt-get install python3"),
        (Facts(system="Darwin"), "Linux", "this is Darwin", "limactl start"),
    ],
)
def test_what_is_lacking_is_named_with_what_mends_it(facts: Facts, name: str, detail: str, remedy: str) -> None:
    findings = {finding.name: finding for finding in lacking(facts)}
    assert list(findings) == [name] or name in {"user namespace", "network namespace"}
    assert detail in findings[name].detail
    assert remedy in findings[name].remedy


def test_what_could_not_be_tried_is_neither_there_nor_lacking() -> None:
    findings = {each.name: each for each in diagnose(Facts(untried=frozenset({"overlay over /etc"})))}
    assert findings["overlay over /etc"].ok is None


def test_without_user_namespaces_nothing_else_is_tried() -> None:
    def refuse(argv: object, **_: object) -> str:
        raise machine.CommandError(["unshare"], 1, DENIED)

    failures, untried = machine._try_all("/programs", refuse)
    assert failures == {"user namespace": DENIED}
    assert untried == {trial.name for trial in TRIALS}


def test_without_the_programs_only_the_trials_that_need_them_wait() -> None:
    tried: list[str] = []
    failures, untried = machine._try_all("", lambda argv, **_: tried.append(argv[-1]) or "")
    assert failures == {}
    assert untried == {trial.name for trial in TRIALS if trial.needs_programs}
    assert len(tried) == 1 + len(TRIALS) - len(untried)
