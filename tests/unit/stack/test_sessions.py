"""What is typed on a host is on its session log, by whichever way one came: the real files, bash, sshd and clients."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from chaosgood_ext.twin import programs as twin_programs
from chaosgood_ext.twin.sandbox import copy_etc

from .conftest import STACK, free_port, wait_for

USER = "admin"
ACCOUNTS = {
    "passwd": f"root:x:0:0::/root:/bin/bash\n{USER}:x:1000:1000::/home/{USER}:/bin/bash\n",
    "group": f"root:x:0:\n{USER}:x:1000:\n",
}
# As nobody special, like who comes by Session Manager or SSH; sshd lets in only whom it runs as then.
_AS_ON_A_HOST = """
mount -t overlay -o lowerdir="$0"/usr:/usr,userxattr overlay /usr
for folder in etc home var/log; do mount --bind "$1/$folder" "/$folder"; done
exec unshare --user --map-user=1000 --map-group=1000 --wd=/home/admin -- "${@:2}"
"""
LINES = [
    "echo plain",
    """echo 'single  "double"' "it's" """,
    "echo one; echo two >&2; false || echo three",
    "echo $(echo in a shell of its own) `echo and another`",
    "for n in 1 2; do\n\techo line $n\ndone",
    "cat <<'END'\nEND of what?\nnot $(yet)\nEND\n",
    "echo 'Zürich, 東京, 🧨, {{ command }}' \\\n  '& \\ %s $$'",
    r"printf '%s\n' '\\\"' $'\e[31m' '#'",
]


@dataclass(frozen=True)
class Host:
    """A host's file system, in which programs run as its user."""

    tree: Path
    folder: Path
    port: int

    def argv(self, *command: str) -> list[str]:
        namespaces = ["unshare", "--user", "--map-root-user", "--mount"]
        return [*namespaces, "bash", "-ec", _AS_ON_A_HOST, str(self.tree), str(self.folder), *command]

    def run(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        environment = {"PATH": os.environ["PATH"], "HOME": f"/home/{USER}", "LANG": "C.UTF-8", "TERM": "xterm"}
        return subprocess.run(self.argv(*command), input=stdin, capture_output=True, timeout=60, env=environment)

    def ssh(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Over SSH; arguments before the host's name are options."""
        return self.run("ssh", "-q", "-p", str(self.port), *self.options(), *arguments, stdin=stdin)

    def options(self) -> list[str]:
        return ["-i", f"/home/{USER}/key", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"]

    @property
    def log(self) -> Path:
        return self.folder / "var/log/session.log"

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def commands(self) -> list[str]:
        return [line["command"] for line in self.lines() if "command" in line]

    def seen(self) -> str:
        """What was seen in terminals, as Session Manager writes it."""
        return "\n".join(text for line in self.lines() for text in line.get("sessionData", []))

    def home(self, name: str) -> Path:
        return self.folder / "home" / USER / name


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("host")
    tree = twin_programs.ensure(packages=("openssh-client", "openssh-server", "rsync"))
    copy_etc(Path("/etc"), folder / "etc")
    copytree(STACK / "common/etc", folder / "etc", dirs_exist_ok=True)
    for name, text in ACCOUNTS.items():
        (folder / "etc" / name).write_text(text)
    # Debian's own, which the package's script would have put there.
    (folder / "etc/ssh/sshd_config").write_text((tree / "usr/share/openssh/sshd_config").read_text())
    (folder / "var/log").mkdir(parents=True)
    (folder / "home" / USER / ".ssh").mkdir(parents=True)
    host = Host(tree, folder, free_port())
    for key in (f"/home/{USER}/key", f"/home/{USER}/host_key"):
        done = host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        assert done.returncode == 0, done.stderr
    host.home("key.pub").rename(host.home(".ssh/authorized_keys"))
    return host


@contextmanager
def _sshd(host: Host) -> Iterator[None]:
    settings = {"Port": host.port, "ListenAddress": "127.0.0.1", "HostKey": f"/home/{USER}/host_key", "PidFile": "none"}
    # PAM is for root.
    settings |= {"UsePAM": "no"}
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    said = host.folder / "sshd.log"
    with said.open("wb") as log:
        process = subprocess.Popen(host.argv("/usr/sbin/sshd", "-D", "-e", *options), stdout=log, stderr=log)
        try:
            wait_for(lambda: "listening" in said.read_text(), "sshd listens")
            yield
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture(scope="session")
def served(made: Host) -> Iterator[Host]:
    with _sshd(made):
        yield made


@pytest.fixture
def host(made: Host) -> Host:
    """With nothing on its log."""
    made.log.write_text("")
    return made


@pytest.fixture
def reached(served: Host, host: Host) -> Host:
    return host


def encoded(line: str) -> str:
    return base64.b64encode(line.encode()).decode()


@pytest.mark.parametrize("line", LINES)
def test_a_line_by_session_manager_is_logged_whole_and_run(host: Host, line: str) -> None:
    wanted = host.run("bash", "-c", line)
    done = host.run("bash", "/etc/chaosgood/command", encoded(line))
    assert (done.returncode, done.stdout, done.stderr) == (wanted.returncode, wanted.stdout, wanted.stderr)
    assert [command.rstrip("\n") for command in host.commands()] == [line.rstrip("\n")]


@pytest.mark.parametrize("line", LINES)
def test_a_line_by_ssh_is_logged_whole_and_run(reached: Host, line: str) -> None:
    wanted = reached.run("bash", "-c", line)
    done = reached.ssh("127.0.0.1", line)
    assert (done.returncode, done.stdout, done.stderr) == (wanted.returncode, wanted.stdout, wanted.stderr)
    assert reached.commands() == [line]


def test_the_status_of_a_command_is_ones_own(reached: Host) -> None:
    assert reached.run("bash", "/etc/chaosgood/command", encoded("exit 7")).returncode == 7
    assert reached.ssh("127.0.0.1", "exit 7").returncode == 7
    assert reached.ssh("-tt", "127.0.0.1", "exit 7").returncode == 7


def test_what_is_no_base64_is_not_run(host: Host) -> None:
    done = host.run("bash", "/etc/chaosgood/command", "$(touch made)")
    assert done.returncode == 2
    assert b"Nothing was run" in done.stderr
    assert host.commands() == []
    assert not host.home("made").exists()


def test_nothing_is_run_that_cannot_be_logged(reached: Host) -> None:
    reached.log.unlink()
    reached.log.mkdir()
    try:
        for done in (
            reached.run("bash", "/etc/chaosgood/command", encoded("touch made")),
            reached.ssh("127.0.0.1", "touch made"),
            reached.ssh("-T", "127.0.0.1", stdin=b"touch made\n"),
        ):
            assert done.returncode == 2
            assert b"Nothing was run" in done.stderr
            assert not reached.home("made").exists()
    finally:
        reached.log.rmdir()


def test_debians_sshd_takes_the_settings(made: Host) -> None:
    done = made.run("/usr/sbin/sshd", "-T", "-h", f"/home/{USER}/host_key")
    said = done.stdout.decode().splitlines()
    assert {"forcecommand bash /etc/chaosgood/ssh", "permitrootlogin no"} <= set(said), done.stderr


def test_a_terminal_by_ssh_leaves_its_transcript_whatever_shell_is_in_it(reached: Host) -> None:
    typed = b"echo one-$((40 + 2))\necho 'in\n2 lines'\nbash --norc\necho two-$((40 + 3))\nexit\nexit\n"
    done = reached.ssh("-tt", "127.0.0.1", stdin=typed)
    assert done.returncode == 0, done.stderr
    assert b"one-42" in done.stdout
    wait_for(lambda: "two-43" in reached.seen(), "the transcript")
    assert reached.commands() == ["echo one-$((40 + 2))", "echo 'in\n2 lines'", "bash --norc", "exit"]
    assert "echo two-$((40 + 3))" in reached.seen()


def test_a_program_in_a_terminal_by_ssh_leaves_its_transcript(reached: Host) -> None:
    reached.ssh("-tt", "127.0.0.1", "bash --norc", stdin=b"echo deep-$((1 + 1))\nexit\n")
    wait_for(lambda: "deep-2" in reached.seen(), "the transcript")
    assert reached.commands() == ["bash --norc"]


@pytest.mark.parametrize(
    "line",
    [
        "bash", "sh -s", "", "/home/admin/sftp-server", "rsync --server . .; bash", "scp -t /tmp && bash",
        "scp -t /tmp\nbash", "scp -t $(bash)", "scp -S bash -t a:",
    ],
)  # fmt: skip
def test_what_goes_into_a_shell_without_a_terminal_is_logged(reached: Host, line: str) -> None:
    reached.home("sftp-server").unlink(missing_ok=True)
    reached.home("sftp-server").symlink_to("/bin/bash")
    done = reached.ssh("-T", "127.0.0.1", *([line] if line else []), stdin=b"\nexpr 6 \\* 7\n")
    wait_for(lambda: "expr 6 \\* 7" in reached.seen(), f"what was typed; {done.stdout!r} {done.stderr!r}")


def test_an_open_input_keeps_no_command_waiting(reached: Host) -> None:
    process = subprocess.Popen(
        reached.argv("ssh", "-q", "-p", str(reached.port), *reached.options(), "127.0.0.1", "echo done"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.wait(20) == 0
        assert process.stdout.read() == b"done\n"
    finally:
        process.kill()
        process.communicate()


TRANSFERS = {
    "sftp": ("scp", "-P"),
    "scp": ("scp", "-O", "-P"),
}


@pytest.mark.parametrize("way", TRANSFERS)
def test_files_are_copied_and_named(reached: Host, way: str) -> None:
    content = os.urandom(200_000)
    reached.home("there file").write_bytes(content)
    copied = (*TRANSFERS[way], str(reached.port), "-q", *reached.options())
    done = reached.run(*copied, "there file", "127.0.0.1:here")
    assert done.returncode == 0, done.stderr
    assert reached.home("here").read_bytes() == content
    done = reached.run(*copied, "127.0.0.1:here", "back")
    assert done.returncode == 0, done.stderr
    assert reached.home("back").read_bytes() == content
    wait_for(lambda: "here" in reached.seen() + "".join(reached.commands()), "the file's name")
    assert len(reached.commands()) == 2


def test_files_are_synchronised_and_named(reached: Host) -> None:
    content = os.urandom(200_000)
    reached.home("tree").mkdir()
    reached.home("tree/a file").write_bytes(content)
    way = " ".join(["ssh", "-q", "-p", str(reached.port), *reached.options()])
    done = reached.run("rsync", "-a", "-e", way, "tree/", "127.0.0.1:mirror")
    assert done.returncode == 0, done.stderr
    assert reached.home("mirror/a file").read_bytes() == content
    (command,) = reached.commands()
    assert command.startswith("rsync --server")
    assert "mirror" in command
    assert reached.seen() == ""


def test_one_who_works_as_the_player_does_so_by_every_way(reached: Host) -> None:
    asked = "echo $AWS_CONFIG_FILE"
    settings = reached.folder / "etc/chaosgood/aws"
    assert reached.ssh("127.0.0.1", asked).stdout == b"\n"
    settings.write_text("[default]\n")
    try:
        assert reached.ssh("127.0.0.1", asked).stdout == b"/etc/chaosgood/aws\n"
        assert reached.run("bash", "/etc/chaosgood/command", encoded(asked)).stdout == b"/etc/chaosgood/aws\n"
        shell = reached.run("bash", "--rcfile", "/etc/chaosgood/bashrc", "-i", stdin=f"{asked}\n".encode())
        assert b"/etc/chaosgood/aws\n" in shell.stdout
    finally:
        settings.unlink()
