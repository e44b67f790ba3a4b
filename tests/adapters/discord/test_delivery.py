from datetime import timedelta

import anyio
import pytest

from adapters.discord.rig import RecordingIntake, as_message, place, reply_to, running
from chatune_adapters.testing.discord import Limit, faults
from chatune_core.errors import DeliveryRefused, RetryLater

pytestmark = pytest.mark.anyio
POST = "POST /channels/{channel_id}/messages"


async def test_an_answer_whose_arrival_is_unknown_is_shown_once() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            reply = reply_to(await intake.next(), "Hello! " * 500)
            at.server.faults.add(faults.LoseAnswer(), on=POST)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply)
            at.server.faults.add(faults.LoseAnswer(502), on=POST)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply)
            keys = await platform.sender.deliver(reply)

            assert len(at.shown()) == 2
            assert keys == [f"discord:{message.id}" for message in at.shown()]
            assert await platform.sender.deliver(reply) == keys
            assert len(at.shown()) == 2


async def test_an_answer_is_shown_once_though_the_process_is_killed_after_showing_it() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            reply = reply_to(await intake.next(), "Hello! " * 500)
            before = await platform.sender.deliver(reply)
        async with running(at, intake) as platform:
            after = await platform.sender.deliver(reply)

        assert after == before
        assert len(at.shown()) == 2


async def test_an_answer_is_found_even_when_discord_has_forgotten_its_nonce() -> None:
    async with place(nonce_lives=timedelta(0)) as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} hello")
            reply = reply_to(await intake.next(), "Hello!")
            await platform.sender.deliver(reply)
        async with running(at, intake) as platform:
            await platform.sender.deliver(reply)

        assert [message.content for message in at.shown()] == ["Hello!"]


async def test_the_preview_of_a_killed_process_becomes_the_answer() -> None:
    async with place(nonce_lives=timedelta(0)) as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} count")
            event = as_message(await intake.next())
            platform.sender.preview(event, "one")
            await at.server.until(lambda: bool(at.shown()))
        async with running(at, intake) as platform:
            platform.sender.preview(event, "one two")
            await at.server.until(lambda: at.shown()[0].content == "one two")
            await platform.sender.deliver(reply_to(event, "one two three"))

        assert [(m.content, m.custom_ids) for m in at.shown()] == [("one two three", [])]


async def test_a_limited_channel_is_tried_later_and_delays_no_other() -> None:
    async with place() as at:
        other = at.server.add_channel(at.guild, "tulips")
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            await at.server.say(at.ann, other, f"{at.mention} two")
            events = await intake.until(2)
            first, second = sorted(events, key=lambda e: as_message(e).text)
            at.server.faults.add(
                faults.LimitRate(30.0), on=f"POST /channels/{at.channel.id}/messages"
            )
            with anyio.fail_after(2):
                with pytest.raises(RetryLater) as limited:
                    await platform.sender.deliver(reply_to(first, "1"))
                await platform.sender.deliver(reply_to(second, "2"))

            assert 28 < limited.value.after.total_seconds() <= 30
            assert [message.content for message in at.shown(other)] == ["2"]


async def test_a_short_limit_is_waited_for() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            at.server.faults.add(faults.LimitRate(0.05), on=POST)
            await platform.sender.deliver(reply_to(await intake.next(), "1"))

            assert [message.content for message in at.shown()] == ["1"]


async def test_the_budget_that_discord_tells_is_kept() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            at.server.limits.set(POST, Limit(2, timedelta(seconds=0.3)))
            for number in range(5):
                await at.server.say(at.ann, at.channel, f"{at.mention} {number}")
            for event in await intake.until(5):
                await platform.sender.deliver(reply_to(event, "yes"))

            assert len(at.shown()) == 5
            assert [entry for entry in at.server.log if entry.status == 429] == []


