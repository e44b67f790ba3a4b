"""The gateway: hello, sessions, resumes, close codes; by the line of Discord's documents."""

import json
from datetime import timedelta

import aiohttp
import anyio
import discord
import pytest

from adapters.discord_server.harness import (
    EVERY_INTENT,
    Bot,
    Place,
    ShardedBot,
    Wire,
    point_at,
    running,
)
from chatune_adapters.testing.discord import DiscordServer, Intent, Settings, faults

pytestmark = pytest.mark.anyio


async def test_the_gateway_greets_with_the_heartbeat_interval(wire: Wire) -> None:
    socket = await wire.connect()

    hello = await socket.receive()

    assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41_250)


async def test_a_heartbeat_is_acknowledged(wire: Wire) -> None:
    socket = await wire.connect()

    await socket.send(1, None)

    assert (await socket.expect(11))["op"] == 11


async def test_the_gateway_may_ask_for_a_heartbeat(wire: Wire, server: DiscordServer) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token)

    server.faults.now(faults.AskHeartbeat())

    assert (await socket.expect(1))["op"] == 1


async def test_discord_py_answers_the_gateways_heartbeat(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server):
        before = server.connections[0].heartbeats

        server.faults.now(faults.AskHeartbeat())

        await server.until(lambda: server.connections[0].heartbeats > before)


async def test_a_bot_that_sends_no_heartbeats_is_closed_with_4009() -> None:
    brief = Settings(heartbeat_every=timedelta(milliseconds=20))
    async with DiscordServer.open(brief) as server, aiohttp.ClientSession() as http:
        socket = await Wire(server, http).connect()

        assert await socket.close_code() == 4009


