"""What people post in watched channels is taken in, and nothing else is."""

from datetime import timedelta

import anyio
import pytest

from adapters.discord.rig import Place, RecordingIntake, dispatched, place, running
from chatune_adapters.testing.discord import Channel, Intent, faults
from chatune_core.errors import ConfigurationError
from chatune_core.messages import (
    ConversationId,
    Inbound,
    MessageEdited,
    MessagePosted,
    MessageReceived,
)
from chatune_core.moderation.watching import Watch, Watching

pytestmark = pytest.mark.anyio


def watching(at: Place, *channels: Channel) -> RecordingIntake:
    """Return an intake that wants the posts of the channels."""
    watched = channels or (at.channel,)
    places = {f"discord:{at.guild.id}:{each.id}": Watch() for each in watched}
    return WatchingIntake(Watching(places))


class WatchingIntake(RecordingIntake):
    """An intake that watches as the core does."""

    def __init__(self, watching: Watching) -> None:
        super().__init__()
        self._watching = watching

    def watches(self, conversation: ConversationId) -> bool:
        return self._watching.at(conversation) is not None


def as_post(event: Inbound) -> MessagePosted:
    assert isinstance(event, MessagePosted)
    return event


def posts(intake: RecordingIntake) -> list[MessagePosted]:
    return [event for event in intake.events if isinstance(event, MessagePosted)]


async def test_a_post_says_who_wrote_what_and_where() -> None:
    async with place() as at:
        gardener = at.server.add_role(at.guild, "gardener")
        at.server.change_member(at.guild, at.ann, nick="Rosie", roles=[gardener])
        intake = watching(at)
        async with running(at, intake, moderates=True):
            files = [("rose.png", "image/png", b"png")]
            text = f"<@{at.ann.id}> look at this"
            said = await at.server.say(at.ann, at.channel, text, attachments=files)
            post = as_post(await intake.next())

        assert post.key == f"discord:posted:{said.id}"
        assert post.message == f"discord:{said.id}"
        assert post.conversation == f"discord:{at.guild.id}:{at.channel.id}"
        assert (post.user, post.name) == (f"discord:{at.ann.id}", "Rosie")
        assert (post.text, post.previews) == (text, ())
        assert [each.name for each in post.attachments] == ["rose.png"]
        assert post.roles == (f"discord:{gardener.id}",)
        assert not post.age_gated
        assert abs(post.at - said.at) < timedelta(milliseconds=2)


async def test_a_name_is_the_nick_else_the_global_name() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            await at.server.say(at.ann, at.channel, "hi")

            assert as_post(await intake.next()).name == "Ann"


async def test_a_post_that_comes_without_its_member_is_completed() -> None:
    async with place() as at:
        gardener = at.server.add_role(at.guild, "gardener")
        at.server.change_member(at.guild, at.ann, nick="Rosie", roles=[gardener])
        intake = watching(at)
        async with running(at, intake, moderates=True):
            said = await at.server.say(at.ann, at.channel, "first")
            bare = {
                "id": str(said.id - 1),
                "channel_id": str(at.channel.id),
                "guild_id": str(at.guild.id),
                "author": {"id": str(at.ann.id), "username": "ann"},
                "content": "second",
            }
            await dispatched(at, "MESSAGE_CREATE", bare)
            await intake.until(3)

            second = next(post for post in posts(intake) if post.text == "second")
            assert (second.name, second.roles) == ("Rosie", (f"discord:{gardener.id}",))


async def test_nothing_is_taken_in_where_nobody_watches_nor_of_bots_and_webhooks() -> None:
    async with place() as at:
        other = at.server.add_channel(at.guild, "tulips")
        intake = watching(at)
        async with running(at, intake, moderates=True):
            await at.server.say(at.ann, other, "not here")
            await at.server.say(at.ann, at.server.dm_with(at.ann), "private")
            await at.server.say(at.server.bot, at.channel, "mine")
            await at.server.say(at.server.add_user("beep", bot=True), at.channel, "boop")
            hook = {
                "id": "5",
                "channel_id": str(at.channel.id),
                "guild_id": str(at.guild.id),
                "webhook_id": "7",
                "author": {"id": "7", "username": "hook", "bot": False},
                "content": "from afar",
            }
            await dispatched(at, "MESSAGE_CREATE", hook)
            await at.server.say(at.ann, at.channel, "here")
            events = await intake.until(3)

            assert [post.text for post in posts(intake)] == ["said to nobody", "here"]
            assert sum(isinstance(event, MessageReceived) for event in events) == 1


