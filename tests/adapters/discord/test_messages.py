from datetime import timedelta

import anyio
import pytest

from adapters.discord.rig import RecordingIntake, as_message, dispatched, place, reply_to, running
from chatune_adapters.testing.discord import Intent, faults
from chatune_core.errors import InvalidInput
from chatune_core.messages import (
    Attachment,
    BotRemoved,
    Button,
    File,
    MessageDeleted,
    MessageEdited,
    ReactionChanged,
)

pytestmark = pytest.mark.anyio


async def test_a_mention_is_taken_in_without_the_mention_and_answered_under_it() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            said = await at.server.say(at.ann, at.channel, f"{at.mention} how are roses cut?")
            event = as_message(await intake.next())
            keys = await platform.sender.deliver(reply_to(event, "At an angle."))

            assert event.text == "how are roses cut?"
            assert event.key == f"discord:{said.id}"
            assert event.conversation == f"discord:{at.guild.id}:{at.channel.id}"
            assert event.user == f"discord:{at.ann.id}"
            [shown] = at.shown()
            assert shown.content == "At an angle."
            assert shown.reply_to is said
            assert keys == [f"discord:{shown.id}"]


async def test_what_is_not_said_to_the_bot_is_not_taken_in() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await at.server.say(at.ann, at.channel, "hello everyone")
            await at.server.say(at.server.bot, at.channel, f"{at.mention} I said this")
            await at.server.say(at.ann, at.channel, f"{at.mention} and this is for you")
            event = as_message(await intake.next())

            assert event.text == "and this is for you"


async def test_other_people_are_named_in_the_text() -> None:
    async with place() as at:
        bea = at.server.add_user("bea")
        intake = RecordingIntake()
        async with running(at, intake):
            await at.server.say(at.ann, at.channel, f"{at.mention} greet <@{bea.id}> please")
            event = as_message(await intake.next())

            assert event.text == "greet @Bea please"


async def test_a_direct_message_needs_no_mention() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            dm = at.server.dm_with(at.ann)
            await at.server.say(at.ann, dm, "just us?")
            event = as_message(await intake.next())
            await platform.sender.deliver(reply_to(event, "Just us.", private=True))

            assert event.conversation == f"discord:@me:{dm.id}"
            assert [message.content for message in at.shown(dm)] == ["Just us."]


async def test_a_reply_to_the_bot_and_a_thread_that_it_joined_need_no_mention() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake, message_content=True) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            await platform.sender.deliver(reply_to(await intake.next(), "Hello!"))
            await at.server.say(at.ann, at.channel, "and then?", reply_to=at.shown()[0])
            thread = at.server.add_thread(at.channel, "details", at.ann)
            at.server.join_thread(thread, at.server.bot)
            await at.server.say(at.ann, thread, "in here")
            events = await intake.until(3)

            texts = {as_message(event).text for event in events}
            assert texts == {"hello", "and then?", "in here"}
            assert f"discord:{at.guild.id}:{thread.id}" in {each.conversation for each in events}


async def test_without_message_content_mentions_and_direct_messages_still_work() -> None:
    async with place(privileged=Intent(0)) as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await at.server.say(at.ann, at.channel, "nobody in particular")
            await at.server.say(at.ann, at.channel, f"{at.mention} you")
            await at.server.say(at.ann, at.server.dm_with(at.ann), "and you")
            events = await intake.until(2)

            assert [as_message(event).text for event in events] == ["you", "and you"]
            asked = next(
                p["d"]["intents"] for p in at.server.connections[-1].received if p["op"] == 2
            )
            assert asked == 1 << 0 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13


async def test_messages_of_a_conversation_are_stored_in_order_while_the_store_fails() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            intake.outage = 2
            for number in range(5):
                await at.server.say(at.ann, at.channel, f"{at.mention} {number}")
            events = await intake.until(5)

            assert [as_message(event).text for event in events] == ["0", "1", "2", "3", "4"]


