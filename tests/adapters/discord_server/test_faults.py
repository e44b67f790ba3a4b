"""Faults on demand: each does what it says, and the record tells."""

import contextlib
import re
from random import Random

import aiohttp
import anyio
import discord
import pytest

from adapters.discord_server.harness import Bot, Place, Wire, running
from chatune_adapters.testing.discord import DiscordServer, faults

pytestmark = pytest.mark.anyio
POST = "POST /channels/{channel_id}/messages"
CREATE = "DISPATCH MESSAGE_CREATE"


async def _post(wire: Wire, place: Place, text: str = "x") -> int:
    path = f"/channels/{place.channel.id}/messages"
    return (await wire.call("POST", path, {"content": text})).status


async def test_a_fault_strikes_as_often_as_it_was_planned_and_after_those_it_lets_pass(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.Refuse(503), on=POST, times=2, after=1)

    statuses = [await _post(wire, place) for _ in range(4)]

    assert statuses == [200, 503, 503, 200]
    assert server.faults.struck == {"Refuse": 2}
    assert [request.fault for request in server.log] == [None, "Refuse", "Refuse", None]


async def test_a_fault_may_be_meant_for_one_channel_only(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    other = server.add_channel(place.guild, "other")
    server.faults.add(faults.Refuse(500), on=f"POST /channels/{other.id}/messages")

    first = await _post(wire, place)
    second = await wire.call("POST", f"/channels/{other.id}/messages", {"content": "x"})

    assert (first, second.status) == (200, 500)


async def test_a_refusal_may_carry_one_of_discords_codes(
    server: DiscordServer, place: Place
) -> None:
    refusal = faults.Refuse(403, 50013, "Missing Permissions")
    server.faults.add(refusal, on=POST)
    async with running(Bot(), server) as bot:
        with pytest.raises(discord.Forbidden) as refused:
            await bot.get_partial_messageable(place.channel.id).send("x")

    assert refused.value.code == 50013
    assert server.messages(place.channel) == []


async def test_a_lost_answer_leaves_the_message_and_an_unknown_outcome(
    server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.LoseAnswer(), on=POST)
    async with running(Bot(), server) as bot:
        channel = bot.get_partial_messageable(place.channel.id)
        with pytest.raises(aiohttp.ClientError):
            await channel.send("once", nonce="1")
        again = await channel.send("once", nonce="1")

    (message,) = server.messages(place.channel)
    assert message.id == again.id


async def test_an_answer_lost_behind_a_502_is_safe_to_repeat_with_a_nonce(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.LoseAnswer(502), on=POST)
    path = f"/channels/{place.channel.id}/messages"
    body = {"content": "once", "nonce": "1", "enforce_nonce": True}

    statuses = [(await wire.call("POST", path, body)).status for _ in range(2)]

    assert statuses == [502, 200]
    assert len(server.messages(place.channel)) == 1


async def test_a_dropped_request_does_nothing(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.DropRequest(), on=POST)

    with pytest.raises(aiohttp.ClientError):
        await _post(wire, place)

    assert server.messages(place.channel) == []
    assert server.log[-1].status is None


async def test_a_slow_answer_comes_late_but_comes(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.Slow(0.05), on=POST)

    assert await _post(wire, place) == 200
    request = server.log[-1]
    assert request.answered_at is not None
    assert request.answered_at - request.at >= 0.05


async def test_a_garbled_answer_is_no_json(wire: Wire, server: DiscordServer, place: Place) -> None:
    server.faults.add(faults.Garble(), on=POST)
    path = f"/channels/{place.channel.id}/messages"

    answer = await wire.call("POST", path, {"content": "x"})

    assert (answer.status, answer.body) == (200, "<!doctype html>")
    assert len(server.messages(place.channel)) == 1


async def test_a_fault_of_requests_cannot_strike_a_dispatch_nor_the_other_way_round(
    server: DiscordServer,
) -> None:
    with pytest.raises(ValueError, match="cannot strike"):
        server.faults.add(faults.Refuse(500), on=CREATE)
    with pytest.raises(ValueError, match="cannot strike"):
        server.faults.add(faults.Duplicate(), on=POST)


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (faults.Duplicate(), ["1", "1", "2"]),
        (faults.Late(0.02), ["2", "1"]),
        (faults.Repeat(0.02), ["1", "2", "1"]),
        (faults.Malform("not json"), ["not json", "1", "2"]),
        (faults.Unknown("NOVELTY"), ["NOVELTY", "1", "2"]),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_dispatch_comes_strangely(
    wire: Wire, server: DiscordServer, place: Place, fault: faults.EventFault, heard: list[str]
) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token)
    await socket.expect("GUILD_CREATE")
    server.faults.add(fault, on=CREATE)

    for text in ("1", "2"):
        await server.say(place.ada, place.channel, text)
    frames = [str((await socket.raw.receive()).data) for _ in heard]

    assert [_gist(frame) for frame in frames] == heard