async def test_ready_names_the_session_and_where_to_resume_it(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()

    ready = await socket.ready(wire.token)

    assert ready["session_id"]
    assert ready["resume_gateway_url"] != server.gateway_url
    assert ready["guilds"] == [{"id": str(place.guild.id), "unavailable": True}]
    assert (await socket.expect("GUILD_CREATE"))["d"]["name"] == "Guild"


@pytest.mark.parametrize("intents", [None, "all", 1 << 30])
async def test_missing_or_invalid_intents_close_with_4013(wire: Wire, intents: object) -> None:
    socket = await wire.connect()

    await socket.identify(wire.token, intents)

    assert await socket.close_code() == 4013


async def test_a_privileged_intent_that_was_not_granted_closes_with_4014() -> None:
    granted = Settings(privileged=Intent.GUILD_MEMBERS)
    async with DiscordServer.open(granted) as server, aiohttp.ClientSession() as http:
        socket = await Wire(server, http).connect()

        await socket.identify(server.settings.token, int(Intent.GUILDS | Intent.MESSAGE_CONTENT))

        assert await socket.close_code() == 4014


async def test_discord_py_is_told_which_intents_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with DiscordServer.open(Settings(privileged=Intent(0))) as server:
        point_at(server, monkeypatch)

        async with Bot() as bot:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await bot.start(server.settings.token)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("no json", 4002),
        ("[]", 4002),
        (json.dumps({"op": 1, "d": "x" * 4096}), 4002),
        (json.dumps({"op": 99, "d": None}), 4001),
        (json.dumps({"op": 3, "d": {}}), 4003),
        (json.dumps({"op": 2, "d": {"token": "wrong", "intents": 1}}), 4004),
        (json.dumps({"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}), 4004),
    ],
    ids=["no json", "no object", "too long", "opcode", "no session", "token", "resume token"],
)
async def test_a_bad_payload_closes_the_socket(wire: Wire, payload: str, code: int) -> None:
    socket = await wire.connect()

    await socket.raw.send_str(payload)

    assert await socket.close_code() == code


async def test_a_payload_of_4096_bytes_is_still_accepted(wire: Wire) -> None:
    socket = await wire.connect()
    text = json.dumps({"op": 1, "d": ""})

    await socket.raw.send_str(text[:-2] + "x" * (4096 - len(text)) + text[-2:])

    assert await socket.expect(11)


async def test_a_second_identify_closes_with_4005(wire: Wire) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token)

    await socket.send(2, {"token": wire.token, "intents": 1})

    assert await socket.close_code() == 4005


@pytest.mark.parametrize("shard", [[1, 1], [-1, 2], ["0", 1], [0]])
async def test_an_impossible_shard_closes_with_4010(wire: Wire, shard: list[object]) -> None:
    socket = await wire.connect()

    await socket.identify(wire.token, shard=shard)

    assert await socket.close_code() == 4010


@pytest.mark.parametrize("query", ["?v=5", "?v=10&compress=lzma"])
async def test_an_unknown_version_or_compression_closes_with_4012(wire: Wire, query: str) -> None:
    socket = await wire.connect(query)

    assert await socket.close_code() == 4012


async def test_more_than_120_payloads_a_minute_close_with_4008(wire: Wire) -> None:
    socket = await wire.connect()

    for _ in range(121):
        await socket.send(1, None)

    assert await socket.close_code() == 4008


async def test_payloads_come_as_one_zlib_stream_if_asked_for(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect("?v=10&encoding=json&compress=zlib-stream")
    await socket.ready(wire.token)

    await server.say(place.ada, place.channel, "compressed")

    assert (await socket.expect("MESSAGE_CREATE"))["d"]["content"] == "compressed"


async def test_a_resume_replays_what_was_missed_in_order_and_then_says_resumed(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    ready = await socket.ready(wire.token)
    await socket.expect("GUILD_CREATE")
    await socket.raw.close(code=4000)
    for text in ("one", "two", "three"):
        await server.say(place.ada, place.channel, text)

    again = await wire.connect(url=ready["resume_gateway_url"])
    await again.resume(wire.token, ready["session_id"], socket.seq)
    replayed = [await again.receive() for _ in range(4)]

    assert [event["t"] for event in replayed] == [*["MESSAGE_CREATE"] * 3, "RESUMED"]
    assert [event["d"].get("content") for event in replayed[:3]] == ["one", "two", "three"]
    assert [event["s"] for event in replayed] == [socket.seq + n for n in (1, 2, 3, 4)]
    assert server.connections[-1].path == "/resume"


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_session_that_the_bot_closes_as_done_cannot_be_resumed(
    wire: Wire, code: int
) -> None:
    socket = await wire.connect()
    ready = await socket.ready(wire.token)
    await socket.raw.close(code=code)

    again = await wire.connect()
    await again.resume(wire.token, ready["session_id"], socket.seq)

    assert (await again.expect(9))["d"] is False


async def test_a_session_whose_line_goes_dead_can_be_resumed(
    wire: Wire, server: DiscordServer
) -> None:
    socket = await wire.connect()
    ready = await socket.ready(wire.token)
    server.faults.now(faults.DropSocket())
    assert await socket.close_code() not in (1000, 1001, 4000)

    again = await wire.connect()
    await again.resume(wire.token, ready["session_id"], socket.seq)

    assert await again.expect("RESUMED")


@pytest.mark.parametrize("seq", [1_000_000, -1, "1"])
async def test_a_resume_at_an_impossible_place_is_refused(wire: Wire, seq: int) -> None:
    socket = await wire.connect()
    ready = await socket.ready(wire.token)
    await socket.raw.close(code=4000)

    again = await wire.connect()
    await again.resume(wire.token, ready["session_id"], seq)

    assert (await again.expect(9))["d"] is False


async def test_a_session_that_missed_more_than_is_kept_is_invalid() -> None:
    short = Settings(replay_events=3)
    async with DiscordServer.open(short) as server, aiohttp.ClientSession() as http:
        wire = Wire(server, http)
        channel = server.add_channel(server.add_guild("Guild"), "general")
        ada = server.add_user("ada")
        socket = await wire.connect()
        ready = await socket.ready(wire.token)
        await socket.raw.close(code=4000)
        for number in range(5):
            await server.say(ada, channel, str(number))

        again = await wire.connect()
        await again.resume(wire.token, ready["session_id"], socket.seq)

        assert (await again.expect(9))["d"] is False


async def test_a_refused_resume_may_identify_on_the_same_socket(wire: Wire) -> None:
    socket = await wire.connect()
    await socket.resume(wire.token, "nobody", 1)
    await socket.expect(9)

    await socket.send(2, {"token": wire.token, "intents": EVERY_INTENT})

    assert await socket.expect("READY")


async def test_shards_of_one_group_identify_at_most_once_in_the_set_time() -> None:
    slow = Settings(max_concurrency=2, identify_every=timedelta(hours=1))
    async with DiscordServer.open(slow) as server, aiohttp.ClientSession() as http:
        wire = Wire(server, http)
        for shard in ([0, 3], [1, 3]):
            await (await wire.connect()).ready(wire.token, shard=shard)

        third = await wire.connect()
        await third.identify(wire.token, shard=[2, 3])

        assert (await third.expect(9))["d"] is False


async def test_each_shard_gets_the_guilds_whose_id_falls_to_it(
    server: DiscordServer, wire: Wire
) -> None:
    ada = server.add_user("ada")
    channels = [server.add_channel(server.add_guild(f"G{n}", n << 22), "talk") for n in (4, 5)]
    sockets = [await wire.connect() for _ in range(2)]
    for index, socket in enumerate(sockets):
        ready = await socket.ready(wire.token, shard=[index, 2])
        assert [int(g["id"]) >> 22 for g in ready["guilds"]] == [4 + index]

    for channel in (*channels, server.dm_with(ada)):
        await server.say(ada, channel, channel.guild.name if channel.guild else "dm")

    first = [(await sockets[0].expect("MESSAGE_CREATE"))["d"]["content"] for _ in range(2)]
    assert first == ["G4", "dm"]
    assert (await sockets[1].expect("MESSAGE_CREATE"))["d"]["content"] == "G5"


async def test_a_sharded_discord_py_hears_every_guild_once(
    server: DiscordServer,
) -> None:
    ada = server.add_user("ada")
    channels = [server.add_channel(server.add_guild(f"G{n}", n << 22), "t") for n in range(4, 8)]
    async with running(ShardedBot(shard_count=2), server) as bot:
        for channel in channels:
            await server.say(ada, channel, f"in {channel.id}")
        await bot.until(lambda: len(bot.heard) >= 4)

    assert sorted(bot.texts) == sorted(f"in {channel.id}" for channel in channels)


async def test_members_are_sent_when_asked_for(server: DiscordServer, place: Place) -> None:
    async with running(Bot(), server) as bot:
        guild = bot.get_guild(place.guild.id)
        assert guild is not None

        found = await guild.query_members("ad", limit=5)

    assert [member.name for member in found] == ["ada"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.DropSocket(),
        *map(faults.CloseWith, (4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009)),
        faults.AskReconnect(),
        faults.Invalidate(resumable=True),
    ],
    ids=repr,
)
async def test_discord_py_resumes_and_misses_nothing(
    server: DiscordServer, place: Place, fault: faults.SocketFault
) -> None:
    async with running(Bot(), server) as bot:
        await server.say(place.ada, place.channel, "before")
        await bot.until(lambda: bot.texts == ["before"])

        server.faults.now(fault)
        await server.say(place.ada, place.channel, "in the gap")
        await bot.until(lambda: bot.count("resumed"))
        await server.say(place.ada, place.channel, "after")
        await bot.until(lambda: len(bot.heard) >= 3)

    assert bot.texts == ["before", "in the gap", "after"]
    first, last = server.connections[0], server.connections[-1]
    assert (last.path, last.resumed) == ("/resume", True)
    assert last.query == first.query


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013])
async def test_discord_py_gives_up_where_discord_says_so(server: DiscordServer, code: int) -> None:
    async with Bot() as bot, anyio.create_task_group() as tasks:
        tasks.start_soon(_close_when_connected, server, code)
        with pytest.raises(discord.ConnectionClosed) as refused:
            await bot.start(server.settings.token)

    assert refused.value.code == code


