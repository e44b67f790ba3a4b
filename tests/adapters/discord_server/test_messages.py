"""REST: messages, reactions, files, threads, and what is refused."""

import io

import aiohttp
import discord
import pytest

from adapters.discord_server.harness import Bot, Json, Place, Wire, running
from chatune_adapters.testing.discord import DiscordServer

pytestmark = pytest.mark.anyio


def button(custom_id: str, **more: object) -> Json:
    return {"type": 2, "style": 1, "label": "x", "custom_id": custom_id, **more}


def row(*buttons: Json) -> Json:
    return {"type": 1, "components": list(buttons)}


async def _channel(bot: Bot, place: Place) -> discord.TextChannel:
    channel = bot.get_channel(place.channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel


async def test_what_discord_py_posts_edits_and_deletes_is_in_the_record(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        channel = await _channel(bot, place)
        kept = await channel.send("first")
        gone = await channel.send("oops")
        await kept.edit(content="second")
        await kept.edit(content="third")
        await gone.delete()

    (message,) = server.messages(place.channel)
    assert (message.content, message.author) == ("third", server.bot)
    assert [edit.content for edit in message.edits] == ["first", "second"]
    assert [m.content for m in server.everything(place.channel)] == ["third", "oops"]


async def test_people_are_heard_edited_deleted_and_reacting(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        message = await server.say(place.ada, place.channel, "helo")
        await server.react(place.ada, message, "👍")
        await server.unreact(place.ada, message, "👍")
        await server.edit(message, "hello")
        await server.delete(message)
        await bot.until(lambda: bot.count("message_delete"))

    changes = ("message", "reaction_add", "reaction_remove", "message_edit", "message_delete")
    assert [name for name, _ in bot.events if name in changes] == list(changes)


async def test_a_reply_carries_what_it_answers(server: DiscordServer, place: Place) -> None:
    async with running(Bot(), server) as bot:
        question = await server.say(place.ada, place.channel, "?")
        await bot.until(lambda: bot.heard)
        await bot.heard[0].reply("!")
        answer = server.messages(place.channel)[1]
        await server.say(place.ada, place.channel, "thanks", reply_to=answer)
        await bot.until(lambda: len(bot.heard) == 2)

    assert answer.reply_to is question
    reference = bot.heard[1].reference
    assert reference is not None
    assert isinstance(reference.resolved, discord.Message)
    assert reference.resolved.content == "!"


async def test_a_reply_to_a_message_that_is_gone_is_refused(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    gone = await server.say(place.ada, place.channel, "?")
    await server.delete(gone)
    body: Json = {"content": "!", "message_reference": {"message_id": str(gone.id)}}

    strict = await wire.call("POST", f"/channels/{place.channel.id}/messages", body)
    body["message_reference"]["fail_if_not_exists"] = False
    lenient = await wire.call("POST", f"/channels/{place.channel.id}/messages", body)

    assert (strict.status, strict.code) == (400, 50035)
    assert lenient.status == 200


async def test_history_comes_in_pages_after_and_before(
    server: DiscordServer, place: Place, wire: Wire
) -> None:
    said = [await server.say(place.ada, place.channel, str(n)) for n in range(7)]
    path = f"/channels/{place.channel.id}/messages"

    after = await wire.call("GET", f"{path}?limit=2&after={said[2].id}")
    before = await wire.call("GET", f"{path}?limit=2&before={said[2].id}")
    latest = await wire.call("GET", f"{path}?limit=2")
    around = await wire.call("GET", f"{path}?limit=3&around={said[3].id}")

    pages = [[m["content"] for m in page.body] for page in (after, before, latest, around)]
    assert pages == [["4", "3"], ["1", "0"], ["6", "5"], ["4", "3", "2"]]


async def test_discord_py_fetches_a_long_gap_in_order(server: DiscordServer, place: Place) -> None:
    first = await server.say(place.ada, place.channel, "0")
    for number in range(1, 250):
        await server.say(place.ada, place.channel, str(number))

    async with running(Bot(), server) as bot:
        channel = await _channel(bot, place)
        history = channel.history(after=discord.Object(first.id), limit=None)
        texts = [message.content async for message in history]

    assert texts == [str(number) for number in range(1, 250)]


async def test_an_enforced_nonce_posts_once_in_each_channel(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        channel = await _channel(bot, place)
        first = await channel.send("answer", nonce="event-1")
        second = await channel.send("answer", nonce="event-1")
        other = await channel.send("other", nonce="event-2")

    assert first.id == second.id != other.id
    assert [m.nonce for m in server.messages(place.channel)] == ["event-1", "event-2"]


async def test_a_nonce_that_is_not_enforced_posts_again(wire: Wire, place: Place) -> None:
    path = f"/channels/{place.channel.id}/messages"

    ids = {(await wire.call("POST", path, {"content": "x", "nonce": "1"})).body["id"] for _ in "ab"}

    assert len(ids) == 2


async def test_a_nonce_is_forgotten_after_some_minutes() -> None:
    now = [1_800_000_000.0]
    async with (
        DiscordServer.open(clock=lambda: now[0]) as server,
        aiohttp.ClientSession() as http,
    ):
        channel = server.add_channel(server.add_guild("Guild"), "general")
        path, body = f"/channels/{channel.id}/messages", {"nonce": "1", "enforce_nonce": True}
        ids = []
        for passed in (0, 299, 1):
            now[0] += passed
            answer = await Wire(server, http).call("POST", path, {"content": "x", **body})
            ids.append(answer.body["id"])

    assert ids[0] == ids[1] != ids[2]


async def test_ids_rise_and_carry_the_time(server: DiscordServer, place: Place) -> None:
    said = [await server.say(place.ada, place.channel, "x") for _ in range(100)]

    assert [m.id for m in said] == sorted({m.id for m in said})
    made = discord.utils.snowflake_time(said[0].id)
    assert abs((made - said[0].at).total_seconds()) < 1


async def test_files_go_both_ways_and_the_bytes_can_be_fetched(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        await server.say(place.ada, place.dm, "", attachments=[("in.txt", "text/plain", b"in")])
        await bot.until(lambda: bot.heard)
        file = discord.File(io.BytesIO(b"out"), "out.md", description="words")
        await bot.heard[0].channel.send("here", file=file)
        fetched = await bot.heard[0].attachments[0].read()

    (attachment,) = server.messages(place.dm)[1].attachments
    assert (attachment.name, attachment.content) == ("out.md", b"out")
    assert attachment.description == "words"
    assert attachment.media_type.startswith("text/markdown")
    assert fetched == b"in"


async def test_an_edit_keeps_and_replaces_files(server: DiscordServer, place: Place) -> None:
    async with running(Bot(), server) as bot:
        channel = await _channel(bot, place)
        files = [discord.File(io.BytesIO(name.encode()), f"{name}.txt") for name in "ab"]
        sent = await channel.send("files", files=files)
        new = discord.File(io.BytesIO(b"c"), "c.txt")
        await sent.edit(attachments=[sent.attachments[1], new])

    (message,) = server.messages(place.channel)
    assert [a.name for a in message.attachments] == ["b.txt", "c.txt"]


async def test_a_file_over_the_limit_is_refused_with_40005(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        channel = await _channel(bot, place)
        large = discord.File(io.BytesIO(bytes(server.settings.attachment_bytes + 1)), "large.bin")
        with pytest.raises(discord.HTTPException) as refused:
            await channel.send(file=large)

    assert (refused.value.status, refused.value.code) == (413, 40005)


BAD_BODIES: list[tuple[Json, int, str]] = [
    ({"content": "x" * 2001}, 50035, "content"),
    ({"embeds": [{"title": "x"}] * 11}, 50035, "embeds"),
    ({"embeds": [{"title": "x" * 257}]}, 50035, "embeds"),
    ({"embeds": [{"fields": [{"name": "x", "value": "x"}] * 26}]}, 50035, "embeds"),
    ({"embeds": [{"description": "x" * 3001}] * 2}, 50035, "embeds"),
    ({"content": "x", "components": [row(button("a"))] * 6}, 50035, "components"),
    ({"content": "x", "components": [row(*map(button, "abcdef"))]}, 50035, "components"),
    ({"content": "x", "components": [row(button("a"), button("a"))]}, 50035, "components"),
    ({"content": "x", "components": [row(button("a" * 101))]}, 50035, "components"),
    ({"content": "x", "components": [row(button(""))]}, 50035, "components"),
    ({"content": "x", "components": [row()]}, 50035, "components"),
    ({"content": "x", "components": [button("a")]}, 50035, "components"),
    ({"flags": 1 << 15, "components": [{"type": 10, "content": "x"}] * 41}, 50035, "components"),
    ({"content": "x", "nonce": "x" * 26}, 50035, "nonce"),
    ({"content": ["x"]}, 50035, "content"),
    ({}, 50006, ""),
]


@pytest.mark.parametrize(("body", "code", "where"), BAD_BODIES)
async def test_a_message_past_a_limit_is_refused_with_the_place_of_the_fault(
    wire: Wire, server: DiscordServer, place: Place, body: Json, code: int, where: str
) -> None:
    answer = await wire.call("POST", f"/channels/{place.channel.id}/messages", body)

    assert (answer.status, answer.code) == (400, code)
    assert list(answer.body.get("errors", {})) == ([where] if where else [])
    assert server.messages(place.channel) == []


GOOD_BODIES: list[Json] = [
    {"content": "x" * 2000},
    {"embeds": [{"description": "x" * 600}] * 10},
    {"content": "x", "components": [row(*(button(f"{r}{b}") for b in range(5))) for r in range(5)]},
    {"content": "x", "components": [row(button("a" * 100))]},
    {"flags": 1 << 15, "components": [{"type": 10, "content": "x"}] * 40},
]


@pytest.mark.parametrize("body", GOOD_BODIES)
async def test_a_message_at_a_limit_is_accepted(wire: Wire, place: Place, body: Json) -> None:
    answer = await wire.call("POST", f"/channels/{place.channel.id}/messages", body)

    assert answer.status == 200


async def test_what_is_not_there_is_refused_with_its_code(wire: Wire, place: Place) -> None:
    here = f"/channels/{place.channel.id}"

    answers = [
        await wire.call("GET", "/channels/1"),
        await wire.call("GET", f"{here}/messages/1"),
        await wire.call("GET", "/users/1"),
        await wire.call("GET", "/guilds/1"),
        await wire.call("GET", "/nothing/here"),
        await wire.call("GET", "/channels/general"),
    ]

    codes = [(answer.status, answer.code) for answer in answers]
    assert codes == [(404, n) for n in (10003, 10008, 10013, 10004, 0)] + [(400, 50035)]


async def test_a_message_of_someone_else_cannot_be_edited(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    theirs = await server.say(place.ada, place.channel, "mine")

    path = f"/channels/{place.channel.id}/messages/{theirs.id}"
    answer = await wire.call("PATCH", path, {"content": "not yours"})

    assert (answer.status, answer.code) == (403, 50005)


async def test_a_read_only_channel_refuses_posts_with_50013(
    server: DiscordServer, place: Place
) -> None:
    place.channel.read_only = True
    async with running(Bot(), server) as bot:
        channel = await _channel(bot, place)
        with pytest.raises(discord.Forbidden) as refused:
            await channel.send("x")

    assert refused.value.code == 50013


async def test_a_wrong_or_revoked_token_is_401(wire: Wire, server: DiscordServer) -> None:
    wrong = await wire.call("GET", "/users/@me", token="wrong")
    right = await wire.call("GET", "/users/@me")
    server.revoke_token()
    revoked = await wire.call("GET", "/users/@me")

    assert [answer.status for answer in (wrong, right, revoked)] == [401, 200, 401]


async def test_discord_py_cannot_log_in_with_a_revoked_token(server: DiscordServer) -> None:
    server.revoke_token()

    async with Bot() as bot:
        with pytest.raises(discord.LoginFailure):
            await bot.start(server.settings.token)


async def test_a_direct_message_channel_is_the_same_each_time(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        user = await bot.fetch_user(place.ada.id)
        channel = await user.create_dm()
        await channel.send("hello")

    assert [m.content for m in server.messages(place.dm)] == ["hello"]


async def test_a_person_who_takes_no_direct_messages_is_refused_with_50007(
    server: DiscordServer, place: Place
) -> None:
    place.ada.takes_dms = False
    async with running(Bot(), server) as bot:
        user = await bot.fetch_user(place.ada.id)
        with pytest.raises(discord.Forbidden) as refused:
            await user.send("hello")

    assert refused.value.code == 50007


async def test_threads_start_are_spoken_in_and_heard(server: DiscordServer, place: Place) -> None:
    async with running(Bot(), server) as bot:
        message = await server.say(place.ada, place.channel, "topic")
        await bot.until(lambda: bot.heard)
        thread = await bot.heard[0].create_thread(name="under it")
        await thread.send("in the thread")
        theirs = server.add_thread(place.channel, "theirs", place.ada)
        await server.say(place.ada, theirs, "in theirs")
        await bot.until(lambda: len(bot.heard) == 2)

    assert message.thread is not None
    assert message.thread.id == message.id == thread.id
    assert [m.content for m in server.messages(message.thread)] == ["in the thread"]
    assert isinstance(bot.heard[1].channel, discord.Thread)


async def test_a_message_has_at_most_one_thread(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    message = await server.say(place.ada, place.channel, "topic")
    path = f"/channels/{place.channel.id}/messages/{message.id}/threads"

    answers = [await wire.call("POST", path, {"name": "thread"}) for _ in range(2)]

    assert answers[0].status == 200
    assert (answers[1].status, answers[1].code) == (400, 160004)


async def test_a_bot_that_was_removed_from_a_guild_is_told_and_shut_out(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        server.remove_bot(place.guild)
        await bot.until(lambda: bot.count("guild_remove"))
        with pytest.raises(discord.NotFound) as refused:
            await bot.get_partial_messageable(place.channel.id).send("x")

    assert refused.value.code == 10003


async def test_the_bots_reactions_and_typing_are_in_the_record(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        message = await server.say(place.ada, place.channel, "hi")
        await bot.until(lambda: bot.heard)
        await bot.heard[0].add_reaction("👀")
        await bot.heard[0].add_reaction("👍")
        assert bot.user is not None
        await bot.heard[0].remove_reaction("👀", bot.user)
        await bot.heard[0].channel.typing()

    assert message.reactions == {"👍": [server.bot]}
    assert len(place.channel.typing) == 1