def _gist(frame: str) -> str:
    found = re.search(r'"content": "(\d)"', frame) or re.search(r"(NOVELTY|not json)", frame)
    return found[1] if found else frame


async def test_discord_py_ignores_an_unknown_event_and_hears_on(
    server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.Unknown(), on=CREATE)
    async with running(Bot(), server) as bot:
        await server.say(place.ada, place.channel, "hello")
        await bot.until(lambda: bot.texts == ["hello"])

    assert server.faults.struck == {"Unknown": 1}


async def test_a_socket_may_drop_just_before_an_event_and_the_resume_brings_it(
    server: DiscordServer, place: Place
) -> None:
    server.faults.add(faults.DropSocket(), on=CREATE, times=3)
    async with running(Bot(), server) as bot:
        for number in range(3):
            await server.say(place.ada, place.channel, str(number))
            await bot.until(lambda: len(bot.heard) > number)  # noqa: B023

    assert bot.texts == ["0", "1", "2"]
    assert len(server.connections) == 4


async def test_a_silent_socket_lives_but_says_nothing_more_not_even_to_a_close(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token)
    await socket.expect("GUILD_CREATE")

    server.faults.now(faults.FallSilent())
    await server.say(place.ada, place.channel, "unheard")
    await socket.send(1, None)
    with anyio.move_on_after(0.1) as waiting:
        await socket.receive()

    assert waiting.cancelled_caught
    assert server.connections[0].closed_at is None


async def test_missed_heartbeat_acks_do_not_stop_the_events(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token)
    await socket.expect("GUILD_CREATE")

    server.faults.now(faults.IgnoreHeartbeats())
    await socket.send(1, None)
    await server.until(lambda: server.connections[0].heartbeats == 1)
    await server.say(place.ada, place.channel, "heard")

    assert (await socket.receive())["t"] == "MESSAGE_CREATE"
    assert server.connections[0].acks == 0


async def test_a_bot_whose_line_fell_silent_hears_the_rest_when_it_resumes(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    ready = await socket.ready(wire.token)
    server.faults.now(faults.FallSilent())
    await server.say(place.ada, place.channel, "unheard")

    again = await wire.connect()
    await again.resume(wire.token, ready["session_id"], socket.seq)

    assert (await again.expect("MESSAGE_CREATE"))["d"]["content"] == "unheard"


def _deal(seed: int) -> list[faults.Fault | None]:
    deck = (faults.Refuse(500), faults.DropRequest(), faults.LoseAnswer())
    storm = faults.Storm(Random(seed), 0.5, deck, "POST *")
    return [storm.deal("POST /channels/1/messages") for _ in range(20)]


def test_a_storm_deals_every_fault_and_the_same_for_the_same_seed() -> None:
    dealt = _deal(1)

    assert dealt == _deal(1) != _deal(2)
    assert {type(fault).__name__ for fault in dealt if fault} == {
        "Refuse",
        "DropRequest",
        "LoseAnswer",
    }
    assert None in dealt


async def test_a_storm_spares_what_it_is_not_meant_for_and_ends(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.faults.storm(Random(0), 1.0, requests=(faults.Refuse(500),), dispatches=(), on="POST *")

    posted, read = await _post(wire, place), await wire.call("GET", "/users/@me")
    server.faults.clear()
    after = await _post(wire, place)

    assert (posted, read.status, after) == (500, 200, 200)


async def test_a_storm_has_every_fault_unless_told_otherwise(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    every = (*faults.EVERY_REQUEST_FAULT, *faults.EVERY_DISPATCH_FAULT)
    for _ in faults.EVERY_DISPATCH_FAULT:
        await (await wire.connect()).ready(wire.token)
    server.faults.storm(Random(0), 1.0)

    for number in range(len(every)):
        await server.say(place.ada, place.channel, str(number))
        with contextlib.suppress(aiohttp.ClientError):
            await wire.call("GET", "/users/@me")

    assert server.faults.struck.keys() == {type(fault).__name__ for fault in every}
