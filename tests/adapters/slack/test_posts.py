"""What people post in watched channels reaches the core, once, with who posted it."""

from datetime import timedelta

import pytest

from adapters.slack.place import Place, reply_to
from chatune_adapters.slack.posts import PREVIEW, PREVIEWS
from chatune_adapters.testing.slack import Duplicated, Refused, Upload
from chatune_core.errors import RetryLater
from chatune_core.messages import MessageDeleted, MessagePosted, MessageReceived

pytestmark = pytest.mark.anyio
LINK = "https://a.example/x"


async def test_a_message_in_a_watched_channel_is_posted_with_its_authors_name(
    place: Place,
) -> None:
    watched = place.watch()

    async with place.connected():
        said = await place.say("lunch &amp; <https://a.example|a>?")
        post = await place.intake.next(MessagePosted)
        await place.server.settled()

    assert (post.text, post.name, post.roles) == ("lunch & [a](https://a.example)?", "ada", ())
    assert post.key == f"slack:{place.team.id}:posted:{place.channel.id}:{said.ts}"
    assert (post.conversation, post.message) == (watched, f"{watched}:{said.ts}")
    assert post.user == f"slack:{place.team.id}:{place.ada.id}"
    assert f"{post.at.timestamp():.3f}" == f"{float(said.ts):.3f}"
    assert place.intake.events == []


async def test_in_other_channels_nothing_is_taken_in(place: Place) -> None:
    other = place.server.add_channel(place.team, "other")
    place.watch(other)

    async with place.connected():
        said = await place.say("lunch?")
        await place.server.edit(said, "dinner?")
        await place.server.delete(said)
        await place.server.say(place.ada, place.server.dm_with(place.ada), "hello")
        await place.intake.next(MessageReceived)
        await place.server.settled()

    assert place.intake.events == []
    assert place.server.log.calls("users.info") == []


async def test_a_watched_workspace_does_not_mean_its_direct_messages(place: Place) -> None:
    place.intake.watched.add(f"slack:{place.team.id}")

    async with place.connected():
        await place.server.say(place.ada, place.server.dm_with(place.ada), "hello")
        await place.intake.next(MessageReceived)
        await place.server.settled()

    assert place.intake.events == []


async def test_a_mention_is_told_twice_and_posted_once_besides_being_answered(
    place: Place,
) -> None:
    watched = place.watch()

    async with place.connected():
        said = await place.mention("hello")
        post = await place.intake.next(MessagePosted)
        asked = await place.intake.next(MessageReceived)
        await place.server.settled()

    assert (post.text, asked.text) == ("hello", "hello")
    assert (post.conversation, asked.conversation) == (watched, f"{watched}:{said.ts}")
    assert place.intake.events == []


async def test_a_thread_inherits_from_its_channel_and_is_a_place_of_its_own(place: Place) -> None:
    watched = place.watch()

    async with place.connected():
        root = await place.say("lunch?")
        await place.intake.next(MessagePosted)
        await place.say("yes", thread=root)
        post = await place.intake.next(MessagePosted)

    assert post.conversation == f"{watched}:{root.ts}"


async def test_an_edit_is_a_post_of_its_own_about_the_same_message(place: Place) -> None:
    place.watch()

    async with place.connected():
        said = await place.say("nice")
        first = await place.intake.next(MessagePosted)
        await place.server.edit(said, "nasty")
        second = await place.intake.next(MessagePosted)
        await place.server.edit(said, "nastier")
        third = await place.intake.next(MessagePosted)
        await place.server.settled()

    assert [one.text for one in (first, second, third)] == ["nice", "nasty", "nastier"]
    assert {one.message for one in (first, second, third)} == {first.message}
    assert len({one.key for one in (first, second, third)}) == 3
    assert second.key.startswith(f"{first.key}:")
    assert first.at < second.at < third.at
    assert place.intake.events == []


