"""What nobody asked for is said once, pings nobody and disturbs no order; cards change in place."""

from datetime import timedelta

import anyio
import pytest

from adapters.discord.rig import (
    Place,
    RecordingIntake,
    as_message,
    place,
    reply_to,
    running,
)
from chatune_adapters.discord.ids import aside_of, since_in, unreached_key
from chatune_adapters.discord.sender import DiscordSender
from chatune_adapters.testing.discord import Message, faults
from chatune_core.errors import DeliveryRefused, RetryLater
from chatune_core.messages import (
    ActionTaken,
    Button,
    ConversationId,
    EventKey,
    MessageKey,
    Reply,
    UserId,
)

pytestmark = pytest.mark.anyio
POST = "POST /channels/{channel_id}/messages"
PATCH = "PATCH /channels/{channel_id}/messages/{message_id}"
BUTTONS = (Button("case-claim", "Claim", "abc"), Button("case-undo", "Undo", "abc"))


def card(at: Place, said: Message, text: str = "Something bad was said.") -> Reply:
    """Return the card about what was said, for the channel itself."""
    return Reply(
        EventKey(f"discord:posted:{said.id}:card"),
        ConversationId(f"discord:{at.guild.id}:{at.channel.id}"),
        UserId(f"discord:{at.ann.id}"),
        text,
        buttons=BUTTONS,
    )


def warning(at: Place, said: Message, aside: ConversationId) -> Reply:
    """Return what Ann alone is told."""
    return Reply(
        EventKey(f"discord:posted:{said.id}:warning"),
        aside,
        UserId(f"discord:{at.ann.id}"),
        "That was against the rules.",
        private=True,
        buttons=(Button("case-appeal", "Appeal", "abc"),),
    )


async def said_badly(at: Place) -> Message:
    return await at.server.say(at.ann, at.channel, "something bad")


def test_a_derived_key_tells_since_when_its_messages_can_be_there() -> None:
    assert since_in("discord:posted:1200000000000000000:card") == "1200000000000000000"
    assert since_in("discord:posted:12:1300000000000000000:p0a1b:card") == "1300000000000000000"
    assert since_in("discord:15") == "15"
    assert since_in("discord:case:0a1b:card") == ""


async def test_a_card_is_shown_with_its_buttons_refers_to_nothing_and_pings_nobody() -> None:
    async with place() as at, running(at, RecordingIntake()) as platform:
        keys = await platform.sender.deliver(card(at, await said_badly(at), "<@1> and @everyone"))

        [shown] = at.shown()
        assert keys == [f"discord:{shown.id}"]
        assert (shown.custom_ids, shown.reply_to) == (["case-claim=abc", "case-undo=abc"], None)
        [posted] = at.server.requests(POST)
        assert isinstance(posted.body, dict)
        assert posted.body["allowed_mentions"] == {"parse": [], "replied_user": False}


@pytest.mark.parametrize("nonces_in_history", [True, False])
async def test_a_card_is_shown_once_though_the_process_is_killed_after_showing_it(
    nonces_in_history: bool,
) -> None:
    async with place(nonce_lives=timedelta(0), nonces_in_history=nonces_in_history) as at:
        said = await said_badly(at)
        other = await at.server.say(at.ann, at.channel, "another bad thing")
        async with running(at, RecordingIntake()) as platform:
            before = await platform.sender.deliver(card(at, said))
            await platform.sender.deliver(card(at, other, "Another bad thing was said."))
        async with running(at, RecordingIntake()) as platform:
            after = await platform.sender.deliver(card(at, said))

        assert after == before
        assert len(at.shown()) == 2


async def test_a_card_that_nobody_knows_the_fate_of_is_shown_once() -> None:
    async with place(nonce_lives=timedelta(0)) as at, running(at, RecordingIntake()) as platform:
        reply = card(at, await said_badly(at))
        at.server.faults.add(faults.LoseAnswer(), on=POST)
        with pytest.raises(RetryLater):
            await platform.sender.deliver(reply)
        await platform.sender.deliver(reply)

        assert len(at.shown()) == 1


async def test_a_card_is_found_behind_what_was_said_since() -> None:
    async with place(nonce_lives=timedelta(0)) as at:
        said = await said_badly(at)
        for number in range(620):
            await at.server.say(at.ann, at.channel, str(number))
        async with running(at, RecordingIntake()) as platform:
            await platform.sender.deliver(card(at, said))
        async with running(at, RecordingIntake()) as platform:
            await platform.sender.deliver(card(at, said))

        assert len(at.shown()) == 1


