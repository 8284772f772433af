import threading
import time

import pytest

from chaosgood_ext.notify.channel import Notifier, NotSent, configured
from chaosgood_ext.notify.discord import EMBED, Discord, fit, length, payload
from chaosgood_ext.notify.message import Message, Tone
from tests.fakes.http import Answer, serve
from tests.fakes.waiting import eventually

PAGE = Message(Tone.PAGE, "Shop: 50 % fail", "Customers cannot order. @everyone", (("where", "there"),), "alert X")


def soon():
    return time.monotonic() + 5


def texts(body):
    (embed,) = body["embeds"]
    parts = [embed["title"], embed["description"], embed.get("footer", {}).get("text", "")]
    return parts + [text for field in embed.get("fields", ()) for text in (field["name"], field["value"])]


def test_a_message_is_one_embed_with_mentions_shut_off():
    body = payload(PAGE)
    assert body["allowed_mentions"] == {"parse": []}
    assert body["embeds"][0]["title"] == "Shop: 50 % fail"
    assert body["embeds"][0]["fields"] == [{"name": "where", "value": "there", "inline": True}]


@pytest.mark.parametrize("character", ["x", "é", "🔥"])
def test_every_limit_of_discord_is_kept_whatever_the_text(character):
    long = character * 9000
    body = payload(Message(Tone.SUCCESS, long, long, tuple((long, long) for _ in range(40)), long))
    embed = body["embeds"][0]
    assert length(body["content"]) <= 2000
    assert length(embed["title"]) <= 256
    assert length(embed["description"]) <= 4096
    assert len(embed.get("fields", ())) <= 25
    assert all(length(one["name"]) <= 256 and length(one["value"]) <= 1024 for one in embed.get("fields", ()))
    assert sum(map(length, texts(body))) <= EMBED


def test_many_short_fields_are_cut_at_25_and_empty_ones_are_filled():
    body = payload(Message(Tone.PAGE, "t", "d", tuple(("", "") for _ in range(30))))
    assert [(one["name"], one["value"]) for one in body["embeds"][0]["fields"]] == [("-", "-")] * 25


@pytest.mark.parametrize(
    ("text", "limit", "cut"), [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("🔥🔥🔥", 5, "🔥🔥…"), ("ab", 0, "")]
)
def test_text_is_cut_with_an_ellipsis_and_never_within_a_character(text, limit, cut):
    assert fit(text, limit) == cut


def test_a_message_is_posted_with_wait_and_a_user_agent():
    with serve(lambda _: Answer(200, {"id": "1"})) as discord:
        Discord(f"{discord.url}/api/webhooks/1/secret?thread_id=7").send(PAGE, soon(), threading.Event())
    (request,) = discord.requests
    assert request.query == {"wait": "true", "thread_id": "7"}
    assert request.headers["User-Agent"].startswith("chaotic-good/")
    assert request.json() == payload(PAGE)


@pytest.mark.parametrize("how", ["header", "body"])
def test_a_429_is_waited_for_as_long_as_discord_says(how):
    said = [{"headers": {"Retry-After": "0.3"}} if how == "header" else {"body": {"retry_after": 0.3}}, {}]
    times = []

    def answer(_):
        times.append(time.monotonic())
        return Answer(429 if len(times) == 1 else 200, **said[len(times) - 1])

    with serve(answer) as discord:
        Discord(discord.url).send(PAGE, soon(), threading.Event())
    assert 0.3 <= times[1] - times[0] < 2


def test_a_429_that_outlasts_the_deadline_is_given_up_at_once():
    with serve(lambda _: Answer(429, headers={"Retry-After": "60"})) as discord:
        began = time.monotonic()
        with pytest.raises(NotSent, match="429") as caught:
            Discord(discord.url).send(PAGE, soon(), threading.Event())
    assert time.monotonic() - began < 2
    assert not caught.value.forever


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_webhook_that_is_gone_is_asked_once_and_never_again(status):
    with serve(lambda _: Answer(status)) as discord:
        failed = []
        notifier = Notifier(Discord(f"{discord.url}/x/token"), print, lambda *told: failed.append(told))
        notifier.send(PAGE)
        notifier.send(PAGE)
        notifier.close(5)
    assert len(discord.requests) == len(failed) == 1
    assert "token" not in str(failed)


def test_a_server_error_is_tried_again_and_a_bad_request_is_not():
    statuses = iter([500, 200])
    with serve(lambda _: Answer(next(statuses))) as discord:
        Discord(discord.url).send(PAGE, soon(), threading.Event())
    assert len(discord.requests) == 2
    with serve(lambda _: Answer(400, b"bad embed")) as discord, pytest.raises(NotSent, match="400: bad embed"):
        Discord(discord.url).send(PAGE, soon(), threading.Event())
    assert len(discord.requests) == 1


def test_a_dead_address_says_nothing_of_its_secret():
    with pytest.raises(NotSent) as caught:
        Discord("http://127.0.0.1:9/secret").send(PAGE, time.monotonic() + 0.6, threading.Event())
    assert "secret" not in str(caught.value)
    with pytest.raises(NotSent, match="not a URL") as caught:
        Discord("nonsense").send(PAGE, soon(), threading.Event())
    assert caught.value.forever


def test_a_webhook_that_hangs_never_delays_who_sends_or_closes():
    released = threading.Event()
    with serve(lambda _: Answer(until=released)) as discord:
        failed = []
        began = time.monotonic()
        notifier = Notifier(Discord(discord.url), print, lambda *told: failed.append(told))
        notifier.send(PAGE)
        eventually(lambda: discord.requests)
        notifier.close(0.2)
        assert time.monotonic() - began < 2
        released.set()


def test_what_waits_for_discord_is_given_up_when_the_game_is_over():
    failed = []
    with serve(lambda _: Answer(429, headers={"Retry-After": "5"})) as discord:
        notifier = Notifier(Discord(discord.url), print, lambda *told: failed.append(told))
        notifier.send(PAGE)
        eventually(lambda: discord.requests)
        notifier.close(0)
        eventually(lambda: failed)
    assert "the game is over" in failed[0][2]


def test_discord_is_used_when_its_variable_is_set():
    assert configured({}) == configured({"DISCORD_WEBHOOK_URL": " "}) == []
    assert [channel.name for channel in configured({"DISCORD_WEBHOOK_URL": "https://x"})] == ["Discord"]