async def test_a_mention_is_both_a_question_and_a_post() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            said = await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            events = await intake.until(2)

            assert {event.key for event in events} == {
                f"discord:{said.id}",
                f"discord:posted:{said.id}",
            }


async def test_an_edit_and_late_previews_are_posts_of_their_own() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            said = await at.server.say(at.ann, at.channel, "see https://example.org")
            await at.server.preview_links(
                said,
                {"type": "link", "title": "Cheap pills", "description": "Buy " * 2000},
                {"type": "image"},
            )
            await at.server.edit(said, "never mind")
            await intake.until(3)
            # Discord tells of a message again when it is pinned: nothing was changed.
            await at.server.preview_links(said)
            await at.server.say(at.ann, at.channel, "next")
            await intake.until(4)

            first, previewed, edited, following = posts(intake)
            assert len({each.key for each in posts(intake)}) == 4
            assert (first.previews, first.message) == ((), previewed.message)
            [preview] = previewed.previews
            assert preview.startswith("Cheap pills\nBuy Buy")
            assert len(preview) == 4000
            assert (edited.text, edited.at) == ("never mind", said.edited_at)
            assert following.text == "next"


async def test_a_change_of_an_old_message_that_is_none_of_its_words_is_no_post() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            old = {
                "id": "175928847299117063",
                "channel_id": str(at.channel.id),
                "guild_id": str(at.guild.id),
                "author": {"id": str(at.ann.id), "username": "ann"},
                "content": "said years ago",
                "edited_timestamp": "2016-05-01T00:00:00+00:00",
                "pinned": True,
            }
            await dispatched(at, "MESSAGE_UPDATE", old)
            await intake.until(1)

            assert [post.text for post in posts(intake)] == ["said to nobody"]


async def test_forwards_and_polls_are_read_too() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            said = await at.server.say(at.ann, at.channel, "first")
            shown = {
                "id": str(said.id - 1),
                "channel_id": str(at.channel.id),
                "guild_id": str(at.guild.id),
                "author": {"id": str(at.ann.id), "username": "ann"},
                "content": "",
                "message_snapshots": [{"message": {"content": "forwarded", "embeds": []}}],
                "poll": {
                    "question": {"text": "Who?"},
                    "answers": [{"answer_id": 1, "poll_media": {"text": "You"}}],
                },
            }
            await dispatched(at, "MESSAGE_CREATE", shown)
            await intake.until(3)

            assert posts(intake)[1].previews == ("forwarded", "Who?", "You")


async def test_a_thread_is_watched_and_gated_as_its_channel_is() -> None:
    async with place() as at:
        other = at.server.add_channel(at.guild, "tulips", nsfw=True)
        before = at.server.add_thread(at.channel, "before", at.ann)
        intake = watching(at)
        async with running(at, intake, moderates=True):
            later = at.server.add_thread(at.channel, "later", at.ann)
            aside = at.server.add_thread(other, "elsewhere", at.ann)
            await at.server.say(at.ann, aside, "not watched")
            await at.server.say(at.ann, before, "one")
            await intake.until(1)
            at.server.change_channel(at.channel, nsfw=True)
            await at.server.say(at.ann, later, "two")
            await intake.until(2)

            one, two = posts(intake)
            above = f"discord:{at.guild.id}:{at.channel.id}"
            assert (one.conversation, two.conversation) == (
                f"{above}:{before.id}",
                f"{above}:{later.id}",
            )
            assert (one.age_gated, two.age_gated) == (False, True)


async def test_a_channel_may_be_taken_out_of_a_watched_server_with_its_threads() -> None:
    async with place() as at:
        other = at.server.add_channel(at.guild, "tulips")
        out = ConversationId(f"discord:{at.guild.id}:{at.channel.id}")
        places: dict[str, Watch | None] = {f"discord:{at.guild.id}": Watch(), out: None}
        intake = WatchingIntake(Watching(places))
        async with running(at, intake, moderates=True):
            inside = at.server.add_thread(at.channel, "inside", at.ann)
            await at.server.say(at.ann, inside, "among us")
            await at.server.say(at.ann, at.channel, "among us")
            await at.server.say(at.ann, at.server.add_thread(other, "open", at.ann), "to all")
            await intake.until(1)

            assert [post.text for post in posts(intake)] == ["to all"]


