"""Messages that nobody asked for, and messages that take another's place: each is there once."""

from datetime import UTC, datetime

import anyio.lowlevel
import pytest

from adapters.slack.place import Place, reply_to
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.testing.slack import AnswerLost, Channel, ConnectionDropped, ServerError
from chatune_core.errors import RetryLater
from chatune_core.messages import (
    ActionTaken,
    Button,
    ConversationId,
    EventKey,
    MessageKey,
    MessagePosted,
    MessageReceived,
    Reply,
)

pytestmark = pytest.mark.anyio
CLAIM = Button("case-claim", "Claim", "0123456789ab")


def review(place: Place) -> Channel:
    """Return the moderators' channel."""
    return place.server.add_channel(place.team, "review", kind="group")


def conversation(place: Place, channel: Channel) -> ConversationId:
    return ConversationId(f"slack:{place.team.id}:{channel.id}")


async def posted(place: Place, text: str = "rude") -> MessagePosted:
    place.watch()
    await place.say(text)
    return await place.intake.next(MessagePosted)


def card(place: Place, where: Channel, post: MessagePosted, text: str = "A case.") -> Reply:
    key = EventKey(f"{post.key}:card")
    return Reply(key, conversation(place, where), post.user, text, buttons=(CLAIM,))


async def delivered(platform: SlackPlatform, reply: Reply) -> list[MessageKey]:
    """Deliver as the core does: again and again until it is through."""
    while True:
        try:
            return list(await platform.sender.deliver(reply))
        except RetryLater:
            await anyio.lowlevel.checkpoint()


def texts(place: Place, channel: Channel) -> list[str]:
    return [one.text for one in place.server.messages(channel, deleted=True)]


@pytest.mark.parametrize(
    "fault", [AnswerLost(), AnswerLost(500), ServerError(503), ConnectionDropped()]
)
async def test_a_card_is_there_once_after_an_unclear_outcome(
    place: Place, fault: AnswerLost | ServerError | ConnectionDropped
) -> None:
    where = review(place)
    place.server.faults.add(fault, "chat.postMessage")

    async with place.connected() as platform:
        post = await posted(place)
        await delivered(platform, card(place, where, post))

    assert texts(place, where) == ["A case."]


async def test_a_card_of_a_killed_process_is_not_posted_again(place: Place) -> None:
    where = review(place)
    async with place.connected() as platform:
        post = await posted(place)
        first = await platform.sender.deliver(card(place, where, post))
        said = await place.say("more talk")
    post_of_the_edit = f"{post.key}:{said.ts}"

    async with place.connected() as platform:
        second = await platform.sender.deliver(card(place, where, post))
        third = Reply(
            EventKey(f"{post_of_the_edit}:card"), conversation(place, where), post.user, "Another."
        )
        await platform.sender.deliver(third)
        await platform.sender.deliver(third)

    assert first == second
    assert texts(place, where) == ["A case.", "Another."]


async def test_what_a_press_announces_elsewhere_is_found_without_a_time_in_its_key(
    place: Place,
) -> None:
    where = review(place)
    async with place.connected() as platform:
        post = await posted(place)
        await platform.sender.deliver(card(place, where, post))
        await place.server.press(place.ada, place.server.messages(where)[0], "case-claim")
        taken = await place.intake.next(ActionTaken)
        restored = Reply(
            EventKey(f"{taken.key}:restored"), post.conversation, post.user, "Restored: rude"
        )
        await platform.sender.deliver(restored)

    async with place.connected() as platform:
        await platform.sender.deliver(restored)

    assert texts(place, place.channel) == ["rude", "Restored: rude"]
    assert taken.conversation == conversation(place, where)


async def test_an_announcement_in_a_thread_takes_no_stream_and_joins_nothing(place: Place) -> None:
    async with place.connected() as platform:
        said = await place.mention("hello")
        asked = await place.intake.next(MessageReceived)
        platform.sender.preview(asked, "Hel")
        while not place.answers(said):
            await anyio.lowlevel.checkpoint()

    async with place.connected() as platform:
        place.watch()
        other = await place.say("rude")
        below = await place.say("ruder", thread=other)
        for _ in range(2):
            post = await place.intake.next(MessagePosted)
        pressed = EventKey(f"slack:{place.team.id}:13345224609.738474920.8088930838d:restored")
        in_the_thread = Reply(pressed, asked.conversation, post.user, "Restored.")
        await platform.sender.deliver(in_the_thread)
        elsewhere = Reply(
            EventKey(f"{post.key}:other"), post.conversation, post.user, "Restored too."
        )
        await platform.sender.deliver(elsewhere)
        await platform.sender.deliver(reply_to(asked))
        place.intake.watched.clear()
        await place.say("hm", thread=below)
        await place.server.settled()

    assert [one.text for one in place.answers(said)] == ["Hello.", "Restored."]
    assert [one.text for one in place.answers(other)] == ["Restored too."]
    assert place.intake.events == []


async def test_a_warning_is_seen_by_its_person_alone_and_its_button_works(place: Place) -> None:
    bob = place.server.add_user(place.team, "bob")

    async with place.connected() as platform:
        post = await posted(place)
        aside = platform.enforcer.aside(post.conversation, post.user)
        appeal = Button("case-appeal", "Appeal", "0123456789ab")
        warning = Reply(
            EventKey(f"{post.key}:warning"), aside, post.user, "Be kind.", True, buttons=(appeal,)
        )
        await platform.sender.deliver(warning)
        (shown,) = [one for one in place.server.messages(place.channel) if one.is_ephemeral]
        await place.server.press(place.ada, shown, "case-appeal")
        taken = await place.intake.next(ActionTaken)

    seen = [one.text for one in place.server.messages(place.channel, seen_by=place.ada)]
    assert seen == ["rude", "Be kind."]
    assert [one.text for one in place.server.messages(place.channel, seen_by=bob)] == ["rude"]
    assert (taken.action, taken.value, taken.user) == ("case-appeal", appeal.value, post.user)
    assert taken.conversation == aside


