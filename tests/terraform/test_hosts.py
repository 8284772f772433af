"""First boots, run with everything but packages and AWS; what systemd and cloud-init say of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from chaosgood_ext.twin import programs

from .conftest import ROOT, State
from .test_configuration import user_data

STACK = ROOT / "chaosgood_ext/stack"
INSTANCE = "i-0123456789abcdef0"
TIERS = ("web", "app", "monitoring", "workstation")

NOT_OF_DEBIAN = {"/usr/share/grafana/bin/grafana"}
"""Programs of Grafana's own package: https://github.com/grafana/grafana/pull/120225."""

# Answers as the real one would, as far as the scripts look at it, and remembers what it was asked.
_STAND_IN = r"""#!/bin/bash
said="${0##*/} $*"
echo "$said" >>/tmp/calls
[[ -n $REFUSED && $said == *"$REFUSED"* ]] && exit 1
case $said in
  "aws s3 cp"*) mkdir -p "$6" && cp -r "/tmp/stack/$(basename "$5")/." "$6" ;;
  "aws secretsmanager"*) echo '{"username": "shop", "password": "not\"easy"}' ;;
  "systemctl restart"*) test -f "/etc/systemd/system/$2" ;;
  "sshd -T") echo 'forcecommand bash /etc/chaosgood/ssh' ;;
  "id "*) exit 1 ;;
esac
"""
_COMMANDS = ("apt-get", "aws", "curl", "dnf", "docker", "id", "sleep", "sshd", "systemctl", "useradd")
_FOLDERS = (
    *("etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/default", "etc/ecs", "var/log", "var/lib/cloud/data"),
    *("run", "tmp/bin"),
)
_AGENT = "opt/aws/amazon-cloudwatch-agent"

# The host's own folders, which the script writes to, instead of the machine's.
_INSIDE = """
for folder in etc run var opt tmp; do mount --bind "$0/$folder" "/$folder" || exit; done
PATH=/tmp/bin:/usr/bin:/bin exec bash /tmp/user-data
"""


@dataclass(frozen=True)
class Boot:
    """A first boot that has ended, and the disk that it left."""

    disk: Path
    status: int
    output: str

    @property
    def calls(self) -> list[str]:
        return (self.disk / "tmp/calls").read_text().splitlines()

    @property
    def outcome(self) -> str:
        return (self.disk / "var/log/first-boot").read_text().strip()

    def at(self, beginning: str) -> int:
        """When something was asked, counted from the first call."""
        return next(index for index, call in enumerate(self.calls) if call.startswith(beginning))


def boot(script: str, disk: Path, *, refused: str = "") -> Boot:
    """Run a first boot on an empty disk; calls with `refused` in them fail."""
    for folder in _FOLDERS:
        (disk / folder).mkdir(parents=True)
    for folder in ("bin", "etc"):
        (disk / _AGENT / folder).mkdir(parents=True)
    (disk / "var/lib/cloud/data/instance-id").write_text(f"{INSTANCE}\n")
    (disk / "tmp/user-data").write_text(script)
    shutil.copytree(STACK, disk / "tmp/stack")
    for path in [*(disk / "tmp/bin" / name for name in _COMMANDS), disk / _AGENT / "bin/amazon-cloudwatch-agent-ctl"]:
        path.write_text(_STAND_IN)
        path.chmod(0o755)
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _INSIDE, str(disk)],
        env={"REFUSED": refused}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
    )  # fmt: skip
    return Boot(disk, done.returncode, done.stdout)