async def test_a_card_takes_no_growing_answer_away_and_holds_none_up() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            said = await said_badly(at)
            await at.server.say(at.ann, at.channel, f"{at.mention} count")
            event = as_message(await intake.next())
            platform.sender.preview(event, "one")
            await at.server.until(lambda: bool(at.shown()))
            at.server.faults.add(faults.Refuse(503), on=POST)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(card(at, said))
            platform.sender.preview(event, "one two")
            await at.server.until(lambda: at.shown()[0].content == "one two")
            await platform.sender.deliver(card(at, said))
            await platform.sender.deliver(reply_to(event, "one two three"))

            assert [m.content for m in at.shown()] == ["one two three", "Something bad was said."]


async def test_a_card_does_not_settle_what_an_answer_owes() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            said = await said_badly(at)
            for number in (1, 2):
                await at.server.say(at.ann, at.channel, f"{at.mention} {number}")
            first, second = map(as_message, await intake.until(2))
            at.server.faults.add(faults.Refuse(503), on=POST)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply_to(first, "1"))
            await platform.sender.deliver(card(at, said))
            platform.sender.preview(second, "too early")
            await anyio.sleep(0.05)
            await platform.sender.deliver(reply_to(first, "1"))
            await platform.sender.deliver(reply_to(second, "2"))

            assert [m.content for m in at.shown()] == ["Something bad was said.", "1", "2"]
            assert not [e for m in at.shown() for e in m.edits if "early" in e.content]


# aside


def aside(at: Place) -> ConversationId:
    here = ConversationId(f"discord:{at.guild.id}:{at.channel.id}")
    return aside_of(here, UserId(f"discord:{at.ann.id}"))


async def test_a_warning_is_a_direct_message_with_its_button_and_said_once() -> None:
    async with place(nonce_lives=timedelta(0)) as at:
        said = await said_badly(at)
        for _ in range(2):
            async with running(at, RecordingIntake()) as platform:
                await platform.sender.deliver(warning(at, said, aside(at)))
        direct = at.server.dm_with(at.ann)

        [shown] = at.shown(direct)
        assert (shown.content, shown.custom_ids) == (
            "That was against the rules.",
            ["case-appeal=abc"],
        )
        assert at.shown() == []
        assert f"discord:direct:{direct.id}" in at.store.values


async def test_the_direct_message_is_opened_once() -> None:
    async with place() as at, running(at, RecordingIntake()) as platform:
        for _ in range(2):
            await platform.sender.deliver(warning(at, await said_badly(at), aside(at)))

        assert len(at.server.requests("POST /users/@me/channels")) == 1
        assert len(at.shown(at.server.dm_with(at.ann))) == 2


async def test_who_takes_no_direct_message_reads_one_line_in_the_channel_without_a_reason() -> None:
    async with place(nonce_lives=timedelta(0)) as at:
        said = await said_badly(at)
        at.ann.takes_dms = False
        for _ in range(2):
            async with running(at, RecordingIntake()) as platform:
                await platform.sender.deliver(warning(at, said, aside(at)))

        [shown] = at.shown()
        assert f"<@{at.ann.id}>" in shown.content
        assert "rules" not in shown.content
        assert (shown.custom_ids, at.shown(at.server.dm_with(at.ann))) == ([], [])


async def test_who_takes_no_direct_message_is_not_called_again_for_every_message() -> None:
    async with place(nonce_lives=timedelta(0)) as at, running(at, RecordingIntake()) as platform:
        at.ann.takes_dms = False
        for _ in range(3):
            keys = await platform.sender.deliver(warning(at, await said_badly(at), aside(at)))

            [shown] = at.shown()
            assert keys == [f"discord:{shown.id}"]


def test_a_line_for_who_cannot_be_reached_is_enough_for_ten_minutes() -> None:
    ann, minute = UserId("discord:1"), 60_000 << 22
    keys = [
        unreached_key(EventKey(f"discord:posted:{minute * at}:warning"), ann) for at in (20, 29, 30)
    ]

    assert keys[0] == keys[1] != keys[2]
    assert since_in(keys[0]) == str(minute * 20)


async def test_a_direct_message_that_discord_does_not_even_open_is_a_line_too() -> None:
    async with place() as at, running(at, RecordingIntake()) as platform:
        at.server.faults.add(faults.Refuse(400, 50007), on="POST /users/@me/channels")
        await platform.sender.deliver(warning(at, await said_badly(at), aside(at)))

        assert [f"<@{at.ann.id}>" in message.content for message in at.shown()] == [True]


