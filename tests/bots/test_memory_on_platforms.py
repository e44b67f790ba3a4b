"""Memory on the wire of Discord and Slack: seen by its person alone, and kept to its place."""

import pytest

from chatune_adapters.testing.discord import Channel, DiscordServer
from chatune_adapters.testing.slack import SlackServer
from chatune_bots.testing import on_discord, on_slack
from chatune_core.bots import Bot
from fakes.generator import ScriptedGenerator
from fakes.wire import until

pytestmark = pytest.mark.anyio


async def confirmed(server: DiscordServer, channel: Channel, text: str) -> None:
    """Wait until the bot has written `text` there for all to see."""

    def there() -> bool:
        written = [m.content for m in server.messages(channel) if m.author is server.bot]
        return any(text in content for content in written)

    await server.until(there)


def told(model: ScriptedGenerator) -> str:
    return model.requests[-1].messages[0].content


async def test_on_discord_pages_turn_in_place_and_nobody_else_sees_them() -> None:
    async with DiscordServer.open() as server, on_discord(Bot(), server):
        channel, ann = (
            server.add_channel(server.add_guild("Office"), "general"),
            server.add_user("ann"),
        )
        await server.until(lambda: any(c["name"] == "memory" for c in server.commands()))
        await (await server.slash(ann, channel, "memory", {"what": "on"})).answered()
        bot = f"<@{server.bot.id}>"
        for number in range(9):
            await server.say(
                ann, channel, f"{bot} Remember that locker {number} holds my {number} hats."
            )
            await confirmed(server, channel, f"I will remember: Locker {number}")

        shown = await server.slash(ann, channel, "memory", {"what": "show"})
        await server.until(lambda: any("page 1 of 2" in m.content for m in shown.messages))
        [page] = shown.messages
        assert page.ephemeral
        await server.press(ann, page, "memory-page=2")
        await server.until(lambda: "page 2 of 2" in page.content)

        hidden = [m for m in server.everything(channel) if m.ephemeral]
        assert len(hidden) == 2, "that memory is on, and the page"
        assert "locker 8" in page.content.lower()


async def test_on_discord_what_was_said_on_one_server_is_not_used_on_another() -> None:
    model = ScriptedGenerator()
    async with DiscordServer.open() as server, on_discord(Bot(), server, model):
        office = server.add_channel(server.add_guild("Office"), "general")
        club = server.add_channel(server.add_guild("Club"), "general")
        ann, bot = server.add_user("ann"), f"<@{server.bot.id}>"
        await server.until(lambda: any(c["name"] == "memory" for c in server.commands()))
        await (await server.slash(ann, office, "memory", {"what": "on"})).answered()
        await server.say(ann, office, f"{bot} I love green tea.")
        await confirmed(server, office, "(Noted: I love green tea.)")

        for channel in (office, club):
            await server.say(ann, channel, f"{bot} What should I drink?")
            await confirmed(server, channel, "drink?")
            assert ("green tea" in told(model)) is (channel is office)


async def test_on_slack_memory_is_answered_to_its_person_alone() -> None:
    model = ScriptedGenerator()
    async with SlackServer.open() as server:
        team = server.add_team("Office")
        channel, ann = server.add_channel(team, "general"), server.add_user(team, "ann")
        ben = server.add_user(team, "ben")
        async with on_slack(Bot(), server, team, model):
            await server.slash(ann, channel, "/chatune", "memory on")
            await until(lambda: any("Memory is on" in m.text for m in server.messages(channel)))
            asked = await server.say(ann, channel, f"<@{team.bot_user_id}> I love green tea.")
            await until(lambda: any("(Noted: I" in m.text for m in server.replies(asked)))
            await server.slash(ann, channel, "/chatune", "memory show")
            await until(lambda: any("I remember this" in m.text for m in server.messages(channel)))

            seen = " ".join(m.text for m in server.messages(channel, seen_by=ben))
            assert "I remember this" not in seen
            assert "Memory is on" not in seen
