"""The metadata service answers instances as EC2's does, and nobody without a token."""

import json
from collections.abc import Callable

import pytest

from chaosgood_ext.twin.cloud.identities import Credentials
from chaosgood_ext.twin.cloud.metadata import About, Metadata, Page

WEB = About(
    "i-1",
    "t3.micro",
    "10.0.10.5",
    "ip-10-0-10-5",
    "us-east-1a",
    "ami-1",
    ("chaosgood-web",),
    "instance",
    {"tier": "web"},
    "#!/bin/sh\n",
)


@pytest.fixture
def sessions() -> list[str]:
    return []


@pytest.fixture
def get(sessions: list[str]) -> Callable[..., Page]:
    def assume(role: str, session: str, seconds: int) -> Credentials:
        sessions.append(f"{role}/{session}/{seconds}")
        return Credentials("ASIA1", "secret", "token")

    metadata = Metadata("us-east-1", "123456789012", {WEB.address: WEB}.get, assume)
    token = metadata.token(WEB.address, "60").text

    def ask(path: str, source: str = WEB.address, token: str = token) -> Page:
        return metadata.get(source, token, path)

    return ask


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/latest/meta-data/instance-id", "i-1"),
        ("/latest/user-data", "#!/bin/sh\n"),
        ("/latest/meta-data/placement/", "availability-zone\nregion"),
        ("/latest/meta-data/iam/security-credentials/", "instance"),
        ("/latest/meta-data/tags/instance/tier", "web"),
        ("/latest/meta-data/security-groups", "chaosgood-web"),
    ],
)
def test_an_instance_learns_about_itself(get: Callable[..., Page], path: str, text: str) -> None:
    assert get(path) == Page(200, text)


def test_the_root_lists_what_there_is(get: Callable[..., Page]) -> None:
    assert {"ami-id", "iam/", "placement/", "tags/"} <= set(get("/latest/meta-data/").text.split("\n"))


def test_credentials_are_those_of_the_instances_role_and_are_kept(
    get: Callable[..., Page], sessions: list[str]
) -> None:
    pages = [get("/latest/meta-data/iam/security-credentials/instance") for _ in range(2)]
    assert json.loads(pages[0].text)["AccessKeyId"] == "ASIA1"
    assert pages[0] == pages[1]
    assert sessions == ["instance/i-1/21600"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"token": ""}, 401),
        ({"token": "made-up"}, 401),
        ({"source": "10.0.10.6"}, 401),
        ({"path": "/latest/meta-data/nothing"}, 404),
        ({"path": "/latest/nothing"}, 404),
    ],
)
def test_it_answers_nobody_without_a_token_of_his_own(
    get: Callable[..., Page], asked: dict[str, str], status: int
) -> None:
    assert get(**{"path": "/latest/meta-data/instance-id", **asked}).status == status


@pytest.mark.parametrize("ttl", ["", "0", "21601", "-1", "x"])
def test_a_token_lives_for_a_second_to_six_hours(ttl: str) -> None:
    metadata = Metadata("us-east-1", "1", {}.get, lambda *_: Credentials("", ""))
    assert metadata.token("10.0.0.1", ttl).status == 400