async def test_a_press_in_the_direct_message_comes_from_there() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await platform.sender.deliver(warning(at, await said_badly(at), aside(at)))
            direct = at.server.dm_with(at.ann)
            await at.server.press(at.ann, at.shown(direct)[0], "case-appeal=abc")
            press = await intake.next()

            assert isinstance(press, ActionTaken)
            assert (press.value, press.conversation) == ("abc", f"discord:@me:{direct.id}")


# in place


async def pressed(at: Place, sender: DiscordSender, intake: RecordingIntake) -> ActionTaken:
    """Show a card, press a button of it and return the press."""
    await sender.deliver(card(at, await said_badly(at)))
    await (await at.server.press(at.ann, at.shown()[-1], "case-claim=abc")).answered()
    press = await intake.next()
    assert isinstance(press, ActionTaken)
    return press


def changed(press: ActionTaken, text: str = "Claimed by Bea.") -> Reply:
    """Return the card as it is after the press."""
    return Reply(
        press.key,
        press.conversation,
        press.user,
        text,
        via=press.via,
        buttons=BUTTONS[1:],
        replaces=press.message,
    )


async def test_a_card_changes_in_place_with_its_buttons_however_often_it_is_tried() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            press = await pressed(at, platform.sender, intake)
            at.server.faults.add(faults.LoseAnswer(), on=PATCH)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(changed(press))
            for _ in range(2):
                assert await platform.sender.deliver(changed(press)) == [press.message]
        async with running(at, RecordingIntake()) as platform:
            assert await platform.sender.deliver(changed(press)) == [press.message]

        [shown] = at.shown()
        assert (shown.content, shown.custom_ids) == ("Claimed by Bea.", ["case-undo=abc"])


@pytest.mark.parametrize("nonces_in_history", [True, False])
async def test_a_card_that_is_gone_is_shown_anew_and_once(nonces_in_history: bool) -> None:
    async with place(nonce_lives=timedelta(0), nonces_in_history=nonces_in_history) as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            press = await pressed(at, platform.sender, intake)
            await at.server.delete(at.shown()[0])
            keys = await platform.sender.deliver(changed(press))
        for _ in range(2):
            async with running(at, RecordingIntake()) as platform:
                assert await platform.sender.deliver(changed(press)) == keys

        [shown] = at.shown()
        assert keys == [f"discord:{shown.id}"]
        assert (shown.content, shown.custom_ids) == ("Claimed by Bea.", ["case-undo=abc"])


async def test_what_is_not_the_bots_own_is_left_alone_and_something_new_is_shown() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            said = await said_badly(at)
            reply = card(at, said)
            theirs = Reply(
                reply.answers,
                reply.conversation,
                reply.user,
                reply.text,
                replaces=MessageKey(f"discord:{said.id}"),
            )
            await platform.sender.deliver(theirs)

            assert said.content == "something bad"
            assert [m.content for m in at.shown()] == ["Something bad was said."]


async def test_a_card_that_grew_too_long_goes_on_below_and_keeps_its_buttons() -> None:
    async with place(nonce_lives=timedelta(0)) as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            press = await pressed(at, platform.sender, intake)
            keys = await platform.sender.deliver(changed(press, "Claimed by Bea. " * 200))
        async with running(at, RecordingIntake()) as platform:
            assert await platform.sender.deliver(changed(press, "Claimed by Bea. " * 200)) == keys

        first, second = at.shown()
        assert keys == [f"discord:{first.id}", f"discord:{second.id}"]
        assert (first.custom_ids, second.custom_ids) == (["case-undo=abc"], [])


async def test_what_one_person_alone_sees_changes_through_the_press() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            await platform.sender.deliver(reply_to(await intake.next(), "Hi", buttons=BUTTONS))
            await at.server.press(at.ann, at.shown()[0], "case-claim=abc")
            press = (await intake.until(2))[1]
            await platform.sender.deliver(
                reply_to(press, "For you alone", private=True, buttons=BUTTONS)
            )
            hidden = next(m for m in at.server.everything(at.channel) if m.ephemeral)
            await at.server.press(at.ann, hidden, "case-claim=abc")
            second = (await intake.until(3))[2]
            assert isinstance(second, ActionTaken)
            keys = await platform.sender.deliver(changed(second))

            assert keys == [f"discord:{hidden.id}"]
            assert (hidden.content, hidden.custom_ids) == ("Claimed by Bea.", ["case-undo=abc"])


async def test_a_channel_that_takes_no_message_refuses_the_card() -> None:
    async with place() as at, running(at, RecordingIntake()) as platform:
        said = await said_badly(at)
        at.channel.read_only = True
        with pytest.raises(DeliveryRefused):
            await platform.sender.deliver(card(at, said))
