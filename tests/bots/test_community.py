"""A community and its moderators, over the wire and by the real command: found, removed, decided, appealed."""

import pytest

from chatune_adapters.testing.discord import Channel, DiscordServer, Message
from chatune_adapters.testing.slack import Channel as SlackChannel
from chatune_adapters.testing.slack import Message as SlackMessage
from chatune_adapters.testing.slack import SlackServer
from fakes.chat_server import ChatServer
from fakes.served import serving
from fakes.shell import Shell
from fakes.wire import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
BAD = "What a zorgblatt you are"


def watched(shell: Shell, server: ChatServer, place: str, review: str) -> None:
    """Configure a bot whose rules know one word, in one watched place."""
    shell.configure(
        f"""
        [moderation]
        classifier = "none"
        words = {{hate = ["slurs.txt"]}}
        [moderation.places."{place}"]
        watch = true
        review = "{review}"
        measures = {{hate = ["remove", "flag", "warn"]}}
        [models.scripted]
        kind = "openai"
        base_url = "{server.base_url}"
        model = "fake-model"
        context_tokens = 4096
        """
    )
    (shell.home / "slurs.txt").write_text("zorgblatt\n", "utf-8")


def button(message: Message, action: str) -> str:
    [found] = [each for each in message.custom_ids if each.startswith(action)]
    return found


async def test_a_post_on_discord_is_removed_undone_and_appealed(
    shell: Shell, server: ChatServer
) -> None:
    async with DiscordServer.open() as discord:
        guild, ann, mia = (
            discord.add_guild("Town"),
            discord.add_user("ann"),
            discord.add_user("mia"),
        )
        square, desk = discord.add_channel(guild, "square"), discord.add_channel(guild, "desk")
        max_ = discord.add_user("max")
        here = f"discord:{guild.id}"
        watched(shell, server, here, f"{here}:{desk.id}")
        shell.environment.update(
            CHATUNE_SERVE__PLATFORMS='["discord"]',
            CHATUNE_DISCORD__TOKEN=discord.settings.token,
            CHATUNE_DISCORD__API_BASE=discord.api_base,
            CHATUNE_DISCORD__GATEWAY_URL=discord.gateway_url,
        )
        aside = discord.dm_with(ann)

        def bots(place: Channel) -> list[Message]:
            return [each for each in discord.messages(place) if each.author.bot]

        async with serving(shell):
            await until(lambda: discord.ready_sessions)
            await discord.say(ann, square, "Good morning, all")
            posted = await discord.say(ann, square, BAD)

            # Gone from the channel, a card for the moderators, a warning for the author alone.
            await until(lambda: bots(desk) and bots(aside))
            assert posted not in discord.messages(square)
            [card], [warning] = bots(desk), bots(aside)
            assert "zorgblatt" in card.content
            assert "case-undo" in str(card.components)
            assert BAD not in str([each.content for each in bots(square)])

            # A moderator upholds it: the card says so, in its place.
            await discord.press(mia, card, button(card, "case-uphold"))
            await until(lambda: "upheld" in bots(desk)[0].content.lower())
            assert len(bots(desk)) == 1

            # The author appeals; whoever decided cannot decide again, another moderator can.
            pressed = await discord.press(ann, warning, button(warning, "case-appeal"))
            await pressed.answered()
            await discord.submit_modal(ann, pressed, {"reason": "It is a flower."})
            await until(lambda: len(bots(desk)) == 2)
            appeal = bots(desk)[1]
            assert "It is a flower." in appeal.content
            await discord.press(mia, appeal, button(appeal, "case-undo"))
            await until(lambda: any(each.shown_to == mia for each in bots(desk)))
            assert not any(BAD in each.content for each in bots(square))
            await discord.press(max_, appeal, button(appeal, "case-undo"))
            await until(lambda: any("zorgblatt" in each.content for each in bots(square)))

    audit = shell.run("data", "audit").out
    assert "zorgblatt" not in audit
    assert "undone" in audit
    assert shell.run("data", "audit", "--verify").code == 0


async def test_a_post_on_slack_is_removed_and_restored(shell: Shell, server: ChatServer) -> None:
    async with SlackServer.open() as slack:
        team = slack.add_team("Acme")
        ann, mia = slack.add_user(team, "ann"), slack.add_user(team, "mia", is_admin=True)
        square, desk = slack.add_channel(team, "square"), slack.add_channel(team, "desk")
        here = f"slack:{team.id}"
        watched(shell, server, here, f"{here}:{desk.id}")
        shell.environment.update(
            CHATUNE_SERVE__PLATFORMS='["slack"]',
            CHATUNE_SLACK__APP_TOKEN=team.app_token,
            CHATUNE_SLACK__BOT_TOKEN=team.bot_token,
            CHATUNE_SLACK__API_BASE=slack.api_base,
            CHATUNE_SLACK__MODERATOR_TOKEN=slack.user_token(mia, "chat:write"),
        )

        def bots(place: SlackChannel) -> list[SlackMessage]:
            return [each for each in slack.messages(place) if each.user == team.bot_user_id]

        async with serving(shell):
            await slack.sockets.wait_for(1)
            posted = await slack.say(ann, square, BAD)

            await until(lambda: bots(desk) and bots(square))
            assert posted not in slack.messages(square)
            [card], [warning] = bots(desk), bots(square)
            assert warning.ephemeral_for == ann.id
            assert "case-appeal" in str(warning.blocks)

            await slack.press(mia, card, "case-undo")
            await until(lambda: any("zorgblatt" in each.text for each in bots(square)))
            await until(lambda: "undone" in bots(desk)[0].text.lower())