async def test_an_age_gate_is_known_from_the_start_and_follows_changes() -> None:
    async with place() as at:
        gated = at.server.add_channel(at.guild, "adults", nsfw=True)
        intake = watching(at, gated)
        async with running(at, intake, moderates=True):
            await at.server.say(at.ann, gated, "one")
            await intake.until(1)
            at.server.change_channel(gated, nsfw=False)
            await at.server.say(at.ann, gated, "two")
            await intake.until(2)

            assert [post.age_gated for post in posts(intake)] == [True, False]


async def test_what_was_posted_in_a_gap_is_read_with_nick_and_roles() -> None:
    async with place() as at:
        gardener = at.server.add_role(at.guild, "gardener")
        at.server.change_member(at.guild, at.ann, nick="Rosie", roles=[gardener])
        gone = at.server.add_user("gus")
        intake = watching(at)
        async with running(at, intake, moderates=True):
            said = await at.server.say(at.ann, at.channel, "heard")
            await intake.until(1)
            await at.store.bookmarked(said)
        missed = await at.server.say(at.ann, at.channel, "missed")
        await at.server.say(at.ann, at.channel, "missed too")
        await at.server.say(gone, at.channel, "and I am off")
        at.server.remove_member(at.guild, gone)
        async with running(at, intake, moderates=True):
            await intake.until(4)

            heard, one, two, last = posts(intake)
            assert (heard.key, one.key) == (
                f"discord:posted:{said.id}",
                f"discord:posted:{missed.id}",
            )
            assert (one.name, one.roles, two.roles) == ("Rosie", heard.roles, heard.roles)
            assert (last.name, last.roles) == ("Gus", ())
            asked = at.server.requests("GET /guilds/{guild_id}/members/{user_id}")
            assert len(asked) == 2


async def test_a_message_that_was_edited_in_a_gap_is_noticed() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            said = await at.server.say(at.ann, at.channel, f"{at.mention} roses")
            await intake.until(2)
            await at.store.bookmarked(said)
        await at.server.edit(said, f"{at.mention} tulips")
        await at.server.say(at.ann, at.channel, "so that there is news")
        async with running(at, intake, moderates=True):
            await intake.until(5)

            edits = [each for each in intake.events if isinstance(each, MessageEdited)]
            assert [(each.text, each.message) for each in edits] == [
                ("tulips", f"discord:{said.id}")
            ]
            assert [post.text for post in posts(intake)][1:] == [
                f"{at.mention} tulips",
                "so that there is news",
            ]


async def test_a_post_that_cannot_be_stored_is_tried_again_in_order() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            intake.outage = 2
            for number in range(3):
                await at.server.say(at.ann, at.channel, str(number))
            await intake.until(3)

            assert [post.text for post in posts(intake)] == ["0", "1", "2"]


async def test_posts_survive_a_lost_socket_and_repeated_deliveries() -> None:
    async with place() as at:
        intake = watching(at)
        async with running(at, intake, moderates=True):
            at.server.faults.add(faults.Duplicate(), on="DISPATCH MESSAGE_CREATE")
            said = await at.server.say(at.ann, at.channel, "one")
            await intake.until(1)
            await at.store.bookmarked(said)
            at.server.faults.now(faults.Invalidate())
            await at.server.say(at.ann, at.channel, "two")
            with anyio.fail_after(20):
                await intake.until(2)

            assert [post.text for post in posts(intake)] == ["one", "two"]


async def test_a_server_without_the_intent_is_not_watched_in_vain() -> None:
    async with place(privileged=Intent(0)) as at:
        with pytest.raises(ExceptionGroup) as raised:
            async with running(at, watching(at), moderates=True):
                pass

        [error] = raised.value.exceptions
        assert isinstance(error, ConfigurationError)
        assert "Message Content Intent" in error.remedy
        assert "moderation.places" in error.remedy