@pytest.mark.parametrize("tier", TIERS)
def test_first_boot_fetches_its_files_then_starts_its_units_and_says_that_it_is_done(
    tier: str, state: State, tmp_path: Path
) -> None:
    booted = boot(user_data(state)[tier], tmp_path / "disk")
    assert (booted.status, booted.outcome) == (0, "done"), booted.output
    folders = {"workstation": ["common"], "app": ["common", "shop"]}.get(tier, ["common", tier])
    for folder in folders:
        for file in (STACK / folder).rglob("etc/**/*"):
            if file.is_file():
                assert (booted.disk / file.relative_to(STACK / folder)).read_bytes() == file.read_bytes()
    units = [path.name for folder in folders for path in (STACK / folder).glob("etc/systemd/system/*")]
    assert sorted(units) == sorted(call.split()[2] for call in booted.calls if call.startswith("systemctl restart"))
    installer = "dnf install" if tier == "app" else "apt-get install"
    steps = [installer, "aws s3 cp", "systemctl daemon-reload", "systemctl restart", "amazon-cloudwatch-agent-ctl"]
    assert steps == sorted(steps, key=booted.at)
    agent = json.loads((booted.disk / _AGENT / "etc/chaosgood.json").read_text())
    shipped = [each["file_path"] for each in agent["logs"]["logs_collected"]["files"]["collect_list"]]
    assert "/var/log/session.log" in shipped