async def test_edits_deletions_and_bulk_deletions_reach_the_core() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            said = await at.server.say(at.ann, at.channel, f"{at.mention} teh rose")
            await intake.until(1)
            await at.server.edit(said, f"{at.mention} the rose")
            await at.server.delete(said)
            bulk = {
                "ids": ["1", "2"],
                "channel_id": str(at.channel.id),
                "guild_id": str(at.guild.id),
            }
            await dispatched(at, "MESSAGE_DELETE_BULK", bulk)
            _, edit, deletion, *others = await intake.until(5)

            assert isinstance(edit, MessageEdited)
            assert (edit.message, edit.text) == (f"discord:{said.id}", "the rose")
            assert isinstance(deletion, MessageDeleted)
            assert (deletion.message, deletion.user) == (f"discord:{said.id}", "discord:unknown")
            gone = [each.message for each in others if isinstance(each, MessageDeleted)]
            assert gone == ["discord:1", "discord:2"]


async def test_reactions_of_people_are_told_and_taken_back() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            await platform.sender.deliver(reply_to(await intake.next(), "Hello!"))
            [shown] = at.shown()
            await at.server.react(at.server.bot, shown, "👀")
            await at.server.react(at.ann, shown, "custom:123")
            await at.server.react(at.ann, shown, "👍")
            await at.server.unreact(at.ann, shown, "👍")
            events = (await intake.until(3))[1:]

            assert all(isinstance(event, ReactionChanged) for event in events)
            told = [(e.emoji, e.added, e.message) for e in events if isinstance(e, ReactionChanged)]
            assert told == [
                ("👍", True, f"discord:{shown.id}"),
                ("👍", False, f"discord:{shown.id}"),
            ]


async def test_a_file_comes_in_whole_or_is_refused_at_the_limit() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            ten_mb = b"x" * (10 * 1024 * 1024)
            files = [("notes.txt", "text/plain", b"prune in spring"), ("big.bin", "", ten_mb)]
            await at.server.say(at.ann, at.channel, f"{at.mention} read", attachments=files)
            small, big = as_message(await intake.next()).attachments

            assert (small.name, small.size_bytes) == ("notes.txt", 15)
            assert await platform.files.read(small, 1000) == b"prune in spring"
            assert await platform.files.read(big, len(ten_mb)) == ten_mb
            with pytest.raises(InvalidInput):
                await platform.files.read(big, 1000)


async def test_a_file_that_is_larger_than_it_said_is_refused_at_the_limit() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            files = [("liar.txt", "text/plain", b"x" * 5000)]
            await at.server.say(at.ann, at.channel, f"{at.mention} read", attachments=files)
            [file] = as_message(await intake.next()).attachments
            from dataclasses import replace

            with pytest.raises(InvalidInput):
                await platform.files.read(replace(file, size_bytes=1), 1000)


async def test_a_file_that_is_gone_is_named() -> None:
    async with place() as at, running(at, RecordingIntake()) as platform:
        gone = Attachment("old.txt", "text/plain", 5, f"{at.server.cdn}/attachments/1/2/old.txt")
        with pytest.raises(InvalidInput, match=r"old\.txt"):
            await platform.files.read(gone, 1000)


async def test_files_and_buttons_go_out_with_the_last_part_of_a_long_answer() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} tell me all")
            text = "```python\n" + "print('rose')\n" * 300 + "```"
            file = File("all.txt", b"everything")
            reply = reply_to(
                await intake.next(), text, buttons=(Button("more", "More", "7"),), files=(file,)
            )
            keys = await platform.sender.deliver(reply)

            shown = at.shown()
            assert keys == [f"discord:{message.id}" for message in shown]
            assert len(shown) == 3
            assert all(len(message.content) <= 2000 for message in shown)
            assert all(message.content.count("```") == 2 for message in shown)
            assert [len(message.attachments) for message in shown] == [0, 0, 1]
            assert shown[-1].attachments[0].content == b"everything"
            assert [message.custom_ids for message in shown] == [[], [], ["more=7"]]


async def test_a_file_that_discord_finds_too_large_is_named_instead() -> None:
    async with place(attachment_bytes=100) as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} give")
            file = File("all.txt", b"x" * 101)
            await platform.sender.deliver(reply_to(await intake.next(), "Here.", files=(file,)))

            assert [m.content for m in at.shown()] == ["Here.\n(Too large for Discord: all.txt)"]


