"""What apt and dpkg say, turned into facts and sentences."""

from __future__ import annotations

import pytest

from chaosgood_ext.twin import apt


def test_a_package_that_was_removed_but_not_purged_does_not_count_as_installed() -> None:
    status = (
        "Package: nginx\nStatus: install ok installed\nVersion: 1\n\n"
        "Package: prometheus\nStatus: deinstall ok config-files\nVersion: 2\n\n"
        "Package: jq\nStatus: hold ok installed\nVersion: 3\n"
    )
    assert apt.installed_packages(status) == {"nginx", "jq"}


def test_the_plan_is_read_from_what_apt_would_fetch() -> None:
    printed = (
        "Reading package lists...\n"
        "'http://mirror/pool/n/nginx_1.22.1-9+deb12u11_amd64.deb' nginx_1.22.1-9+deb12u11_amd64.deb 532468 SHA256:ab\n"
    )
    assert apt.planned_downloads(printed) == [
        apt.Download(
            "nginx",
            "http://mirror/pool/n/nginx_1.22.1-9+deb12u11_amd64.deb",
            "nginx_1.22.1-9+deb12u11_amd64.deb",
            532468,
        )
    ]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("E: Unable to locate package mtail\nE: Unable to locate package lnav", "do not have lnav, mtail"),
        ("E: Package 'postgresql-15' has no installation candidate", "do not have postgresql-15"),
        (
            "E: Unable to locate package nginx\nW: Failed to fetch http://mirror/InRelease  "
            "Temporary failure resolving 'mirror'",
            "no package mirror answers",
        ),
        ("E: Failed to fetch http://mirror/a.deb  404  Not Found [IP: 1.2.3.4 80]", "404  Not Found"),
        ("a.deb: tar: usr/bin/a: Cannot write: No space left on device", "is full"),
        ("E: You don't have enough free space in /c/.", "is full"),
        ("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'", "dpkg --configure -a"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_told_in_a_sentence_with_a_remedy(said: str, expected: str) -> None:
    error = apt.diagnose(said)
    assert expected in error.what
    assert error.remedy