@pytest.mark.parametrize("quoted", ["<!channel> <@U0000010003>", "| <!here> | <@U1> |\n|--|--|\n"])
async def test_nobody_is_notified_by_what_is_quoted(place: Place, quoted: str) -> None:
    where = review(place)

    async with place.connected() as platform:
        post = await posted(place)
        await platform.sender.deliver(card(place, where, post, quoted))

    (shown,) = place.server.messages(where)
    assert "<!" not in f"{shown.text}{shown.blocks}"
    assert "<@" not in f"{shown.text}{shown.blocks}"


async def test_nor_by_a_stream_however_it_is_cut(place: Place) -> None:
    async with place.connected() as platform:
        said = await place.mention("call everybody")
        asked = await place.intake.next(MessageReceived)
        platform.sender.preview(asked, "Come <")
        while not place.answers(said):
            await anyio.lowlevel.checkpoint()
        stream = place.answers(said)[0]
        platform.sender.preview(asked, "Come <!channel> and <")
        while "channel" not in stream.text:
            await anyio.lowlevel.checkpoint()
        await platform.sender.deliver(reply_to(asked, "Come <!channel> and <@U1>."))

    assert stream.text == "Come <\u2060!channel> and <\u2060@U1>."
    assert stream.stream == "done"


async def _claimed(place: Place, platform: SlackPlatform, where: Channel) -> Reply:
    """Return the reply to a press that is to take the place of the card."""
    post = await posted(place)
    (shown,) = await platform.sender.deliver(card(place, where, post))
    await place.server.press(place.ada, place.server.messages(where)[0], "case-claim")
    taken = await place.intake.next(ActionTaken)
    return reply_to(taken, "Claimed by Ada.", replaces=shown)


async def test_a_reply_takes_the_place_of_a_card_and_a_repetition_changes_nothing(
    place: Place,
) -> None:
    where = review(place)

    async with place.connected() as platform:
        reply = await _claimed(place, platform, where)
        first = await platform.sender.deliver(reply)
        second = await platform.sender.deliver(reply)
    async with place.connected() as platform:
        third = await platform.sender.deliver(reply)

    assert list(first) == list(second) == list(third) == [reply.replaces]
    (shown,) = place.server.messages(where, deleted=True)
    assert (shown.text, shown.blocks) == ("Claimed by Ada.", [])


@pytest.mark.parametrize("fault", [AnswerLost(), ServerError(503), ConnectionDropped()])
async def test_after_an_unclear_outcome_it_has_still_taken_that_place(
    place: Place, fault: AnswerLost | ServerError | ConnectionDropped
) -> None:
    where = review(place)
    place.server.faults.add(fault, "chat.update")

    async with place.connected() as platform:
        reply = await _claimed(place, platform, where)
        await delivered(platform, reply)

    assert texts(place, where) == ["Claimed by Ada."]


@pytest.mark.parametrize("restarted", [False, True])
async def test_where_the_card_is_gone_the_reply_is_posted_once(
    place: Place, restarted: bool
) -> None:
    where = review(place)
    place.server.faults.add(AnswerLost(), "chat.postMessage", times=1, where=_is_claimed)

    async with place.connected() as platform:
        reply = await _claimed(place, platform, where)
        await place.server.delete(place.server.messages(where)[0])
        if restarted:
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply)
        else:
            await delivered(platform, reply)
    async with place.connected() as platform:
        await delivered(platform, reply)

    assert texts(place, where) == ["A case.", "Claimed by Ada."]


def _is_claimed(arguments: dict[str, object]) -> bool:
    return arguments["text"] == "Claimed by Ada."


async def test_a_preview_of_what_takes_anothers_place_does_not_stay(place: Place) -> None:
    where = review(place)

    async with place.connected() as platform:
        reply = await _claimed(place, platform, where)
        asked = MessageReceived(
            reply.answers, reply.conversation, reply.user, datetime.now(UTC), "?"
        )
        platform.sender.preview(asked, "Cla")
        while len(place.server.messages(where)) < 2:
            await anyio.lowlevel.checkpoint()
        await delivered(platform, reply)

    assert [one.text for one in place.server.messages(where)] == ["Claimed by Ada."]


async def test_a_message_elsewhere_is_not_touched(place: Place) -> None:
    where = review(place)

    async with place.connected() as platform:
        reply = await _claimed(place, platform, where)
        moved = reply_to(await _asked(place), "Here.", replaces=reply.replaces)
        await platform.sender.deliver(moved)

    assert texts(place, where) == ["A case."]


async def _asked(place: Place) -> MessageReceived:
    await place.mention("hello")
    return await place.intake.next(MessageReceived)


async def test_what_is_announced_to_a_thread_that_is_gone_goes_to_the_channel_once(
    place: Place,
) -> None:
    place.watch()
    async with place.connected() as platform:
        root = await place.say("lunch?")
        await place.say("rude", thread=root)
        for _ in range(2):
            post = await place.intake.next(MessagePosted)
        await place.server.delete(root)
        restored = Reply(
            EventKey(f"{post.key}:restored"), post.conversation, post.user, "Restored: rude"
        )
        await platform.sender.deliver(restored)
    async with place.connected() as platform:
        await platform.sender.deliver(restored)

    shown = [one for one in place.server.messages(place.channel) if one.text == "Restored: rude"]
    assert [one.thread_ts for one in shown] == [None]