async def test_nobody_is_pinged_by_an_answer() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} shout")
            await platform.sender.deliver(reply_to(await intake.next(), "@everyone hear!"))

            [post] = [r for r in at.server.log if r.method == "POST" and "messages" in r.path]
            assert isinstance(post.body, dict)
            assert post.body["allowed_mentions"] == {"parse": [], "replied_user": False}


async def test_typing_is_shown_while_an_answer_is_made() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} think")
            platform.sender.waiting(await intake.next(), 0)
            await at.server.until(lambda: bool(at.channel.typing))


async def test_an_answer_grows_in_one_message_with_a_button_to_stop_it() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} count")
            event = await intake.next()
            platform.sender.preview(event, "one **tw")
            await at.server.until(lambda: bool(at.shown()))
            [growing] = at.shown()
            assert growing.content == "one **tw**"
            assert growing.custom_ids == ["stop"]
            platform.sender.preview(event, "one **two** th")
            await at.server.until(lambda: "th" in growing.content)
            [key] = await platform.sender.deliver(reply_to(event, "one **two** three"))

            [shown] = at.shown()
            assert shown is growing
            assert key == f"discord:{shown.id}"
            assert shown.content == "one **two** three"
            assert shown.custom_ids == []


async def test_an_answer_that_somebody_deleted_while_it_grew_is_shown_anew() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} count")
            event = as_message(await intake.next())
            platform.sender.preview(event, "one")
            await at.server.until(lambda: bool(at.shown()))
            await at.server.delete(at.shown()[0])
            await platform.sender.deliver(reply_to(event, "one two"))

            assert [message.content for message in at.shown()] == ["one two"]


async def test_a_long_answer_shows_its_end_while_it_grows_and_all_of_it_at_the_end() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} count")
            event = await intake.next()
            text = " ".join(str(number) for number in range(1000))
            platform.sender.preview(event, text)
            await at.server.until(lambda: bool(at.shown()))
            assert at.shown()[0].content.startswith("…")
            assert at.shown()[0].content.endswith(" 999")
            file = File("n.txt", b"1000")
            await platform.sender.deliver(reply_to(event, text, files=(file,)))

            assert " ".join(message.content for message in at.shown()) == text
            assert [len(message.attachments) for message in at.shown()] == [0, 1]


async def test_a_file_comes_with_an_answer_that_grew() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} count")
            event = await intake.next()
            platform.sender.preview(event, "one")
            await at.server.until(lambda: bool(at.shown()))
            reply = reply_to(event, "one two", files=(File("n.txt", b"1000"),))
            await platform.sender.deliver(reply)
            await platform.sender.deliver(reply)

            [shown] = at.shown()
            assert [file.content for file in shown.attachments] == [b"1000"]


async def test_leaving_a_server_is_told_but_its_outage_is_not() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            await dispatched(at, "GUILD_DELETE", {"id": str(at.guild.id), "unavailable": True})
            await dispatched(at, "GUILD_DELETE", {"id": str(at.guild.id)})
            event = await intake.next()

            assert isinstance(event, BotRemoved)
            assert event.workspace == f"discord:{at.guild.id}"


async def test_a_duplicate_dispatch_is_one_event() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake):
            at.server.faults.add(faults.Duplicate(), on="DISPATCH MESSAGE_CREATE")
            await at.server.say(at.ann, at.channel, f"{at.mention} once")
            await at.server.say(at.ann, at.channel, f"{at.mention} twice")
            events = await intake.until(2)
            await anyio.sleep(0.05)

            assert [as_message(event).text for event in events] == ["once", "twice"]


async def test_the_way_out_stays_open_when_the_way_in_is_paused() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} last one")
            event = await intake.next()
            assert platform.health().connected
            platform.pause()
            await at.server.until(lambda: at.server.ready_sessions == 0)
            await platform.sender.deliver(reply_to(event, "Good night."))

            assert not platform.health().connected
            assert [message.content for message in at.shown()] == ["Good night."]


def test_settings_do_not_show_the_token() -> None:
    from chatune_adapters.discord.settings import DiscordSettings

    assert "secret" not in repr(DiscordSettings("secret", call_limit=timedelta(seconds=1)))
