"""Stopping an answer: from the channel that its thread hangs in, and by a button beside a stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.lowlevel
import pytest

from adapters.slack.place import Place, reply_to
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.slack.streaming import STILL_WRITING
from chatune_adapters.testing.slack import Message, Refused
from chatune_bots.testing import on_slack
from chatune_core.bots import Bot
from chatune_core.messages import ActionTaken, CommandInvoked, MessageReceived
from fakes.generator import ScriptedGenerator

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Asked:
    """A question, and the event that it became."""

    said: Message
    event: MessageReceived


async def ask(place: Place, platform: SlackPlatform, text: str = "hello") -> Asked:
    """Let Ada ask, and the answer begin."""
    said = await place.mention(text)
    event = await place.intake.next(MessageReceived)
    platform.sender.preview(event, "Hel")
    while not place.answers(said):
        await anyio.lowlevel.checkpoint()
    return Asked(said, event)


async def stopped(place: Place) -> list[str]:
    """Let Ada stop from the channel; return which conversations that reaches."""
    await place.server.slash(place.ada, place.channel, "/chatune", "stop")
    await place.server.settled()
    found = [one for one in place.intake.events if isinstance(one, CommandInvoked)]
    place.intake.events.clear()
    assert {one.name for one in found} == {"stop"}
    assert len({one.key for one in found}) == len(found)
    return [one.conversation for one in found]


async def test_stop_in_a_channel_reaches_the_threads_of_ones_own_running_answers(
    place: Place,
) -> None:
    async with place.connected() as platform:
        first, second = await ask(place, platform), await ask(place, platform)

        assert await stopped(place) == [first.event.conversation, second.event.conversation]

        await platform.sender.deliver(reply_to(first.event))
        assert await stopped(place) == [second.event.conversation]


async def test_it_reaches_nobody_elses_and_no_other_channels(place: Place) -> None:
    bob = place.server.add_user(place.team, "bob")
    other = place.server.add_channel(place.team, "other")
    here = f"slack:{place.team.id}:{place.channel.id}"

    async with place.connected() as platform:
        for user, channel in ((bob, place.channel), (place.ada, other)):
            await place.server.say(user, channel, f"<@{place.team.bot_user_id}> hello")
            platform.sender.waiting(await place.intake.next(MessageReceived), 0)

        assert await stopped(place) == [here]


async def test_other_commands_stay_where_they_were_typed(place: Place) -> None:
    async with place.connected() as platform:
        await ask(place, platform)
        await place.server.slash(place.ada, place.channel, "/chatune", "roll")
        command = await place.intake.next(CommandInvoked)

    assert command.conversation == f"slack:{place.team.id}:{place.channel.id}"


@asynccontextmanager
async def endless(place: Place) -> AsyncIterator[None]:
    """Run a bot whose model says two words and then nothing, on the place's server."""
    words = iter(range(2))

    def gate() -> anyio.Event:
        opened = anyio.Event()
        if next(words, None) is not None:
            opened.set()
        return opened

    model = ScriptedGenerator(lambda request: ["Once", " upon", " a", " time"], gate=gate)
    async with on_slack(Bot(), place.server, place.team, model):
        yield


async def test_the_answer_ends_with_what_it_had_and_the_person_is_told(place: Place) -> None:
    async with endless(place):
        said = await place.mention("tell me a story")
        await place.server.until(lambda: place.answers(said))
        await place.server.slash(place.ada, place.channel, "/chatune", "stop")
        await place.server.until(lambda: "good" in str(place.answers(said)[0].blocks))

        (answer,) = place.answers(said)
        private = [one for one in place.server.messages(place.channel) if one.is_ephemeral]

    assert answer.text.startswith("Once")
    assert "time" not in answer.text
    assert [one.text for one in private] == ["Stopped."]


async def test_a_stream_that_takes_long_gets_a_button_for_who_asked(place: Place) -> None:
    async with place.connected(offer_to_stop_after_s=0.0) as platform:
        asked = await ask(place, platform)
        for text in ("Hello", "Hello again"):
            platform.sender.preview(asked.event, text)
            while place.answers(asked.said)[0].text != text:
                await anyio.lowlevel.checkpoint()
        await platform.sender.deliver(reply_to(asked.event, "Hello again."))
        (offer,) = [one for one in place.server.messages(place.channel) if one.is_ephemeral]
        await place.server.press(place.ada, offer, "stop")
        pressed = await place.intake.next(ActionTaken)

    assert (offer.text, offer.ephemeral_for) == (STILL_WRITING, place.ada.id)
    assert offer.thread_ts == asked.said.ts
    assert (pressed.action, pressed.conversation) == ("stop", asked.event.conversation)
    assert [one.text for one in place.answers(asked.said)] == ["Hello again."]


@pytest.mark.parametrize("refused", [False, True])
async def test_a_short_stream_gets_none_and_a_refused_one_changes_nothing(
    place: Place, refused: bool
) -> None:
    if refused:
        place.server.faults.add(Refused("user_not_in_channel"), "chat.postEphemeral")

    async with place.connected(offer_to_stop_after_s=0.0 if refused else 60.0) as platform:
        asked = await ask(place, platform)
        for text in ("Hello", "Hello again"):
            platform.sender.preview(asked.event, text)
            while place.answers(asked.said)[0].text != text:
                await anyio.lowlevel.checkpoint()
        await platform.sender.deliver(reply_to(asked.event, "Hello again."))

    assert not any(one.is_ephemeral for one in place.server.messages(place.channel))
    assert [one.text for one in place.answers(asked.said)] == ["Hello again."]
    assert len(place.server.log.calls("chat.postEphemeral")) == refused
