"""Markdown and mrkdwn, blocks and limits: pure, for every text there is."""

import contextlib
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_adapters.slack.blocks import TEXT, bodies, preview
from chatune_adapters.slack.errors import Limited
from chatune_adapters.slack.ids import Place, announced, place_of, ts_of
from chatune_adapters.slack.inbound import emoji, heard
from chatune_adapters.slack.limits import Limits
from chatune_adapters.slack.manifest import EVENTS, SCOPES, manifest
from chatune_adapters.slack.mrkdwn import (
    escaped,
    harmless,
    mentioned,
    to_mrkdwn,
    to_plain,
    unescaped,
)
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.testing.slack.blocks import check_blocks
from chatune_core.commands import Answer, command_from
from chatune_core.fitting import RATING
from chatune_core.messages import EventKey

MARKDOWN = st.text(st.sampled_from("ab `*_~#-[]()<>&|!\n@1é👍"), max_size=200)


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("plain", "plain"),
        ("**bold** and __bold__", "*bold* and *bold*"),
        ("*italic* and _italic_", "_italic_ and _italic_"),
        ("**bold with *italic* inside**", "*bold with _italic_ inside*"),
        ("~~gone~~", "~gone~"),
        ("`a < b`", "`a &lt; b`"),
        ("`**not bold**`", "`**not bold**`"),
        ("``a ` b``", "`a ` b`"),
        ("```python\nif a < b:\n    **c**\n```", "```\nif a &lt; b:\n    **c**\n```"),
        ("# Title\ntext", "*Title*\ntext"),
        ("## A **bold** title", "*A bold title*"),
        ("- one\n* two\n  + three", "• one\n• two\n  • three"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("[name](https://a.example/x_y_z)", "<https://a.example/x_y_z|name>"),
        ("![picture](https://a.example/p.png)", "<https://a.example/p.png|picture>"),
        ("<https://a.example/?a=1&b=2>", "<https://a.example/?a=1&amp;b=2>"),
        ("> quoted & more", "> quoted &amp; more"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("<!channel> <@U123>", "&lt;!channel&gt; &lt;@U123&gt;"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
    ],
)
def test_markdown_becomes_mrkdwn(markdown: str, shown: str) -> None:
    assert to_mrkdwn(markdown) == shown


@given(MARKDOWN, MARKDOWN)
def test_nor_does_markdown_for_slacks_own_reader_in_one_piece_or_in_two(
    begin: str, end: str
) -> None:
    whole, before = harmless(begin + end), harmless(begin)

    assert whole.startswith(before)
    assert not re.search("<[@!#]", whole)
    assert whole.replace("\u2060", "") == begin + end


@pytest.mark.parametrize(
    ("key", "ts", "is_announced"),
    [
        ("slack:T1:C1:1700000000.000100", "1700000000.000100", False),
        ("slack:T1:13345224609.738474920.8088930838d88f008e0", "", False),
        ("slack:T1:Ev08MFMKH6", "", False),
        ("slack:T1:posted:C1:1700000000.000100:card", "1700000000.000100", True),
        (
            "slack:T1:posted:C1:1700000000.000100:1700000099.000200:card",
            "1700000099.000200",
            True,
        ),
        ("slack:T1:13345224609.738474920.8088930838d88f008e0:restored", "", True),
    ],
)
def test_a_key_tells_when_it_happened_and_whether_anybody_asked(
    key: str, ts: str, is_announced: bool
) -> None:
    assert ts_of(EventKey(key)) == ts
    assert announced(EventKey(key)) is is_announced


@given(MARKDOWN)
def test_no_text_of_a_model_mentions_or_notifies_anybody(text: str) -> None:
    shown = to_mrkdwn(text)

    assert mentioned(shown) == []
    assert "<!" not in shown
    assert "<@" not in shown
    assert "<#" not in shown


@given(MARKDOWN)
def test_mrkdwn_is_never_longer_than_the_escaped_markdown(text: str) -> None:
    assert len(to_mrkdwn(text)) <= len(escaped(text))


@given(st.text())
def test_escapes_are_undone(text: str) -> None:
    assert unescaped(escaped(text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_plain_words_of_people_arrive_as_they_were_typed(text: str) -> None:
    assert to_plain(escaped(text), {}, "UBOT") == text.strip()


def test_what_people_write_in_slack_becomes_plain_text() -> None:
    text = "<@UBOT> ask <@U1> or <@U2|bob> in <#C1|general> <!here> <mailto:a@b.c|a@b.c>"

    assert to_plain(text, {"U1": "ada"}, "UBOT") == "ask @ada or @bob in #general @here a@b.c"


@given(st.text(st.sampled_from("ab &<>`*\n|-"), max_size=9_000), st.booleans())
def test_every_body_is_one_that_slack_takes(text: str, with_buttons: bool) -> None:
    made = bodies(text, RATING if with_buttons else ())

    for body in made:
        assert len(body.text) <= 4_000
        check_blocks(list(body.blocks))
    assert bool(made) == (bool(text.strip()) or with_buttons)
    if with_buttons:
        assert made[-1].blocks[-1]["type"] == "actions"


@given(st.text(st.sampled_from("ab &<>`*\n"), max_size=9_000))
def test_every_preview_is_one_that_slack_takes(text: str) -> None:
    shown = preview(text)

    assert 0 < len(shown.text) <= TEXT
    check_blocks(list(shown.blocks))


@given(st.sampled_from(["T1", "T2"]), st.sampled_from(["C1", "D1"]), st.sampled_from(["", "1.2"]))
def test_places_keep_through_the_ids_of_the_core(team: str, channel: str, thread: str) -> None:
    place = Place(team, channel, thread)

    assert place_of(place.conversation) == place


@pytest.mark.parametrize(
    ("name", "shown"),
    [("+1", "👍"), ("thumbsup::skin-tone-6", "👍"), ("-1", "👎"), ("tada", ":tada:")],
)
def test_reactions_are_known_by_their_names(name: str, shown: str) -> None:
    assert emoji(name) == shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.sampled_from(EVENTS),
    st.dictionaries(st.sampled_from(["user", "ts", "item", "channel", "message", "text"]), JSON),
)
def test_payloads_of_any_shape_fail_only_in_the_ways_that_are_skipped(
    kind: str, event: dict[str, object]
) -> None:
    payload = {"team_id": "T1", "event_id": "E1", "event": {"type": kind.split(".")[0]} | event}

    with contextlib.suppress(AttributeError, IndexError, KeyError, TypeError, ValueError):
        heard(payload, {})


def test_a_limited_channel_is_paced_and_keeps_the_order_of_who_came_first() -> None:
    now = [0.0]
    limits = Limits(lambda: now[0])
    limits.rest("T1", "chat.postMessage", "C1", timedelta(seconds=2))

    waits = []
    now[0] = 1.0
    for name in ("a", "b", "c"):
        with pytest.raises(Limited) as limited:
            limits.wait_for("T1", "chat.postMessage", "C1", name)
        waits.append(limited.value.after.total_seconds())
    now[0] = 2.0
    first = limits.wait_for("T1", "chat.postMessage", "C1", "a")
    with pytest.raises(Limited) as second:
        limits.wait_for("T1", "chat.postMessage", "C1", "b")
    elsewhere = limits.wait_for("T1", "chat.postMessage", "C2", "d")
    other_method = limits.wait_for("T1", "chat.update", "C1", "e")

    assert waits == [1.0, 1.0, 1.0]
    assert (first, elsewhere, other_method) == (0.0, 0.0, 0.0)
    assert second.value.after == timedelta(seconds=1)


async def _handler(context: object, text: str = "") -> Answer:
    return Answer(text)


def test_the_manifest_asks_for_what_is_used_and_offers_the_commands() -> None:
    commands = [
        command_from("help", "Show the commands.", _handler),
        command_from("summarize", "Summarize a text.", _handler, on_message="Summarize"),
    ]

    socket = manifest(SlackSettings(app_token="xapp-1"), commands)
    http = manifest(SlackSettings(public_url="https://bot.example"), commands)

    assert socket["oauth_config"]["scopes"]["bot"] == list(SCOPES)
    assert socket["settings"]["socket_mode_enabled"]
    assert "request_url" not in socket["settings"]["event_subscriptions"]
    assert [(one["type"], one["callback_id"]) for one in socket["features"]["shortcuts"]] == [
        ("global", "help"),
        ("message", "summarize"),
    ]
    assert set(socket["oauth_config"]["scopes"]) == {"bot"}
    url = "https://bot.example/slack/events"
    assert http["settings"]["event_subscriptions"]["request_url"] == url
    assert http["settings"]["interactivity"]["request_url"] == url
    assert http["features"]["slash_commands"][0]["url"] == url


@pytest.mark.parametrize(
    ("settings", "bot", "user"),
    [
        (SlackSettings(moderates=True), {"reactions:write"}, None),
        (SlackSettings(moderates=True, removes=True), {"reactions:write"}, ["chat:write"]),
        (SlackSettings(moderator_token="xoxp-1"), set(), ["chat:write"]),
    ],
)
def test_where_channels_are_watched_the_manifest_asks_for_that_and_no_more(
    settings: SlackSettings, bot: set[str], user: list[str] | None
) -> None:
    asked = manifest(settings, ())

    scopes = asked["oauth_config"]["scopes"]
    assert set(scopes["bot"]) - set(SCOPES) == bot
    assert scopes.get("user") == user
    assert asked["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