@pytest.mark.parametrize("tier", TIERS)
def test_only_a_group_is_told_that_a_host_is_ready_and_last_of_all(tier: str, state: State, tmp_path: Path) -> None:
    booted = boot(user_data(state)[tier], tmp_path / "disk")
    groups = {each["name"]: each["initial_lifecycle_hook"] for each in state.all("aws_autoscaling_group").values()}
    if hooks := groups.get(f"chaosgood-{tier}"):
        (hook,) = hooks
        assert booted.calls[-1] == (
            "aws autoscaling complete-lifecycle-action --lifecycle-action-result CONTINUE "
            f"--lifecycle-hook-name {hook['name']} --auto-scaling-group-name chaosgood-{tier} --instance-id {INSTANCE}"
        )
        assert hook["lifecycle_transition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    else:
        assert "autoscaling" not in "".join(booted.calls)


def test_a_host_of_no_group_boots_as_well(state: State, tmp_path: Path) -> None:
    booted = boot(user_data(state)["web"], tmp_path / "disk", refused="complete-lifecycle-action")
    assert (booted.status, booted.outcome) == (0, "done"), booted.output


@pytest.mark.parametrize("tier", TIERS)
def test_a_boot_that_fails_says_where_starts_nothing_and_is_not_in_service(
    tier: str, state: State, tmp_path: Path
) -> None:
    failing = "dnf install" if tier == "app" else "apt-get update"
    script = user_data(state)[tier]
    booted = boot(script, tmp_path / "disk", refused=failing)
    line = next(number for number, text in enumerate(script.splitlines(), 1) if text.startswith(f"retry {failing}"))
    assert booted.status != 0
    assert re.match(rf"failed at line {line}: ", booted.outcome)
    assert booted.outcome in booted.output
    assert sum(call.startswith(failing) for call in booted.calls) == 8
    assert [call for call in booted.calls if call.startswith(("systemctl restart", "aws"))] == []


def test_updates_of_the_image_are_kept_off_before_packages_are_asked_for(state: State, tmp_path: Path) -> None:
    booted = boot(user_data(state)["web"], tmp_path / "disk")
    assert booted.at("systemctl mask --now apt-daily.timer") < booted.at("apt-get")


def test_the_image_of_the_shop_is_there_before_the_host_is_in_service(state: State, tmp_path: Path) -> None:
    booted = boot(user_data(state)["app"], tmp_path / "disk")
    assert (
        booted.at("systemctl start --job-mode=ignore-dependencies docker.service")
        < booted.at("docker build")
        < booted.at("aws autoscaling")
    )
    assert (booted.disk / "opt/shop/Dockerfile").is_file()


def test_the_databases_password_goes_to_its_exporter_and_nowhere_else(state: State, tmp_path: Path) -> None:
    booted = boot(user_data(state)["monitoring"], tmp_path / "disk")
    file = booted.disk / "etc/default/prometheus-postgres-exporter"
    assert (file.read_text(), file.stat().st_mode & 0o777) == ('DATA_SOURCE_PASS="not\\"easy"\n', 0o600)
    assert "easy" not in booted.output


def test_alerts_need_no_grafana(state: State, tmp_path: Path) -> None:
    booted = boot(user_data(state)["monitoring"], tmp_path / "disk", refused="apt.grafana.com")
    assert (booted.status, booted.outcome) == (0, "done"), booted.output
    assert "Grafana could not be installed" in booted.output
    assert "systemctl restart prometheus-alertmanager.service" in booted.calls


@pytest.fixture(scope="session")
def debian(state: State) -> Path:
    """What the first boots install of Debian, unpacked, as far as the machine lacks it; and what judges them."""
    scripts = user_data(state)
    words = " ".join(re.findall(r"^retry apt-get install (.*)$", "\n".join(scripts.values()), re.MULTILINE)).split()
    return programs.ensure(packages=sorted({word for word in words if word[0] != "-"} | {"cloud-init", "systemd"}))


def test_systemd_accepts_each_unit_as_a_first_boot_leaves_it(debian: Path, state: State, tmp_path: Path) -> None:
    """With the programs where Debian's packages have them. https://man7.org/linux/man-pages/man1/systemd-analyze.1.html"""
    for tier in TIERS:
        disk = boot(user_data(state)[tier], tmp_path / tier).disk
        units = sorted((disk / "etc/systemd/system").glob("*.service"))
        lack = {named for unit in units for named in _programs(unit) if not _put(named, disk, debian)}
        assert lack <= NOT_OF_DEBIAN
        assert _verify(disk, units, debian) == ""


def test_systemd_finds_a_mistake(debian: Path, state: State, tmp_path: Path) -> None:
    disk = boot(user_data(state)["web"], tmp_path / "disk").disk
    unit = disk / "etc/systemd/system/nginx.service"
    unit.write_text(unit.read_text().replace("ExecReload=", "ExecReloud="))
    said = _verify(disk, [unit], debian)
    assert "Unknown key name 'ExecReloud'" in said or "Unknown key 'ExecReloud'" in said
    assert "/usr/sbin/nginx is not executable" in said


def _programs(unit: Path) -> set[str]:
    return set(re.findall(r"^Exec\w+=(\S+)", unit.read_text(), re.MULTILINE))


def _put(program: str, disk: Path, debian: Path) -> bool:
    """Stand something executable in for a program; whether the packages or the machine have it there."""
    path = disk / program.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return os.access(_installed(program, debian), os.X_OK)


def _installed(path: str, debian: Path) -> Path:
    """Where a file of a package is: unpacked, or on the machine that has the package."""
    unpacked = debian / path.lstrip("/")
    return unpacked if unpacked.exists() else Path(path)


def _verify(disk: Path, units: list[Path], debian: Path) -> str:
    """What systemd has to say of units of a disk, which gets systemd's own as well."""
    own = _installed("/usr/lib/systemd/system/sysinit.target", debian).parent
    shutil.copytree(own, disk / "lib/systemd/system", symlinks=True)
    analyse = [_installed("/usr/bin/systemd-analyze", debian), f"--root={disk}", "--man=no", "verify"]
    done = subprocess.run([*analyse, *(unit.name for unit in units)], capture_output=True, text=True)
    return done.stdout + done.stderr


# A script is not for cloud-init's schema to judge, but what it takes user data for is.
# https://docs.cloud-init.io/en/latest/explanation/format/index.html
def test_cloud_init_takes_first_boots_for_scripts(debian: Path, state: State) -> None:
    ask = "import sys; from cloudinit import handlers; print(handlers.type_from_starts_with(sys.stdin.read()))"
    said = {
        tier: subprocess.run(
            ["/usr/bin/python3", "-c", ask], input=script, capture_output=True, text=True, check=True,
            env={"PYTHONPATH": str(debian / "usr/lib/python3/dist-packages")},
        ).stdout.strip()
        for tier, script in user_data(state).items()
    }  # fmt: skip
    assert said == dict.fromkeys(TIERS, "text/x-shellscript")