async def test_a_global_limit_without_end_blocks_no_lane() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            event = await intake.next()
            at.server.faults.add(faults.LimitRate(60.0, "global"), on=POST)
            for _ in range(3):
                with anyio.fail_after(1), pytest.raises(RetryLater):
                    await platform.sender.deliver(reply_to(event, "1"))

            assert sum(entry.status == 429 for entry in at.server.log) == 1


async def test_a_ban_is_not_hammered() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            event = await intake.next()
            at.server.faults.add(faults.Garble(), on=POST)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply_to(event, "1"))
            await platform.sender.deliver(reply_to(event, "1"))

            assert len(at.shown()) == 1


async def test_discord_being_slow_or_down_means_to_try_again() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake, call_limit=timedelta(seconds=0.2)) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            reply = reply_to(await intake.next(), "1")
            for fault in (faults.Slow(0.5), faults.Refuse(503), faults.DropRequest()):
                at.server.faults.add(fault, on=POST)
                with anyio.fail_after(2), pytest.raises(RetryLater):
                    await platform.sender.deliver(reply)
            await anyio.sleep(0.6)
            await platform.sender.deliver(reply)

            assert [message.content for message in at.shown()] == ["1"]


async def test_a_channel_that_takes_no_message_refuses_the_reply() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            event = await intake.next()
            at.channel.read_only = True
            with pytest.raises(DeliveryRefused):
                await platform.sender.deliver(reply_to(event, "1"))


async def test_a_reply_outlives_the_message_that_it_answers() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            said = await at.server.say(at.ann, at.channel, f"{at.mention} one")
            event = as_message(await intake.next())
            await at.server.delete(said)
            await platform.sender.deliver(reply_to(event, "1"))

            assert [message.content for message in at.shown()] == ["1"]


async def test_a_sender_that_is_not_running_asks_to_try_later() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            event = await intake.next()

        with pytest.raises(RetryLater):
            await platform.sender.deliver(reply_to(event, "1"))


async def test_a_later_answer_does_not_grow_above_an_earlier_one_that_is_held_up() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            await at.server.say(at.ann, at.channel, f"{at.mention} two")
            first, second = await intake.until(2)
            at.server.faults.add(faults.Refuse(503), on=POST)
            with pytest.raises(RetryLater):
                await platform.sender.deliver(reply_to(first, "1"))
            platform.sender.preview(second, "growing")
            await anyio.sleep(0.05)
            assert at.shown() == []
            await platform.sender.deliver(reply_to(first, "1"))
            await at.server.until(lambda: len(at.shown()) == 2)

            assert [message.content for message in at.shown()] == ["1", "growing"]


async def test_first_previews_do_not_overtake_each_other() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            await at.server.say(at.ann, at.channel, f"{at.mention} two")
            first, second = await intake.until(2)
            at.server.faults.add(faults.Slow(0.1), on=POST)
            platform.sender.preview(first, "growing first")
            platform.sender.preview(second, "growing second")
            await at.server.until(lambda: len(at.shown()) == 2)

            assert [m.content for m in at.shown()] == ["growing first", "growing second"]


async def test_a_preview_that_came_too_early_makes_room_for_the_reply_above_it() -> None:
    async with place() as at:
        intake = RecordingIntake()
        async with running(at, intake) as platform:
            await at.server.say(at.ann, at.channel, f"{at.mention} one")
            await at.server.say(at.ann, at.channel, f"{at.mention} two")
            first, second = await intake.until(2)
            platform.sender.preview(second, "growing")
            await at.server.until(lambda: len(at.shown()) == 1)
            with pytest.raises(RetryLater):  # the answer to the preview's call is on its way
                await platform.sender.deliver(reply_to(first, "1"))
            await anyio.sleep(0.05)
            await platform.sender.deliver(reply_to(first, "1"))
            await platform.sender.deliver(reply_to(second, "2"))

            assert [message.content for message in at.shown()] == ["1", "2"]
