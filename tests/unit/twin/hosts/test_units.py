"""The supervisor reads the unit files that AWS gets, and refuses what it would have to ignore."""

import pytest

from chaosgood_ext.errors import BadInput
from chaosgood_ext.twin.hosts.files import STACK, disk_of
from chaosgood_ext.twin.hosts.units import environment_of, expand, parse

NGINX = """\
[Unit]
Description=A web server
[Service]
# a comment
Environment=WORKERS=2 "GREETING=good day"
EnvironmentFile=-/etc/default/nginx
StateDirectory=nginx
ExecStartPre=/usr/sbin/nginx -t
ExecStart=/usr/sbin/nginx -g \\
    "daemon off;"
Restart=on-failure
RestartSec=1s
[Install]
WantedBy=multi-user.target
"""


def test_a_unit_file_says_what_runs_and_how_it_is_restarted() -> None:
    unit = parse("nginx", NGINX)
    assert unit.exec_start == ("/usr/sbin/nginx", "-g", "daemon off;")
    assert unit.exec_start_pre == (("mkdir", "-p", "/var/lib/nginx"), ("/usr/sbin/nginx", "-t"))
    assert unit.environment == {"WORKERS": "2", "GREETING": "good day"}
    assert (unit.restart, unit.restart_delay_s) == ("on-failure", 1.0)
    assert unit.description == "A web server"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[Service]\nExecStrat=/bin/true\n", "line 2: [Service] 'ExecStrat=/bin/true' is not understood"),
        ("[Service]\nRestart=always\n", "needs exactly one ExecStart="),
        ("[Socket]\nListenStream=80\n", "[Socket] 'ListenStream=80' is not understood"),
        ("[Service]\nExecStart=/bin/true\nRestartSec=soon\n", "RestartSec=soon"),
    ],
)
def test_what_it_does_not_understand_it_refuses(text: str, says: str) -> None:
    with pytest.raises(BadInput) as problem:
        parse("x", text)
    assert says in str(problem.value)


def test_environment_files_come_last_and_may_be_optional() -> None:
    service = ["[Service]", "ExecStart=/bin/x", "Environment=A=1 B=2", "EnvironmentFile=/e", "EnvironmentFile=-/none"]
    unit = parse("x", "\n".join(service))
    files = {"/e": "# no\nB=3\nC='x y'\n"}

    def read(path: str) -> str:
        if path not in files:
            raise FileNotFoundError(path)
        return files[path]

    assert environment_of(unit, read) == {"A": "1", "B": "3", "C": "x y"}


def test_variables_expand_as_systemd_does() -> None:
    environment = {"ARGS": "--a --b", "PORT": "80"}
    assert expand(("run", "$ARGS", "--port=${PORT}", "$NONE"), environment) == ["run", "--a", "--b", "--port=80"]


@pytest.mark.parametrize("tier", ["web", "app", "monitoring", "workstation"])
def test_every_tiers_files_are_understood(tier: str) -> None:
    disk = disk_of(tier, with_common=True)
    assert "/etc/chaosgood/bashrc" in disk.files
    assert all(unit.exec_start[0].startswith("/") for unit in disk.units)


def test_an_override_that_matches_nothing_is_an_error(tmp_path: object) -> None:
    import json
    from pathlib import Path

    stack = Path(str(tmp_path))
    (stack / "web" / "etc").mkdir(parents=True)
    (stack / "web" / "etc" / "a.conf").write_text("one two")
    (stack / "twin-overrides.json").write_text(json.dumps({"web/etc/a.conf": [{"find": "two", "replace": "2"}]}))
    assert disk_of("web", with_common=False, stack=stack).files == {"/etc/a.conf": "one 2"}
    (stack / "web" / "etc" / "a.conf").write_text("two two")
    with pytest.raises(BadInput, match="exactly once"):
        disk_of("web", with_common=False, stack=stack)


def test_the_stack_travels_with_the_package() -> None:
    assert (STACK / "topology.json").is_file()
