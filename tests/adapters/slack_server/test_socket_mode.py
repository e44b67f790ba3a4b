"""Socket Mode: hello, acknowledgement, redelivery, disconnects, and several sockets."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import anyio
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack_server.place import Place, bolt_app, connected, error_of

pytestmark = pytest.mark.anyio


class Bare:
    """A socket without a client library, to see every frame."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def next(self) -> dict[str, Any]:
        with anyio.fail_after(5):
            body = await self.socket.receive_json()
        assert isinstance(body, dict)
        return body

    async def ack(self, envelope: dict[str, Any]) -> None:
        await self.socket.send_json({"envelope_id": envelope["envelope_id"]})


@asynccontextmanager
async def bare(place: Place) -> AsyncIterator[Bare]:
    client = AsyncWebClient(base_url=place.server.api_base)
    url = (await client.apps_connections_open(app_token=place.team.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield Bare(socket)


async def test_the_first_message_is_hello(place: Place) -> None:
    async with bare(place) as first, bare(place) as second:
        hello = await first.next()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        assert (await second.next())["num_connections"] == 2


async def test_an_event_goes_to_one_socket_until_it_is_acknowledged(place: Place) -> None:
    place.subscribe("app_mention")
    async with bare(place) as socket:
        await socket.next()
        await place.server.say(place.ada, place.channel, place.mention("hello"))
        envelope = await socket.next()
        await socket.ack(envelope)
        await place.server.settled()

    assert envelope["type"] == "events_api"
    assert envelope["retry_attempt"] == 0
    assert envelope["accepts_response_payload"] is False
    assert [one.outcome for one in place.server.log.deliveries()] == ["acked"]


async def test_what_is_not_acknowledged_comes_again_with_the_same_event_id(place: Place) -> None:
    place.subscribe("app_mention")
    place.server.timing.ack_within = 2.0
    async with bare(place) as socket:
        await socket.next()
        await place.server.say(place.ada, place.channel, place.mention("hello"))
        first, second = await socket.next(), await socket.next()
        await socket.ack(second)
        await place.server.settled()

    assert first["payload"]["event_id"] == second["payload"]["event_id"]
    assert (second["retry_attempt"], second["retry_reason"]) == (1, "timeout")


async def test_what_a_lost_socket_did_not_acknowledge_comes_on_another(place: Place) -> None:
    place.subscribe("app_mention")
    async with bare(place) as doomed:
        await doomed.next()
        await place.server.say(place.ada, place.channel, place.mention("hello"))
        first = await doomed.next()
        async with bare(place) as other:
            await other.next()
            place.server.sockets.drop(place.server.sockets.open[0])
            second = await other.next()
            await other.ack(second)
            await place.server.settled()

    assert first["payload"] == second["payload"]
    assert second["retry_reason"] == "socket_closed"


async def test_an_event_that_never_arrives_is_given_up(place: Place) -> None:
    place.subscribe("app_mention")
    await place.server.say(place.ada, place.channel, place.mention("nobody is there"))
    await place.server.settled()

    attempts = place.server.log.deliveries("app_mention")
    assert [one.outcome for one in attempts] == ["no_socket"] * 4
    assert len(place.server.log.given_up()) == 1


async def test_an_eleventh_socket_is_turned_away(place: Place) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await (await stack.enter_async_context(bare(place))).next()
        turned_away = await stack.enter_async_context(bare(place))

        said = await turned_away.next()
        assert (said["type"], said["reason"]) == ("disconnect", "too_many_websockets")
        assert len(place.server.sockets.open) == 10


async def test_a_warning_is_followed_by_a_refresh_and_the_end(place: Place) -> None:
    async with bare(place) as socket:
        await socket.next()
        await place.server.sockets.disconnect("warning")

        assert (await socket.next())["reason"] == "warning"
        assert (await socket.next())["reason"] == "refresh_requested"
        with anyio.fail_after(5):
            assert (await socket.socket.receive()).type == aiohttp.WSMsgType.CLOSE


async def test_a_disabled_link_gives_out_no_more_sockets(place: Place) -> None:
    async with bare(place) as socket:
        await socket.next()
        await place.server.sockets.disconnect("link_disabled")
        assert (await socket.next())["reason"] == "link_disabled"

    client = AsyncWebClient(base_url=place.server.api_base)
    call = client.apps_connections_open(app_token=place.team.app_token)
    assert await error_of(call) == "access_denied"


async def test_a_socket_without_a_ticket_is_refused(place: Place) -> None:
    url = place.server.site.origin.replace("http", "ws") + "/link/?ticket=guess"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)


async def test_the_client_of_the_sdk_follows_a_refresh(place: Place) -> None:
    app = bolt_app(place)
    place.subscribe("app_mention")
    seen: list[str] = []

    @app.event("app_mention")
    async def hear(event: dict[str, str]) -> None:
        seen.append(event["text"])

    async with connected(place, app):
        (first,) = place.server.sockets.open
        await place.server.sockets.disconnect("refresh_requested")
        with anyio.fail_after(5):
            await place.server.sockets.wait_for_next()
            await first.ended.wait()
        await place.server.say(place.ada, place.channel, place.mention("still there"))
        await place.server.settled()

    assert seen == [place.mention("still there")]


async def test_the_client_of_the_sdk_leaves_a_silent_socket(place: Place) -> None:
    async with connected(place, bolt_app(place)):
        place.server.sockets.silence()
        with anyio.fail_after(20):
            await place.server.sockets.wait_for_next()


async def test_the_server_pings(place: Place) -> None:
    place.server.timing.ping_every = 1.0
    client = AsyncWebClient(base_url=place.server.api_base)
    url = (await client.apps_connections_open(app_token=place.team.app_token))["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, autoping=False) as socket,
    ):
        assert json.loads((await socket.receive()).data)["type"] == "hello"
        with anyio.fail_after(5):
            assert (await socket.receive()).type == aiohttp.WSMsgType.PING


async def test_a_thousand_events_arrive_once_and_in_order(place: Place) -> None:
    place.subscribe("app_mention")
    place.server.timing.ack_within = 1_000.0
    channels = [place.server.add_channel(place.team, f"c{number}") for number in range(50)]
    async with bare(place) as socket:
        await socket.next()
        asked = [
            await place.server.say(place.ada, channel, place.mention("hello"))
            for _ in range(20)
            for channel in channels
        ]
        order = []
        for _ in asked:
            envelope = await socket.next()
            order.append(envelope["payload"]["event"]["ts"])
            await socket.ack(envelope)
        await place.server.settled()

    assert order == [one.ts for one in asked]
    assert [one.outcome for one in place.server.log.deliveries()] == ["acked"] * 1_000
