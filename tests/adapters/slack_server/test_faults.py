"""Faults on demand, one by one and as a storm."""

from collections import Counter

import aiohttp
import anyio
import anyio.lowlevel
import pytest
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from adapters.slack_server.place import Place, bolt_app, connected, error_of, listening
from chatune_adapters.testing.slack import (
    AnswerLost,
    ConnectionDropped,
    Disconnect,
    Duplicated,
    Fault,
    Late,
    Malformed,
    OutOfOrder,
    RateLimited,
    Refused,
    RetriedThoughAcked,
    ServerError,
    SlowAnswer,
    SocketDropped,
    SocketSilenced,
    UnknownEvent,
)

pytestmark = pytest.mark.anyio


async def post(place: Place, text: str = "x") -> object:
    return await place.client.chat_postMessage(channel=place.channel.id, text=text)


def listener(place: Place) -> tuple[AsyncApp, list[str]]:
    app = bolt_app(place)
    place.subscribe("app_mention")
    seen: list[str] = []

    @app.event("app_mention")
    async def hear(event: dict[str, str]) -> None:
        seen.append(event["text"].rpartition(" ")[2])

    return app, seen


async def say(place: Place, *texts: str) -> None:
    for text in texts:
        await place.server.say(place.ada, place.channel, place.mention(text))
    await place.server.settled()


async def test_faults_before_the_call_leave_nothing_behind(place: Place) -> None:
    place.server.faults.add(RateLimited(7), "chat.postMessage")
    with pytest.raises(SlackApiError) as refused:
        await post(place)
    assert refused.value.response.headers["Retry-After"] == "7"

    place.server.faults.add(Refused("fatal_error"), "chat.*")
    assert await error_of(post(place)) == "fatal_error"
    place.server.faults.add(ServerError(503))
    with pytest.raises(SlackApiError) as refused:
        await post(place)
    assert refused.value.response.status_code == 503

    assert place.server.messages(place.channel) == []


async def test_a_connection_dropped_before_the_call_leaves_nothing_behind(place: Place) -> None:
    place.client.retry_handlers.clear()
    place.server.faults.add(ConnectionDropped())

    with pytest.raises(aiohttp.ClientConnectionError):
        await post(place)
    assert place.server.messages(place.channel) == []


async def test_a_lost_answer_leaves_the_message_there(place: Place) -> None:
    place.client.retry_handlers.clear()
    place.server.faults.add(AnswerLost(), "chat.postMessage")
    place.server.faults.add(AnswerLost(500), "chat.postMessage")

    with pytest.raises(aiohttp.ClientConnectionError):
        await post(place, "one")
    (call,) = place.server.log.calls("chat.postMessage")
    assert (call.status, call.answer["ok"], call.faults) == (0, True, ("AnswerLost",) * 2)
    assert [one.text for one in place.server.messages(place.channel)] == ["one"]


async def test_the_client_of_the_sdk_posts_twice_when_the_answer_is_lost(place: Place) -> None:
    place.server.faults.add(AnswerLost(), "chat.postMessage")

    await post(place)

    assert len(place.server.messages(place.channel)) == 2


async def test_a_slow_answer_comes_after_the_message(place: Place) -> None:
    place.server.faults.add(SlowAnswer(0.2), "chat.postMessage")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(post, place)
        with anyio.fail_after(5):
            while not place.server.messages(place.channel):
                await anyio.lowlevel.checkpoint()
        assert place.server.log.calls("chat.postMessage") == []


async def test_faults_meet_what_they_are_meant_for_and_so_often(place: Place) -> None:
    place.server.faults.add(
        Refused("no"), "chat.postMessage", times=2, where=lambda call: call["text"] == "bad"
    )

    await post(place, "good")
    for _ in range(2):
        assert await error_of(post(place, "bad")) == "no"
    await post(place, "bad")
    await place.client.auth_test()
    assert place.server.faults.injected == Counter(Refused=2)


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        (Duplicated(2), ["a", "a", "a", "b"]),
        (RetriedThoughAcked(), ["a", "a", "b"]),
        (Late(0.2), ["b", "a"]),
        (OutOfOrder(), ["b", "a"]),
        (SocketDropped(after=False), ["a", "b"]),
        (SocketDropped(after=True), ["a", "b"]),
        (SocketSilenced(), ["a", "b"]),
        (Disconnect("warning"), ["a", "b"]),
        (Malformed(), ["a", "b"]),
        (Malformed('{"type": "events_api"}'), ["a", "b"]),
        (UnknownEvent(), ["a", "b"]),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
async def test_each_fault_of_delivery_does_what_it_says(
    place: Place, fault: Fault, seen: list[str]
) -> None:
    app, heard = listener(place)
    place.server.timing.ack_within = 25.0
    if type(fault).__name__.startswith("Socket"):
        place.server.timing.retries = (0.0, 5.0, 10.0, 20.0, 20.0)
    place.server.faults.add(fault, "app_mention")

    async with connected(place, app):
        with anyio.fail_after(20):
            await say(place, "a", "b")

    if type(fault).__name__.startswith("Socket"):
        assert set(heard) == set(seen)
    else:
        assert sorted(heard) == sorted(seen)
    if isinstance(fault, Late | OutOfOrder):
        assert heard == seen
    assert place.server.faults.injected == Counter({type(fault).__name__: 1})


@pytest.mark.parametrize("fault", [Duplicated(), Late(0.1), Malformed(), UnknownEvent()])
async def test_faults_of_delivery_strike_over_http_too(place: Place, fault: Fault) -> None:
    app, heard = listener(place)
    place.server.faults.add(fault, "app_mention")

    async with listening(place, app):
        await say(place, "a", "b")

    assert set(heard) == {"a", "b"}
    assert len(heard) == (3 if isinstance(fault, Duplicated) else 2)
