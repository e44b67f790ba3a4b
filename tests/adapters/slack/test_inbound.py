"""What people do in Slack reaches the core, once, and stored before it is acknowledged."""

from dataclasses import replace
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from adapters.slack.place import Place, reply_to
from chatune_adapters.testing.slack import Duplicated, Malformed, UnknownEvent, Upload
from chatune_core.errors import InvalidInput, RetryLater
from chatune_core.messages import (
    Attachment,
    BotRemoved,
    CommandInvoked,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)

pytestmark = pytest.mark.anyio


async def test_a_mention_arrives_once_in_its_own_thread_without_the_mention(place: Place) -> None:
    async with place.connected():
        said = await place.mention("hello &amp; <https://a.example|a>")
        event = await place.intake.next(MessageReceived)
        await place.server.settled()

    assert event.text == "hello & [a](https://a.example)"
    assert event.conversation == f"slack:{place.team.id}:{place.channel.id}:{said.ts}"
    assert event.key == f"slack:{place.team.id}:{place.channel.id}:{said.ts}"
    assert event.user == f"slack:{place.team.id}:{place.ada.id}"
    assert place.intake.events == []


async def test_what_does_not_name_the_bot_is_none_of_its_business(place: Place) -> None:
    async with place.connected():
        await place.server.say(place.ada, place.channel, "lunch?")
        await place.server.settled()

    assert place.intake.events == []


async def test_a_thread_that_the_bot_takes_part_in_is_followed_after_a_restart_too(
    place: Place,
) -> None:
    async with place.connected() as platform:
        said = await place.mention("hello")
        first = await place.intake.next(MessageReceived)
        await place.server.say(place.ada, place.channel, "hurry", thread=said)
        await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(first))

    async with place.connected():
        await place.server.say(place.ada, place.channel, "and then?", thread=said)
        second = await place.intake.next(MessageReceived)

    assert second.text == "and then?"
    assert second.conversation == first.conversation


async def test_direct_messages_need_no_mention(place: Place) -> None:
    async with place.connected():
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "hello")
        event = await place.intake.next(MessageReceived)

    assert event.conversation == f"slack:{place.team.id}:{dm.id}"


async def test_people_who_are_mentioned_are_called_by_their_names(place: Place) -> None:
    bob = place.server.add_user(place.team, "bob")

    async with place.connected():
        await place.mention(f"tell <@{bob.id}> hello")
        event = await place.intake.next(MessageReceived)

    assert event.text == "tell @bob hello"


async def test_messages_of_one_conversation_arrive_in_order_though_names_are_asked_for(
    place: Place,
) -> None:
    bob = place.server.add_user(place.team, "bob")

    async with place.connected():
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, f"first <@{bob.id}>")
        await place.server.say(place.ada, dm, "second")
        first = await place.intake.next(MessageReceived)
        second = await place.intake.next(MessageReceived)

    assert (first.text, second.text) == ("first @bob", "second")


async def test_an_event_that_could_not_be_stored_comes_again(place: Place) -> None:
    place.intake.refuse = [RetryLater("full disk", timedelta(seconds=1))] * 2

    async with place.connected():
        said = await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        await place.server.settled()

    assert event.key.endswith(said.ts)
    assert place.server.log.given_up() == []


async def test_an_event_that_is_delivered_twice_is_stored_once(place: Place) -> None:
    place.server.faults.add(Duplicated(3), "message")

    async with place.connected():
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "hello")
        await place.intake.next(MessageReceived)
        await place.server.settled()

    assert place.intake.events == []


async def test_edits_and_deletions_arrive_and_link_previews_do_not(place: Place) -> None:
    async with place.connected():
        dm = place.server.dm_with(place.ada)
        said = await place.server.say(place.ada, dm, "helo")
        asked = await place.intake.next(MessageReceived)
        place.server.site.messaging.change(dm, said, edited=False, attachments=[{"id": 1}])
        await place.server.edit(said, "hello")
        edited = await place.intake.next(MessageEdited)
        await place.server.delete(said)
        deleted = await place.intake.next(MessageDeleted)
        await place.server.settled()

    assert (edited.text, edited.message, edited.user) == ("hello", str(asked.key), asked.user)
    assert edited.conversation == asked.conversation == deleted.conversation
    assert deleted.message == str(asked.key)
    assert place.intake.events == []


async def test_reactions_are_votes_without_skin_tones(place: Place) -> None:
    async with place.connected():
        said = await place.mention("hello")
        await place.server.react(place.ada, said, "+1::skin-tone-3")
        added = await place.intake.next(ReactionChanged)
        await place.server.unreact(place.ada, said, "+1::skin-tone-3")
        removed = await place.intake.next(ReactionChanged)
        await place.server.react(place.ada, said, "tada")
        other = await place.intake.next(ReactionChanged)

    assert (added.emoji, added.added) == ("👍", True)
    assert (removed.emoji, removed.added) == ("👍", False)
    assert other.emoji == ":tada:"
    assert added.message.endswith(said.ts)


