"""Votes, choices and second tries on the wire of Discord and Slack."""

import pytest

from chatune_adapters.testing.discord import DiscordServer
from chatune_adapters.testing.slack import SlackServer
from chatune_bots.testing import on_discord, on_slack
from chatune_core.bots import Bot
from chatune_core.generation.requests import GenerationRequest
from chatune_core.settings import CoreSettings
from fakes.generator import ScriptedGenerator
from fakes.wire import until

pytestmark = pytest.mark.anyio
TWICE = CoreSettings(choice_share=1.0)
VOTED = "Thank you. Rated as bad. Press the same button again to take that back."
TAKEN_BACK = "Taken back: your rating of this answer is gone."


def model() -> ScriptedGenerator:
    """Say whether an answer is the first of two or the second."""

    def script(request: GenerationRequest) -> list[str]:
        return ["the second one"] if request.id.endswith("#2") else ["the first one"]

    return ScriptedGenerator(script)


async def test_on_discord_one_of_two_answers_is_chosen_and_the_talk_goes_on_from_it() -> None:
    scripted = model()
    async with DiscordServer.open() as server, on_discord(Bot(), server, scripted, TWICE):
        channel = server.add_channel(server.add_guild("Office"), "general")
        ann, bot = server.add_user("ann"), f"<@{server.bot.id}>"
        await server.until(lambda: any(c["name"] == "training" for c in server.commands()))
        await (await server.slash(ann, channel, "training", {"what": "on"})).answered()

        await server.say(ann, channel, f"{bot} hello")
        shown = [m for m in server.messages(channel) if m.author is server.bot]
        await server.until(lambda: "choose" in str(server.messages(channel)[-1].components))
        shown = [m for m in server.messages(channel) if m.author is server.bot]
        [answer] = [m for m in shown if not m.ephemeral]
        pressed = await server.press(ann, answer, "choose-second")
        await server.until(lambda: bool(pressed.messages))
        await server.say(ann, channel, f"{bot} and then?")
        await server.until(lambda: len(scripted.requests) == 4)

    assert answer.content == "the first one\n\n(Second answer:)\n\nthe second one"
    [thanks] = pressed.messages
    assert (thanks.content, thanks.ephemeral) == ("Thank you. I keep the second.", True)
    said = [m.content for m in scripted.requests[-1].messages if m.role == "assistant"]
    assert said == ["the second one"]


async def test_on_discord_the_same_button_takes_a_vote_back() -> None:
    async with DiscordServer.open() as server, on_discord(Bot(), server):
        channel = server.add_channel(server.add_guild("Office"), "general")
        ann, bot = server.add_user("ann"), f"<@{server.bot.id}>"
        await server.say(ann, channel, f"{bot} hello")
        await server.until(lambda: "good" in str(server.messages(channel)[-1].components))
        answer = server.messages(channel)[-1]

        async def press() -> list[str]:
            pressed = await server.press(ann, answer, "bad")
            await server.until(lambda: bool(pressed.messages))
            return [message.content for message in pressed.messages]

        said = await press() + await press()

    assert said == [VOTED, TAKEN_BACK]


async def test_on_slack_one_of_two_answers_is_chosen_and_the_talk_goes_on_from_it() -> None:
    scripted = model()
    async with SlackServer.open() as server:
        team = server.add_team("Office")
        channel, ann = server.add_channel(team, "general"), server.add_user(team, "ann")
        async with on_slack(Bot(), server, team, scripted, TWICE):
            await server.slash(ann, channel, "/chatune", "training on")
            await until(lambda: any("You agree" in m.text for m in server.messages(channel)))
            asked = await server.say(ann, channel, f"<@{team.bot_user_id}> hello")
            await until(lambda: any("choose" in str(m.blocks) for m in server.replies(asked)))
            [answer] = [m for m in server.replies(asked) if "choose" in str(m.blocks)]
            await server.press(ann, answer, "choose-second")
            await until(
                lambda: any("I keep the second" in m.text for m in server.messages(channel))
            )
            await server.say(ann, channel, f"<@{team.bot_user_id}> and then?", thread=asked)
            await until(lambda: len(scripted.requests) == 4)

    assert answer.text == "the first one\n\n(Second answer:)\n\nthe second one"
    said = [m.content for m in scripted.requests[-1].messages if m.role == "assistant"]
    assert said == ["the second one"]


async def test_on_slack_the_same_button_takes_a_vote_back() -> None:
    async with SlackServer.open() as server:
        team = server.add_team("Office")
        channel, ann = server.add_channel(team, "general"), server.add_user(team, "ann")
        async with on_slack(Bot(), server, team):
            asked = await server.say(ann, channel, f"<@{team.bot_user_id}> hello")
            await until(lambda: any("good" in str(m.blocks) for m in server.replies(asked)))
            [answer] = [m for m in server.replies(asked) if "good" in str(m.blocks)]

            async def press(line: str) -> None:
                await server.press(ann, answer, "bad")
                await until(lambda: any(line == m.text for m in server.messages(channel)))

            await press(VOTED)
            await press(TAKEN_BACK)