async def test_a_late_link_preview_is_posted_with_what_it_shows_bounded(place: Place) -> None:
    place.watch()

    async with place.connected():
        said = await place.say(f"see {LINK}")
        first = await place.intake.next(MessagePosted)
        await place.server.unfurl(said, LINK, "A &lt;title&gt;", "and a text")
        second = await place.intake.next(MessagePosted)
        for number in range(PREVIEWS + 5):
            await place.server.unfurl(said, LINK, f"{number}", "long " * PREVIEW)
        for _ in range(PREVIEWS - 1):
            last = await place.intake.next(MessagePosted)
        await place.server.settled()

    assert (first.previews, second.previews) == ((), ("A <title>\nand a text",))
    assert (second.text, second.message) == (first.text, first.message)
    assert len({first.key, second.key, last.key}) == 3
    assert len(last.previews) == PREVIEWS
    assert max(map(len, last.previews)) == PREVIEW
    assert place.intake.events == []


async def test_what_shows_nothing_new_is_no_post(place: Place) -> None:
    place.watch()

    async with place.connected():
        said = await place.say(f"see {LINK}")
        await place.server.unfurl(said, LINK, "A title")
        await place.intake.next(MessagePosted)
        await place.intake.next(MessagePosted)
        change = place.server.site.messaging.change
        change(place.channel, said, edited=False, attachments=[])
        change(place.channel, said, edited=False, reactions={"eyes": [place.ada.id]})
        await place.server.settled()

    assert place.intake.events == []


async def test_attachments_come_with_the_post(place: Place) -> None:
    place.watch()

    async with place.connected():
        picture = Upload("cat.png", b"\x89PNG", "image/png")
        await place.server.say(place.ada, place.channel, "", files=[picture])
        post = await place.intake.next(MessagePosted)

    assert [(one.name, one.media_type) for one in post.attachments] == [("cat.png", "image/png")]


async def test_the_bot_and_other_bots_are_never_posts(place: Place) -> None:
    place.watch()
    clerk = place.server.add_user(place.team, "clerk")

    async with place.connected() as platform:
        said = await place.mention("hello")
        await place.intake.next(MessagePosted)
        asked = await place.intake.next(MessageReceived)
        await platform.sender.deliver(reply_to(asked))
        message = place.answers(said)[0]
        change = place.server.site.messaging.change
        change(place.channel, message, text="Changed.")
        automatic = await place.server.say(clerk, place.channel, "automatic")
        await place.intake.next(MessagePosted)
        automatic.bot_id = "B0OTHER"
        change(place.channel, automatic, text="more")
        await place.server.settled()

    assert place.intake.events == []


async def test_roles_say_who_runs_the_workspace_and_are_asked_for_once(place: Place) -> None:
    place.watch()
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    odo = place.server.add_user(place.team, "odo", is_owner=True)
    team = f"slack:{place.team.id}"

    async with place.connected():
        for user in (meg, odo, meg):
            await place.server.say(user, place.channel, "hello")
        posts = [await place.intake.next(MessagePosted) for _ in range(3)]

    assert {one.name: one.roles for one in posts} == {
        "meg": (f"{team}:admin",),
        "odo": (f"{team}:admin", f"{team}:owner"),
    }
    assert len(place.server.log.calls("users.info")) == 2


async def test_who_cannot_be_looked_up_posts_without_a_name(place: Place) -> None:
    place.watch()
    place.server.faults.add(Refused("user_not_found"), "users.info", times=None)

    async with place.connected():
        await place.say("hello")
        post = await place.intake.next(MessagePosted)

    assert (post.name, post.roles) == ("", ())


async def test_a_post_that_could_not_be_stored_comes_again_and_once(place: Place) -> None:
    place.watch()
    place.intake.refuse = [RetryLater("full disk", timedelta(seconds=1))]
    place.server.faults.add(Duplicated(3), "message")

    async with place.connected():
        await place.say("hello")
        post = await place.intake.next(MessagePosted)
        await place.server.settled()

    assert post.text == "hello"
    assert place.intake.events == []
    assert place.server.log.given_up() == []


async def test_a_message_that_its_author_deletes_is_forgotten_where_it_was_watched(
    place: Place,
) -> None:
    place.watch()

    async with place.connected():
        said = await place.say("oops")
        post = await place.intake.next(MessagePosted)
        await place.server.delete(said)
        deleted = await place.intake.next(MessageDeleted)
        await place.say("and now?", thread=said)
        await place.intake.next(MessagePosted)
        await place.server.settled()

    assert deleted.message == post.message
    assert place.intake.events == []
