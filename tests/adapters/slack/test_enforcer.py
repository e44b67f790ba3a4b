"""What the bot may do about messages in Slack, and what it says where it may not."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.slack.place import Place
from chatune_adapters.slack.enforcer import FLAG
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.testing.slack import AnswerLost, RateLimited, Refused
from chatune_core.errors import MeasureRefused, RetryLater
from chatune_core.messages import ConversationId, MessageDeleted, MessageKey, MessagePosted, UserId
from chatune_core.moderation.cases import Measure
from chatune_core.ports import Enforcer

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def moderated(place: Place) -> dict[str, str]:
    """Return settings with the token of an administrator."""
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    return {"moderator_token": place.server.user_token(meg)}


async def posted(place: Place, text: str = "rude") -> MessagePosted:
    place.watch()
    await place.say(text)
    return await place.intake.next(MessagePosted)


async def removed(platform: SlackPlatform, post: MessagePosted) -> None:
    await platform.enforcer.remove(post.conversation, post.message)


async def flagged(platform: SlackPlatform, post: MessagePosted, *, on: bool) -> None:
    await platform.enforcer.flag(post.conversation, post.message, on=on)


async def test_a_message_is_removed_with_the_moderators_token_and_twice_is_once(
    place: Place,
) -> None:
    async with place.connected(**moderated(place)) as platform:
        post = await posted(place)
        await removed(platform, post)
        await removed(platform, post)
        deleted = await place.intake.next(MessageDeleted)
        await place.server.settled()

    assert place.server.messages(place.channel) == []
    assert deleted.message == post.message
    assert place.intake.events == []


async def test_after_a_lost_answer_the_removal_is_repeated(place: Place) -> None:
    place.server.faults.add(AnswerLost(), "chat.delete")

    async with place.connected(**moderated(place)) as platform:
        post = await posted(place)
        with pytest.raises(RetryLater):
            await removed(platform, post)
        await removed(platform, post)

    assert place.server.messages(place.channel) == []


async def test_a_limit_says_when_to_come_again(place: Place) -> None:
    place.server.faults.add(RateLimited(7), "chat.delete")

    async with place.connected(**moderated(place)) as platform:
        post = await posted(place)
        with pytest.raises(RetryLater) as limited:
            await removed(platform, post)
        with pytest.raises(RetryLater):
            await removed(platform, post)

    assert limited.value.after == timedelta(seconds=7)
    assert len(place.server.log.calls("chat.delete")) == 1


async def test_without_a_moderators_token_messages_are_flagged_but_not_removed(
    place: Place,
) -> None:
    async with place.connected() as platform:
        post = await posted(place)
        # So that a card, which shows how it begins, says what is missing.
        with pytest.raises(MeasureRefused, match=r"^slack\.moderator_token is not set"):
            await removed(platform, post)

        assert platform.enforcer.measures == {Measure.WARN, Measure.FLAG}
    assert len(place.server.messages(place.channel)) == 1
    assert SlackPlatform(place.settings, place.store, lambda: NOW).enforcer.measures == {
        Measure.WARN,
        Measure.FLAG,
    }


async def test_with_one_they_can_be_removed_too(place: Place) -> None:
    async with place.connected(**moderated(place)) as platform:
        assert platform.enforcer.measures == {Measure.WARN, Measure.FLAG, Measure.REMOVE}


async def test_a_token_of_somebody_without_rank_is_refused_with_the_reason(place: Place) -> None:
    bob = place.server.add_user(place.team, "bob")

    async with place.connected(moderator_token=place.server.user_token(bob)) as platform:
        post = await posted(place)
        with pytest.raises(MeasureRefused, match="takes an administrator"):
            await removed(platform, post)


async def test_a_token_of_another_workspace_is_refused_before_anything_is_tried(
    place: Place,
) -> None:
    other = place.server.add_team("Other")
    meg = place.server.add_user(other, "meg", is_admin=True)

    async with place.connected(moderator_token=place.server.user_token(meg)) as platform:
        post = await posted(place)
        with pytest.raises(MeasureRefused, match="another workspace"):
            await removed(platform, post)

    assert place.server.log.calls("chat.delete") == []


async def test_a_token_that_was_taken_back_and_one_without_the_scope_say_where_to_click(
    place: Place,
) -> None:
    meg = place.server.add_user(place.team, "meg", is_admin=True)
    gone, bare = place.server.user_token(meg), place.server.user_token(meg, "users:read")
    place.server.revoke_user_token(gone)

    async with place.connected(moderator_token=gone) as platform:
        post = await posted(place)
        with pytest.raises(MeasureRefused, match=r"does not work any more.*moderator_token"):
            await removed(platform, post)
    async with place.connected(moderator_token=bare) as platform:
        with pytest.raises(MeasureRefused, match=r"chat:write.*User Token Scopes"):
            await removed(platform, post)


async def test_a_private_channel_takes_a_moderator_who_is_in_it(place: Place) -> None:
    private = place.server.add_channel(place.team, "private", kind="group")
    place.watch(private)

    async with place.connected(**moderated(place)) as platform:
        await place.server.say(place.ada, private, "rude")
        post = await place.intake.next(MessagePosted)
        with pytest.raises(MeasureRefused, match="not in that private channel"):
            await removed(platform, post)


async def test_a_message_is_flagged_and_unflagged_however_often_that_is_said(place: Place) -> None:
    async with place.connected() as platform:
        post = await posted(place)
        (message,) = place.server.messages(place.channel)
        await flagged(platform, post, on=True)
        await flagged(platform, post, on=True)
        marked = {name: list(users) for name, users in message.reactions.items()}
        await flagged(platform, post, on=False)
        await flagged(platform, post, on=False)
        await place.server.settled()

    assert marked == {FLAG: [place.team.bot_user_id]}
    assert message.reactions == {FLAG: []}
    assert place.intake.events == []


async def test_nothing_is_left_to_flag_where_the_message_is_gone(place: Place) -> None:
    async with place.connected() as platform:
        post = await posted(place)
        await place.server.delete(place.server.messages(place.channel)[0])
        await flagged(platform, post, on=True)
        await flagged(platform, post, on=False)


async def test_a_flag_that_slack_refuses_says_why(place: Place) -> None:
    async with place.connected() as platform:
        post = await posted(place)
        place.team.scopes.discard("reactions:write")
        with pytest.raises(MeasureRefused, match=r"reactions:write.*Bot Token Scopes"):
            await flagged(platform, post, on=True)
        place.team.scopes.add("reactions:write")
        place.server.faults.add(Refused("too_many_reactions"), "reactions.add")
        with pytest.raises(MeasureRefused, match="as many reactions"):
            await flagged(platform, post, on=True)
        place.server.faults.add(Refused("something_new"), "reactions.add")
        with pytest.raises(MeasureRefused, match="something_new"):
            await flagged(platform, post, on=True)
        place.channel.members.discard(place.team.bot_user_id)
        with pytest.raises(MeasureRefused, match="/invite"):
            await flagged(platform, post, on=True)


async def test_what_slack_does_not_have_is_refused(place: Place) -> None:
    where, ada = ConversationId(place.watch()), UserId(f"slack:{place.team.id}:{place.ada.id}")

    async with place.connected() as platform:
        for until in (NOW, None):
            with pytest.raises(MeasureRefused, match="keep people from writing"):
                await platform.enforcer.time_out(where, ada, until)
        with pytest.raises(MeasureRefused, match="slow mode"):
            await platform.enforcer.slow_down(where, timedelta(seconds=30))


async def test_an_aside_is_in_the_channel_also_for_what_was_said_in_a_thread(place: Place) -> None:
    channel, ada = place.watch(), UserId(f"slack:{place.team.id}:{place.ada.id}")

    async with place.connected() as platform:
        for conversation in (channel, f"{channel}:1.000001"):
            assert platform.enforcer.aside(ConversationId(conversation), ada) == channel


async def test_nothing_is_done_while_the_platform_does_not_run(place: Place) -> None:
    enforcer: Enforcer = SlackPlatform(place.settings, place.store, lambda: NOW).enforcer
    where = ConversationId(place.watch())

    with pytest.raises(RetryLater):
        await enforcer.flag(where, MessageKey(f"{where}:1.000001"), on=True)
    assert enforcer.aside(where, UserId("slack:T:U")) == where