async def _close_when_connected(server: DiscordServer, code: int) -> None:
    await server.until(lambda: server.ready_sessions > 0)
    server.faults.now(faults.CloseWith(code))


async def test_after_an_invalid_session_the_gap_is_not_replayed_but_can_be_fetched(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        server.faults.now(faults.Invalidate(resumable=False))
        missed = await server.say(place.ada, place.channel, "in the gap")
        await server.until(lambda: len(server.connections) == 2 and server.ready_sessions == 1)
        await server.say(place.ada, place.channel, "after")
        await bot.until(lambda: "after" in bot.texts)
        channel = await bot.fetch_channel(place.channel.id)
        assert isinstance(channel, discord.TextChannel)
        fetched = [m async for m in channel.history(after=discord.Object(missed.id - 1))]

    assert bot.texts == ["after"]
    assert [message.content for message in fetched] == ["in the gap", "after"]


async def test_a_new_connection_that_resumes_takes_the_session_over(wire: Wire) -> None:
    first = await wire.connect()
    ready = await first.ready(wire.token)

    second = await wire.connect()
    await second.resume(wire.token, ready["session_id"], first.seq)

    assert await second.expect("RESUMED")
    assert await first.close_code() == 4000


async def test_discord_py_resumes_when_its_heartbeats_are_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brief = Settings(heartbeat_every=timedelta(milliseconds=50))
    async with DiscordServer.open(brief) as server:
        point_at(server, monkeypatch)
        async with running(Bot(heartbeat_timeout=0.2), server) as bot:
            server.faults.now(faults.IgnoreHeartbeats())
            await bot.until(lambda: bot.count("resumed"))

    assert server.connections[0].closed_with == 4000
    assert server.connections[1].resumed


async def test_discord_py_resumes_when_the_line_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brief = Settings(heartbeat_every=timedelta(milliseconds=50))
    async with DiscordServer.open(brief) as server:
        point_at(server, monkeypatch)
        channel = server.add_channel(server.add_guild("Guild"), "general")
        async with running(Bot(heartbeat_timeout=0.2), server) as bot:
            server.faults.now(faults.FallSilent())
            await server.say(server.add_user("ada"), channel, "in the silence")
            await bot.until(lambda: bot.texts == ["in the silence"])

            assert server.connections[0].closed_with is None
            assert server.connections[1].resumed


async def test_a_plain_discord_py_never_asks_where_the_gateway_is(server: DiscordServer) -> None:
    async with running(Bot(), server):
        pass

    assert not [request for request in server.log if request.path.startswith("/gateway")]


async def test_an_invited_bot_hears_a_private_thread(server: DiscordServer, place: Place) -> None:
    thread = server.add_thread(place.channel, "private", place.ada, private=True)
    async with running(Bot(), server) as bot:
        server.join_thread(thread, server.bot)
        await server.say(place.ada, thread, "psst")
        await bot.until(lambda: bot.heard)

    assert isinstance(bot.heard[0].channel, discord.Thread)
