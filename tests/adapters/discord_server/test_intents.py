"""Who sees what: intents, the message content rule, hidden places."""

import aiohttp
import pytest

from adapters.discord_server.harness import EVERY_INTENT, Place, Wire
from chatune_adapters.testing.discord import DiscordServer, Intent, Settings

pytestmark = pytest.mark.anyio
NO_CONTENT = EVERY_INTENT & ~int(Intent.MESSAGE_CONTENT)
FILE = ("a.txt", "text/plain", b"a")


async def test_without_the_intent_a_message_of_a_guild_comes_empty(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token, intents=NO_CONTENT)

    await server.say(place.ada, place.channel, "secret", attachments=[FILE])
    event = (await socket.expect("MESSAGE_CREATE"))["d"]

    empty = [event[part] for part in ("content", "embeds", "attachments", "components")]
    assert empty == ["", [], [], []]
    assert event["author"]["username"] == "ada"


async def test_without_the_intent_the_message_that_is_replied_to_comes_empty_too(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token, intents=NO_CONTENT)
    first = await server.say(place.ada, place.channel, "secret")

    await server.say(server.add_user("bob"), place.channel, "reply", reply_to=first)
    await socket.expect("MESSAGE_CREATE")
    event = (await socket.expect("MESSAGE_CREATE"))["d"]

    assert event["referenced_message"]["content"] == ""


async def test_direct_messages_mentions_and_own_messages_keep_their_content(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    await socket.ready(wire.token, intents=NO_CONTENT)
    mention = f"<@{server.bot.id}> hello"

    await server.say(place.ada, place.dm, "dm")
    await server.say(place.ada, place.channel, mention)
    await wire.call("POST", f"/channels/{place.channel.id}/messages", {"content": "own"})
    events = [(await socket.expect("MESSAGE_CREATE"))["d"] for _ in range(3)]

    assert [event["content"] for event in events] == ["dm", mention, "own"]


async def test_rest_keeps_content_back_from_an_application_without_the_grant() -> None:
    refused = Settings(privileged=Intent(0))
    async with DiscordServer.open(refused) as server, aiohttp.ClientSession() as http:
        channel = server.add_channel(server.add_guild("Guild"), "general")
        ada = server.add_user("ada")
        await server.say(ada, channel, "secret")
        await server.say(ada, channel, f"<@{server.bot.id}> open")
        await server.say(ada, server.dm_with(ada), "dm")

        wire = Wire(server, http)
        in_guild = await wire.call("GET", f"/channels/{channel.id}/messages")
        in_dm = await wire.call("GET", f"/channels/{server.dm_with(ada).id}/messages")

    assert [m["content"] for m in in_guild.body] == [f"<@{server.bot.id}> open", ""]
    assert [m["content"] for m in in_dm.body] == ["dm"]


async def test_an_event_without_its_intent_does_not_come(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    socket = await wire.connect()
    intents = Intent.GUILDS | Intent.DIRECT_MESSAGES
    await socket.ready(wire.token, intents=int(intents))
    await socket.expect("GUILD_CREATE")

    message = await server.say(place.ada, place.channel, "unheard")
    await server.react(place.ada, message, "👍")
    await server.say(place.ada, place.dm, "heard")

    assert (await socket.receive())["d"]["content"] == "heard"


async def test_hidden_channels_and_private_threads_are_not_heard(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    hidden = server.add_channel(place.guild, "hidden")
    hidden.hidden = True
    private = server.add_thread(place.channel, "private", place.ada, private=True)
    socket = await wire.connect()
    await socket.ready(wire.token)
    await socket.expect("GUILD_CREATE")

    for channel in (hidden, private, place.channel):
        await server.say(place.ada, channel, f"in {channel.name}")
    refusals = [await wire.call("GET", f"/channels/{c.id}") for c in (hidden, private)]

    assert (await socket.receive())["d"]["content"] == "in general"
    assert [(refusal.status, refusal.code) for refusal in refusals] == [(403, 50001)] * 2


async def test_a_member_list_comes_only_with_the_members_intent(
    wire: Wire, server: DiscordServer, place: Place
) -> None:
    names = []
    for intents in (Intent.GUILDS, Intent.GUILDS | Intent.GUILD_MEMBERS):
        socket = await wire.connect()
        await socket.ready(wire.token, intents=int(intents))
        guild = (await socket.expect("GUILD_CREATE"))["d"]
        names.append([member["user"]["username"] for member in guild["members"]])

    assert names == [["chatune"], ["chatune", "owner", "ada"]]