async def test_the_slash_command_names_a_command_and_alone_asks_for_help(place: Place) -> None:
    async with place.connected():
        typed = await place.server.slash(place.ada, place.channel, "/chatune", "roll 2 dice")
        roll = await place.intake.next(CommandInvoked)
        await place.server.slash(place.ada, place.channel, "/chatune")
        empty = await place.intake.next(CommandInvoked)

    assert typed.acked
    assert (roll.name, roll.arguments) == ("roll", "2 dice")
    assert roll.conversation == f"slack:{place.team.id}:{place.channel.id}"
    assert empty.name == "help"


async def test_a_command_that_could_not_be_stored_says_so(place: Place) -> None:
    place.intake.refuse = [RetryLater("full disk", timedelta(seconds=1))]

    async with place.connected():
        await place.server.slash(place.ada, place.channel, "/chatune", "roll")

    (shown,) = place.server.messages(place.channel)
    assert shown.is_ephemeral
    assert "try again" in shown.text


async def test_a_message_shortcut_runs_its_command_on_the_text_of_the_message(place: Place) -> None:
    async with place.connected():
        said = await place.server.say(place.ada, place.channel, "a long story")
        await place.server.message_shortcut(place.ada, said, "summarize")
        event = await place.intake.next(CommandInvoked)

    assert (event.name, event.arguments) == ("summarize", "a long story")
    assert event.message is not None
    assert event.message.endswith(said.ts)


async def test_the_global_shortcut_is_answered_in_the_direct_messages(place: Place) -> None:
    async with place.connected():
        await place.server.shortcut(place.ada, "help")
        event = await place.intake.next(CommandInvoked)

    assert event.name == "help"
    assert event.conversation == f"slack:{place.team.id}:{place.ada.id}"


async def test_files_are_read_whole_or_not_at_all(place: Place) -> None:
    content = b"x" * (10 * 1024 * 1024)
    upload = Upload("big.bin", content, "application/octet-stream")

    async with place.connected() as platform:
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "look", files=[upload])
        event = await place.intake.next(MessageReceived)
        (attachment,) = event.attachments
        read = await platform.files.read(attachment, len(content))
        with pytest.raises(InvalidInput, match="too large"):
            await platform.files.read(attachment, len(content) - 1)

    assert read == content
    assert attachment.name == "big.bin"


async def test_a_file_that_lies_about_its_size_is_not_read_beyond_the_limit(place: Place) -> None:

    async with place.connected() as platform:
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "look", files=[Upload("a.txt", b"y" * 500_000)])
        event = await place.intake.next(MessageReceived)
        lying = replace(event.attachments[0], size_bytes=1)

        with pytest.raises(InvalidInput, match="too large"):
            await platform.files.read(lying, 1000)


async def test_the_token_is_sent_to_slack_alone(place: Place) -> None:
    async with place.connected() as platform:
        with pytest.raises(InvalidInput, match="outside Slack"):
            await platform.files.read(
                Attachment("a", "text/plain", 1, "http://127.0.0.1:9/files-pri/T1-F1/a"), 10
            )


async def test_malformed_and_unknown_payloads_are_skipped_and_the_rest_arrives(
    place: Place,
) -> None:
    place.server.faults.add(Malformed(), "app_mention")
    place.server.faults.add(Malformed('{"envelope_id": "x", "payload": []}'), "message")
    place.server.faults.add(UnknownEvent(), "message")

    async with place.connected():
        await place.server.send_event(place.team, {"type": "message", "channel": 7})
        await place.server.send_event(place.team, {"type": "reaction_added", "item": None})
        await place.mention("hello")
        event = await place.intake.next(MessageReceived)

    assert event.text == "hello"


async def test_what_the_bot_writes_itself_does_not_come_back(place: Place) -> None:
    async with place.connected() as platform:
        dm = place.server.dm_with(place.ada)
        await place.server.say(place.ada, dm, "hello")
        event = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(event))
        await place.server.settled()

    assert place.intake.events == []


async def test_an_uninstall_deletes_what_was_kept_and_tells_the_core(place: Place) -> None:
    async with place.connected() as platform:
        await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(event))
        await place.server.settled()
        kept = dict(place.store.values)
        await place.server.uninstall(place.team)
        removed = await place.intake.next(BotRemoved)

    assert kept
    assert place.store.values == {}
    assert removed.workspace == f"slack:{place.team.id}"


async def test_a_paused_platform_leaves_events_to_slack_and_still_sends(place: Place) -> None:
    async with place.connected() as platform:
        said = await place.mention("hello")
        event = await place.intake.next(MessageReceived)
        platform.pause()
        while place.server.sockets.open:
            await anyio.lowlevel.checkpoint()
        await place.mention("more")
        await platform.sender.deliver(reply_to(event))

    assert [one.text for one in place.answers(said)] == ["Hello."]
    assert place.intake.events == []
