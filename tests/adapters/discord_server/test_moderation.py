"""What the server knows of members, permissions, time-outs, slow mode and link previews."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import aiohttp
import discord
import pytest

from adapters.discord_server.harness import Bot, Json, Place, Wire, running
from chatune_adapters.testing.discord import DiscordServer, Permission

pytestmark = pytest.mark.anyio
WARNING = quote("⚠️")


def in_minutes(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def member_path(place: Place) -> str:
    return f"/guilds/{place.guild.id}/members/{place.ada.id}"


async def silence(wire: Wire, place: Place, until: object) -> tuple[int, object]:
    body = {"communication_disabled_until": until}
    answer = await wire.call("PATCH", member_path(place), body)
    return answer.status, answer.body.get("code")


async def test_nick_and_roles_come_with_what_a_member_says(
    server: DiscordServer, place: Place
) -> None:
    role = server.add_role(place.guild, "gardeners")
    async with running(Bot(), server) as bot:
        server.change_member(place.guild, place.ada, nick="Ada L.", roles=[role])
        await server.say(place.ada, place.channel, "hi")
        await bot.until(lambda: bot.heard)
        author = bot.heard[0].author

    assert isinstance(author, discord.Member)
    assert (author.nick, [each.name for each in author.roles]) == (
        "Ada L.",
        ["@everyone", "gardeners"],
    )


async def test_the_age_gate_of_a_channel_is_told_and_changes(
    server: DiscordServer, place: Place
) -> None:
    gated = server.add_channel(place.guild, "adults", nsfw=True)
    async with running(Bot(), server) as bot:
        channel = bot.get_channel(gated.id)
        assert isinstance(channel, discord.TextChannel)
        before = channel.nsfw
        server.change_channel(gated, nsfw=False)
        await bot.until(lambda: bot.count("guild_channel_update"))

        assert (before, channel.nsfw) == (True, False)


async def test_a_timed_out_member_can_neither_speak_nor_react_nor_run_commands(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        said = await server.say(place.ada, place.channel, "hi")
        await bot.until(lambda: bot.heard)
        author = bot.heard[0].author
        assert isinstance(author, discord.Member)
        await author.timeout(timedelta(minutes=5), reason="enough")
        for act in (
            lambda: server.say(place.ada, place.channel, "again"),
            lambda: server.react(place.ada, said, "👍"),
            lambda: server.slash(place.ada, place.channel, "anything"),
        ):
            with pytest.raises(PermissionError):
                await act()
        await server.say(place.ada, place.dm, "elsewhere it is allowed")
        await author.timeout(None)
        await server.say(place.ada, place.channel, "again")

    asked = server.requests("PATCH /guilds/{guild_id}/members/{user_id}")
    assert [entry.reason for entry in asked] == ["enough", None]


async def test_a_time_out_ends_by_itself() -> None:
    now = [1_800_000_000.0]
    async with DiscordServer.open(clock=lambda: now[0]) as server, aiohttp.ClientSession() as http:
        guild = server.add_guild("Guild")
        channel, ada = server.add_channel(guild, "general"), server.add_user("ada")
        until = datetime.fromtimestamp(now[0] + 60, UTC).isoformat()
        path = f"/guilds/{guild.id}/members/{ada.id}"
        await Wire(server, http).call("PATCH", path, {"communication_disabled_until": until})
        now[0] += 59
        with pytest.raises(PermissionError):
            await server.say(ada, channel, "too early")
        now[0] += 2

        await server.say(ada, channel, "now")


async def test_a_time_out_is_a_time_within_28_days(wire: Wire, place: Place) -> None:
    longest = 28 * 24 * 60

    assert (await silence(wire, place, in_minutes(longest - 1)))[0] == 200
    assert (await silence(wire, place, in_minutes(longest + 1)))[0] == 400
    assert (await silence(wire, place, "soon"))[0] == 400


async def test_who_is_above_the_bot_or_administers_cannot_be_timed_out(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    answers = []
    for role in (
        server.add_role(place.guild, "above", above_bot=True),
        server.add_role(place.guild, "masters", Permission.ADMINISTRATOR),
        server.add_role(place.guild, "below", Permission.MANAGE_MESSAGES),
    ):
        server.change_member(place.guild, place.ada, roles=[role])
        answers.append(await silence(wire, place, in_minutes(5)))

    assert answers == [(403, 50013), (403, 50013), (200, None)]


async def test_who_left_is_no_member_any_more(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    server.remove_member(place.guild, place.ada)

    assert await silence(wire, place, in_minutes(5)) == (404, 10007)


async def test_slow_mode_makes_people_wait_but_for_those_who_may_pass(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    eve = server.add_user("eve")
    swift = server.add_role(place.guild, "swift", Permission.BYPASS_SLOWMODE)
    server.change_member(place.guild, eve, roles=[swift])
    here = f"/channels/{place.channel.id}"
    slow = await wire.call("PATCH", here, {"rate_limit_per_user": 30})
    await server.say(place.ada, place.channel, "one")
    with pytest.raises(PermissionError):
        await server.say(place.ada, place.channel, "two")
    for text in ("one", "two"):
        await server.say(eve, place.channel, text)
        assert (await wire.call("POST", f"{here}/messages", {"content": text})).status == 200
    await wire.call("PATCH", here, {"rate_limit_per_user": 0})
    await server.say(place.ada, place.channel, "two")

    assert slow.body["rate_limit_per_user"] == 30


@pytest.mark.parametrize("pause", [-1, 21_601, "30", 1.5, True])
async def test_a_pause_that_cannot_be_is_refused(wire: Wire, place: Place, pause: object) -> None:
    body = {"rate_limit_per_user": pause}
    answer = await wire.call("PATCH", f"/channels/{place.channel.id}", body)

    assert (answer.status, answer.code) == (400, 50035)


async def test_what_the_bot_lacks_the_permission_for_is_refused_with_50013(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    said = await server.say(place.ada, place.channel, "hi")
    thread = server.add_thread(place.channel, "thread", place.ada)
    here = f"/channels/{place.channel.id}"
    slow: Json = {"rate_limit_per_user": 5}
    calls = [
        (Permission.MANAGE_MESSAGES, "DELETE", f"{here}/messages/{said.id}", None),
        (Permission.ADD_REACTIONS, "PUT", f"{here}/messages/{said.id}/reactions/{WARNING}/@me", {}),
        (Permission.MANAGE_CHANNELS, "PATCH", here, slow),
        (Permission.MANAGE_THREADS, "PATCH", f"/channels/{thread.id}", slow),
        (Permission.MODERATE_MEMBERS, "PATCH", member_path(place), {
            "communication_disabled_until": in_minutes(1)}),
        (Permission.SEND_MESSAGES, "POST", f"{here}/messages", {"content": "x"}),
        (Permission.SEND_MESSAGES_IN_THREADS, "POST", f"/channels/{thread.id}/messages",
            {"content": "x"}),
    ]  # fmt: skip
    refused, allowed = [], []
    for permission, method, path, body in calls:
        place.guild.withheld = permission
        refused.append((await wire.call(method, path, body)).code)
        place.guild.withheld = Permission(0)
    for _, method, path, body in reversed(calls):
        allowed.append((await wire.call(method, path, body)).status)

    assert refused == [50013] * len(calls)
    assert set(allowed) <= {200, 204}


async def test_without_the_permission_to_read_the_history_it_is_empty(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    await server.say(place.ada, place.channel, "hi")
    place.guild.withheld = Permission.READ_MESSAGE_HISTORY

    answer = await wire.call("GET", f"/channels/{place.channel.id}/messages")

    assert (answer.status, answer.body) == (200, [])


async def test_the_permissions_of_a_guild_are_told_in_each_place(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    place.guild.withheld = Permission.MANAGE_MESSAGES
    async with running(Bot(), server) as bot:
        guild = bot.get_guild(place.guild.id)
        assert guild is not None
        told = guild.me.guild_permissions

    [listed] = (await wire.call("GET", "/users/@me/guilds")).body
    missing = int(listed["permissions"]) & Permission.MANAGE_MESSAGES
    assert (told.manage_messages, told.send_messages, missing) == (False, True, 0)


async def test_a_reaction_of_the_bot_comes_and_goes_and_may_be_blocked(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    said = await server.say(place.ada, place.channel, "hi")
    path = f"/channels/{place.channel.id}/messages/{said.id}/reactions/{WARNING}/@me"

    for _ in range(2):
        await wire.call("PUT", path, {})
        assert said.reactions == {"⚠️": [server.bot]}
    await wire.call("DELETE", path)
    place.ada.blocks_bot = True

    assert said.reactions == {}
    assert (await wire.call("PUT", path, {})).code == 90001


async def test_link_previews_come_late_and_are_no_edit(server: DiscordServer, place: Place) -> None:
    async with running(Bot(), server) as bot:
        said = await server.say(place.ada, place.channel, "https://example.org")
        await server.preview_links(said, {"type": "link", "title": "Example", "description": "!"})
        await bot.until(lambda: bot.count("raw_message_edit"))
        [event] = [args[0] for name, args in bot.events if name == "raw_message_edit"]

    assert isinstance(event, discord.RawMessageUpdateEvent)
    assert event.data["embeds"][0].get("title") == "Example"
    assert event.data["edited_timestamp"] is None
    assert said.edits == []


async def test_another_bot_is_told_as_one(server: DiscordServer, place: Place) -> None:
    async with running(Bot(), server) as bot:
        await server.say(server.add_user("beep", bot=True), place.channel, "boop")
        await bot.until(lambda: bot.heard)

        assert bot.heard[0].author.bot


async def test_a_reason_for_the_audit_log_has_at_most_512_characters(
    server: DiscordServer, place: Place
) -> None:
    async with running(Bot(), server) as bot:
        channel = bot.get_channel(place.channel.id)
        assert isinstance(channel, discord.TextChannel)
        with pytest.raises(discord.HTTPException) as refused:
            await channel.edit(slowmode_delay=5, reason="x" * 513)
        await channel.edit(slowmode_delay=5, reason="too much of it: é")

    assert refused.value.code == 50035
    assert server.requests("PATCH /channels/{channel_id}")[-1].reason == "too much of it: é"


async def test_a_nonce_may_be_missing_in_the_history() -> None:
    from chatune_adapters.testing.discord import Settings

    settings = Settings(nonces_in_history=False)
    async with DiscordServer.open(settings) as server, aiohttp.ClientSession() as http:
        wire, guild = Wire(server, http), server.add_guild("Guild")
        path = f"/channels/{server.add_channel(guild, 'general').id}/messages"
        posted = await wire.call("POST", path, {"content": "x", "nonce": "1"})
        listed = await wire.call("GET", path)

    assert posted.body["nonce"] == "1"
    assert "nonce" not in listed.body[0]
