"""The programs folder: decisions on text, and a real apt and dpkg on a mirror of our own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chaosgood_ext.errors import MachineError
from chaosgood_ext.twin import apt, programs

BOOKWORM = 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'


class TestTreeName:
    """The folder's name says for what it was made."""

    def test_the_order_of_the_packages_does_not_matter(self) -> None:
        assert programs.tree_name(["a", "b"], BOOKWORM, "x86_64") == programs.tree_name(["b", "a"], BOOKWORM, "x86_64")

    @pytest.mark.parametrize(
        ("packages", "os_release", "architecture"),
        [
            (["a", "c"], BOOKWORM, "x86_64"),
            (["a", "b"], BOOKWORM.replace("12", "13"), "x86_64"),
            (["a", "b"], BOOKWORM, "aarch64"),
        ],
    )
    def test_another_list_release_or_architecture_is_another_tree(
        self, packages: list[str], os_release: str, architecture: str
    ) -> None:
        usual = programs.tree_name(["a", "b"], BOOKWORM, "x86_64")
        assert programs.tree_name(packages, os_release, architecture) != usual

    def test_an_update_of_the_same_release_is_the_same_tree(self) -> None:
        newer = BOOKWORM + 'PRETTY_NAME="Debian GNU/Linux 12.9"\n'
        assert programs.tree_name(["a"], newer, "x86_64") == programs.tree_name(["a"], BOOKWORM, "x86_64")


Mirror = Callable[..., None]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """A package mirror in a folder, apt's only source; called with a name and files, it publishes a package."""
    pool = tmp_path / "mirror"
    pool.mkdir()
    (pool / "Packages").touch()
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{pool} ./\n")
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "cache"))

    def publish(name: str, files: dict[str, str], depends: str = "") -> None:
        root = tmp_path / "build" / name
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
            (root / path).chmod(0o4755)
        control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n"
        control += f"Depends: {depends}\n" if depends else ""
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN" / "control").write_text(control + "Description: for a test\n")
        # A script like this is what installing would run, and unpacking must not.
        (root / "DEBIAN" / "postinst").write_text(f"#!/bin/sh\ntouch {tmp_path}/postinst-ran\n")
        (root / "DEBIAN" / "postinst").chmod(0o755)
        package = pool / f"{name}_1_all.deb"
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, package], check=True, capture_output=True)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        with (pool / "Packages").open("a") as index:
            index.write(
                f"{control}Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
                "Description: for a test\n\n"
            )

    return publish


def test_packages_and_what_they_need_are_unpacked_below_usr(mirror: Mirror, tmp_path: Path) -> None:
    mirror("cg-test-base", {"lib/cg-test/base.so": "base", "usr/share/man/man1/cg.1": "a page", "var/lib/cg": "state"})
    mirror(
        "cg-test-tool",
        {"bin/cg-tool": "tool", "usr/bin/cg-other": "other", "etc/cg.conf": "conf"},
        depends="cg-test-base, libc6",
    )

    tree = programs.ensure(packages=["cg-test-tool"])

    found = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert found == {
        "usr/bin/cg-tool",
        "usr/bin/cg-other",
        "usr/lib/cg-test/base.so",
        "etc/cg.conf",
        "manifest.json",
    }
    assert not (tree / "bin").exists(follow_symlinks=False)
    assert (tree / "usr/bin/cg-tool").stat().st_mode & 0o7777 == 0o755, "no set-user-id bit is taken over"
    assert not (tmp_path / "postinst-ran").exists()
    left = {path.name for path in tree.parent.iterdir()}
    assert left == {tree.name, "lock"}, "lists and downloads are gone"


def test_a_second_call_asks_nobody(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror("cg-test", {"usr/bin/cg": "tool"})
    told: list[str] = []
    first = programs.ensure(told.append, ["cg-test"])
    assert len(told) == 3
    monkeypatch.setattr(apt.subprocess, "run", None)
    assert programs.ensure(told.append, ["cg-test"]) == first
    assert len(told) == 3


def test_a_package_that_nobody_has_is_named(mirror: Mirror) -> None:
    with pytest.raises(MachineError, match="do not have cg-absent"):
        programs.ensure(packages=["cg-absent"])


def test_a_damaged_download_leaves_no_tree_and_the_next_call_mends_it(mirror: Mirror, tmp_path: Path) -> None:
    mirror("cg-test", {"usr/bin/cg": "tool"})
    package = tmp_path / "mirror" / "cg-test_1_all.deb"
    whole = package.read_bytes()
    package.write_bytes(whole[:-60] + b"x" * 60)
    with pytest.raises(MachineError, match="cg-test"):
        programs.ensure(packages=["cg-test"])
    assert not list((tmp_path / "cache/programs").glob(f"*/{programs._MANIFEST}"))

    package.write_bytes(whole)
    assert (programs.ensure(packages=["cg-test"]) / "usr/bin/cg").exists()


def test_two_at_once_make_one_tree(mirror: Mirror, tmp_path: Path) -> None:
    mirror("cg-test", {"usr/bin/cg": "tool"})
    call = "from chaosgood_ext.twin import programs; print(programs.ensure(packages=['cg-test']))"
    both = [
        subprocess.Popen([sys.executable, "-c", call], stdout=subprocess.PIPE, env=os.environ, text=True) for _ in "12"
    ]
    answers = {each.communicate(timeout=60)[0] for each in both}
    assert [each.returncode for each in both] == [0, 0]
    assert len(answers) == 1
    assert len(list((tmp_path / "cache/programs").glob(f"*/{programs._MANIFEST}"))) == 1


def test_what_was_left_by_a_killed_fetch_is_swept_away(mirror: Mirror, tmp_path: Path) -> None:
    mirror("cg-test", {"usr/bin/cg": "tool"})
    left = tmp_path / "cache/programs/partial-killed"
    left.mkdir(parents=True)
    programs.ensure(packages=["cg-test"])
    assert not left.exists()


def test_a_tree_that_counted_on_a_package_since_uninstalled_is_made_anew(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror("cg-test", {"usr/bin/cg": "tool"}, depends="cg-base")
    mirror("cg-base", {"usr/lib/cg-base": "base"})
    status = tmp_path / "status"
    monkeypatch.setattr(apt, "DPKG_STATUS", status)
    monkeypatch.setattr(programs, "DPKG_STATUS", status)
    status.write_text(
        "Package: cg-base\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@localhost>\nDescription: for a test\n\n"
    )
    first = programs.ensure(packages=["cg-test"])
    assert not (first / "usr/lib/cg-base").exists()

    status.write_text("")
    second = programs.ensure(packages=["cg-test"])
    assert second != first
    assert (second / "usr/lib/cg-base").exists()
    assert (first / "usr/bin/cg").exists(), "a running twin may still use it"


class TestCacheFolder:
    """What makes the cache folder unusable is said before anything is fetched."""

    def test_a_colon_cannot_be_part_of_a_mount_option(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "a:b"))
        with pytest.raises(MachineError, match="colon"):
            programs.ensure()

    def test_a_file_in_its_place_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path / "file"))
        with pytest.raises(MachineError, match="cannot be made: Not a directory"):
            programs.ensure()

    def test_a_machine_without_apt_is_told_to_play_on_debian(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("CHAOSGOOD_CACHE", str(tmp_path))
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(MachineError, match="no apt-get") as caught:
            programs.ensure()
        assert "Debian 12" in caught.value.remedy
