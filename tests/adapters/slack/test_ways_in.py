"""Both ways in: they are trusted no further than they prove, and they heal by themselves."""

import json
import logging
import time
from dataclasses import replace
from urllib.parse import urlencode

import aiohttp
import anyio
import pytest

from adapters.slack.place import Place, reply_to
from chatune_adapters.slack.install import checks
from chatune_adapters.testing.slack import (
    RetriedThoughAcked,
    ServerError,
    SocketDropped,
    signed,
)
from chatune_core.errors import ConfigurationError
from chatune_core.messages import CommandInvoked, MessageReceived

pytestmark = pytest.mark.anyio
HTTP = {"app_token": "", "listen": "127.0.0.1:0"}


async def _post(place: Place, body: str, headers: dict[str, str]) -> int:
    assert place.server.events_url is not None
    async with (
        aiohttp.ClientSession() as session,
        session.post(place.server.events_url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def _mention_body(place: Place) -> str:
    """Return the body of a request as Slack sends it, recorded on the way."""
    await place.mention("hello")
    await place.intake.next(MessageReceived)
    await place.server.settled()
    return json.dumps(place.server.log.deliveries("app_mention")[-1].payload)


async def test_over_http_the_request_url_is_verified_and_events_are_answered(place: Place) -> None:
    async with place.connected(**HTTP) as platform:
        verified = await place.server.verify_url()
        said = await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(event))
        await place.server.slash(place.ada, place.channel, "/chatune", "roll")
        command = await place.intake.next(CommandInvoked)

    assert verified
    assert [one.text for one in place.answers(said)] == ["Hello."]
    assert command.name == "roll"


async def test_over_http_a_retry_of_what_was_taken_in_is_harmless(place: Place) -> None:
    place.server.faults.add(RetriedThoughAcked(), "message")

    async with place.connected(**HTTP):
        await place.server.say(place.ada, place.server.dm_with(place.ada), "hello")
        await place.intake.next(MessageReceived)
        await place.server.settled()

    assert len(place.server.log.deliveries("message")) == 2
    assert place.intake.events == []


async def test_a_wrong_signature_and_a_stale_timestamp_are_refused_with_one_line(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with place.connected(**HTTP):
        body = await _mention_body(place)
        caplog.clear()
        kind = {"Content-Type": "application/json"}
        forged = await _post(place, body, signed("another secret", body, time.time()) | kind)
        old = signed(place.team.signing_secret, body, time.time() - 600) | kind
        stale = await _post(place, body, old)
        unsigned = await _post(place, body, kind)

    assert (forged, stale, unsigned) == (401, 401, 401)
    assert [one.levelname for one in caplog.records] == ["WARNING"] * 3
    assert place.intake.events == []


async def test_a_replayed_request_changes_nothing(place: Place) -> None:
    async with place.connected(**HTTP):
        body = await _mention_body(place)
        headers = signed(place.team.signing_secret, body, time.time())
        headers["Content-Type"] = "application/json"
        replayed = [await _post(place, body, headers) for _ in range(3)]

    assert replayed == [200, 200, 200]
    assert place.intake.events == []


async def test_bodies_that_cannot_be_read_are_refused_and_the_process_lives(place: Place) -> None:
    async with place.connected(**HTTP):
        for body in ("{", '{"type": []}', "payload=%7B", "[]", urlencode({"payload": "7"}), ""):
            headers = signed(place.team.signing_secret, body, time.time())
            await _post(place, body, headers)
        await place.mention("hello")
        event = await place.intake.next(MessageReceived)

    assert event.text == "hello"


async def test_an_envelope_that_was_lost_with_its_socket_comes_again(place: Place) -> None:
    place.server.faults.add(SocketDropped(after=False), "app_mention")
    place.server.faults.add(SocketDropped(after=True), "message")

    async with place.connected():
        await place.mention("hello")
        await place.intake.next(MessageReceived)
        await place.server.settled()

    assert place.intake.events == []
    assert place.server.log.given_up() == []


async def test_a_socket_that_slack_wants_to_close_is_replaced_before_it_closes(
    place: Place,
) -> None:
    async with place.connected():
        await place.server.sockets.disconnect("refresh_requested")
        await place.server.sockets.wait_for(2)
        for number in range(5):
            await place.mention(str(number))
        heard = [await place.intake.next(MessageReceived) for _ in range(5)]
        await place.server.settled()

    assert [one.text for one in heard] == ["0", "1", "2", "3", "4"]
    assert {one.attempt for one in place.server.log.deliveries("app_mention")} == {0}


async def test_a_silent_socket_is_noticed_and_replaced(place: Place) -> None:
    place.server.timing.ping_every = 0.5  # 10 ms

    async with place.connected(silence_s=0.2, ping_every_s=0.05) as platform:
        await anyio.sleep(0.3)  # pings alone keep it
        opened = len([one for one in place.server.log.sockets() if one.change == "opened"])
        place.server.sockets.silence()
        await place.server.sockets.wait_for_next()
        await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        health = platform.health()

    assert opened == 1
    assert event.text == "hello"
    assert health.connected


async def test_an_outage_of_the_socket_is_outlived_with_growing_waits(place: Place) -> None:
    async with place.connected(backoff_s=0.05):
        place.server.faults.add(ServerError(), "apps.connections.open", times=3)
        place.server.sockets.drop()
        await place.server.sockets.wait_for_next()
        await place.mention("hello")
        event = await place.intake.next(MessageReceived)

    assert event.text == "hello"


@pytest.mark.parametrize(
    ("changed", "clue"),
    [
        ({"bot_token": "xoxb-wrong"}, "Install App"),
        ({"app_token": "xapp-wrong"}, "App-Level Tokens"),
        ({"app_token": ""}, "App-Level Tokens"),
        ({"bot_token": ""}, "Bot User OAuth Token"),
        ({"app_token": "", "listen": "127.0.0.1:0", "signing_secret": ""}, "App Credentials"),
        ({"app_token": "", "listen": "nowhere"}, "host:port"),
    ],
)
async def test_what_is_wrong_with_the_settings_is_said_with_where_to_click(
    place: Place, changed: dict[str, str], clue: str
) -> None:
    with pytest.raises(BaseException) as raised:  # noqa: PT011
        async with place.connected(**changed):
            pass

    error = raised.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert isinstance(error, ConfigurationError)
    assert clue in str(error)


async def test_a_scope_that_nothing_works_without_stops_the_start(place: Place) -> None:
    place.team.scopes.discard("app_mentions:read")
    found = await checks(place.settings, place.store)

    assert any("app_mentions:read" in one.problem and not one.ok for one in found)


async def test_the_doctor_names_each_missing_scope_and_is_content_otherwise(place: Place) -> None:
    well = await checks(place.settings, place.store)
    place.team.scopes.discard("files:write")
    ill = await checks(place.settings, place.store)
    wrong = await checks(replace(place.settings, app_token="xapp-no"), place.store)

    assert all(one.ok for one in well)
    assert [one.problem for one in ill if not one.ok] == [
        "The scope files:write is missing: send files."
    ]
    assert [one.ok for one in wrong] == [True, False, False]


async def test_the_doctor_asks_for_the_flag_scope_only_where_channels_are_watched(
    place: Place,
) -> None:
    place.team.scopes.discard("reactions:write")
    plain = await checks(place.settings, place.store)
    watching = await checks(replace(place.settings, moderates=True), place.store)

    assert all(one.ok for one in plain)
    (ill,) = [one for one in watching if not one.ok]
    assert ill.problem == (
        "The scope reactions:write is missing: flag messages in channels that are watched."
    )
    assert "Reinstall to Workspace" in ill.remedy


async def test_the_doctor_says_which_watched_channel_the_bot_is_not_in(place: Place) -> None:
    away = place.server.add_channel(place.team, "away", with_bot=False)
    settings = replace(place.settings, moderates=True, channels=(place.channel.id, away.id, "C1"))

    *_, here, there, nowhere = await checks(settings, place.store)

    assert (here.ok, here.problem) == (True, f"The bot is in the channel {place.channel.id}.")
    assert not there.ok
    assert f"not in the channel {away.id}" in there.problem
    assert "/invite" in there.remedy
    assert "not in the channel C1, or there is none" in nowhere.problem


async def test_the_doctor_looks_whether_the_moderators_token_removes_messages(
    place: Place,
) -> None:
    server, team, other = place.server, place.team, place.server.add_team("Other")
    meg = server.add_user(team, "meg", is_admin=True)
    bob, eve = server.add_user(team, "bob"), server.add_user(other, "eve", is_admin=True)

    async def said(token: str) -> tuple[bool, str, str]:
        settings = replace(place.settings, moderates=True, removes=True, moderator_token=token)
        found = (await checks(settings, place.store))[-1]
        return found.ok, found.problem, found.remedy

    assert await said(server.user_token(meg)) == (True, "Messages are removed as meg in Acme.", "")
    for token, clue in (
        ("", "there is no moderator's token"),
        ("xoxp-unknown", "refused the moderator's token (invalid_auth)"),
        (server.user_token(meg, "users:read"), "lacks the scope chat:write"),
        (server.user_token(bob), "of bob, who is no administrator"),
        (server.user_token(eve), "another workspace"),
        ("xoxb-1", "not a person's token"),
    ):
        ok, problem, remedy = await said(token)
        assert not ok
        assert clue in problem
        assert "OAuth Token" in remedy


async def test_no_secret_reaches_the_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    place.server.faults.add(SocketDropped(), "message")

    async with place.connected() as platform:
        await place.mention("a secret message")
        event = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(event, "a secret answer"))
        await place.server.settled()
        await place.server.sockets.wait_for()
        await place.server.slash(place.ada, place.channel, "/chatune", "roll")
        command = await place.intake.next(CommandInvoked)
        await platform.sender.deliver(reply_to(command, private=True))
        await place.server.settled()

    ours = "\n".join(one.getMessage() for one in caplog.records if "slack" in one.name)
    for secret in (place.team.bot_token, place.team.app_token, "a secret", "ticket=", "/response/"):
        assert secret not in ours
    assert place.team.bot_token not in repr(place.settings)
