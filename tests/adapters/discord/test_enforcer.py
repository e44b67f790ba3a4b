"""Measures on Discord: what is done, what is refused and why, and that all may be repeated."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from adapters.discord.rig import Place, RecordingIntake, place, running, utc_now
from chatune_adapters.discord.enforcer import DiscordEnforcer
from chatune_adapters.discord.ids import thread_below
from chatune_adapters.testing.discord import Message, Permission, faults
from chatune_core.errors import MeasureRefused, RetryLater
from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.cases import Measure
from chatune_core.ports import Enforcer

pytestmark = pytest.mark.anyio
MEMBER = "PATCH /guilds/{guild_id}/members/{user_id}"
CHANNEL = "PATCH /channels/{channel_id}"


@dataclass
class Scene:
    """Ann has said something, and the bot can act."""

    at: Place
    enforcer: DiscordEnforcer
    said: Message

    @property
    def here(self) -> ConversationId:
        return ConversationId(f"discord:{self.at.guild.id}:{self.at.channel.id}")

    @property
    def message(self) -> MessageKey:
        return MessageKey(f"discord:{self.said.id}")

    @property
    def ann(self) -> UserId:
        return UserId(f"discord:{self.at.ann.id}")

    async def is_silent(self) -> bool:
        """Return whether Ann is kept from writing."""
        try:
            await self.at.server.say(self.at.ann, self.at.channel, "may I?")
        except PermissionError:
            return True
        return False


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    async with place() as at, running(at, RecordingIntake(), moderates=True) as platform:
        said = await at.server.say(at.ann, at.channel, "something bad")
        port: Enforcer = platform.enforcer
        assert port is platform.enforcer
        yield Scene(at, platform.enforcer, said)


async def refusal(measure: Awaitable[None]) -> str:
    """Return the reason of a refusal; a card has room for 40 characters of it."""
    with pytest.raises(MeasureRefused) as refused:
        await measure
    assert len(str(refused.value)) <= 40
    return str(refused.value)


async def test_everything_that_there_is_can_be_done_on_discord() -> None:
    async with scene() as on:
        assert on.enforcer.measures == frozenset(Measure)


async def test_a_message_is_removed_once_and_the_audit_log_says_which() -> None:
    async with scene() as on:
        for _ in range(2):
            await on.enforcer.remove(on.here, on.message)

        assert on.said.deleted_at is not None
        reasons = {e.reason for e in on.at.server.log if e.method == "DELETE"}
        assert reasons == {f"Community moderation: message {on.said.id}"}


async def test_a_message_is_flagged_and_the_flag_taken_back() -> None:
    async with scene() as on:
        for _ in range(2):
            await on.enforcer.flag(on.here, on.message, on=True)
        assert on.said.reactions == {"⚠️": [on.at.server.bot]}
        for _ in range(2):
            await on.enforcer.flag(on.here, on.message, on=False)
        assert on.said.reactions == {}
        await on.at.server.delete(on.said)
        await on.enforcer.flag(on.here, on.message, on=True)


async def test_a_person_is_timed_out_until_a_time_and_may_be_let_speak_again() -> None:
    async with scene() as on:
        until = utc_now() + timedelta(minutes=10)
        for _ in range(2):
            await on.enforcer.time_out(on.here, on.ann, until)
        member = on.at.guild.member(on.at.ann)
        assert member is not None
        assert member.silenced_until == until
        assert await on.is_silent()
        for _ in range(2):
            await on.enforcer.time_out(on.here, on.ann, None)

        assert not await on.is_silent()
        assert on.at.server.requests(MEMBER)[0].reason == (
            f"Community moderation: channel {on.at.channel.id}"
        )


async def test_a_time_out_that_is_over_before_it_begins_is_none() -> None:
    async with scene() as on:
        await on.enforcer.time_out(on.here, on.ann, utc_now() - timedelta(seconds=1))

        assert on.at.server.requests(MEMBER) == []


async def test_a_time_out_lasts_at_most_as_long_as_discord_takes() -> None:
    async with scene() as on:
        await on.enforcer.time_out(on.here, on.ann, utc_now() + timedelta(days=90))

        member = on.at.guild.member(on.at.ann)
        assert member is not None
        assert member.silenced_until is not None
        left = member.silenced_until - utc_now()
        assert timedelta(days=27, hours=23) < left < timedelta(days=28)


async def test_a_longer_time_out_of_a_moderator_is_not_shortened() -> None:
    async with scene() as on:
        tomorrow = utc_now() + timedelta(days=1)
        member = on.at.server.change_member(on.at.guild, on.at.ann, silenced_until=tomorrow)
        await on.enforcer.time_out(on.here, on.ann, utc_now() + timedelta(minutes=10))

        assert member.silenced_until == tomorrow


async def test_a_time_out_of_the_bots_own_may_be_shortened() -> None:
    async with scene() as on:
        soon = utc_now() + timedelta(minutes=5)
        await on.enforcer.time_out(on.here, on.ann, soon + timedelta(minutes=5))
        await on.enforcer.time_out(on.here, on.ann, soon)

        member = on.at.guild.member(on.at.ann)
        assert member is not None
        assert member.silenced_until == soon


async def test_a_channel_is_slowed_down_and_gets_its_earlier_pace_back() -> None:
    async with scene() as on:
        on.at.server.change_channel(on.at.channel, slow_mode_s=5)
        for pause in (10, 30, 30):
            await on.enforcer.slow_down(on.here, timedelta(seconds=pause))
        assert on.at.channel.slow_mode_s == 30
        for _ in range(2):
            await on.enforcer.slow_down(on.here, timedelta(0))

        assert on.at.channel.slow_mode_s == 5
        assert on.at.server.requests(CHANNEL)[0].reason == (
            f"Community moderation: channel {on.at.channel.id}"
        )


async def test_slow_mode_ends_when_its_time_is_over_and_not_before() -> None:
    async with scene() as on:
        on.at.server.change_channel(on.at.channel, slow_mode_s=5)
        await on.enforcer.slow_down(on.here, timedelta(seconds=30), utc_now() + timedelta(hours=1))
        await on.enforcer.lift_ended()
        assert on.at.channel.slow_mode_s == 30
        await on.enforcer.slow_down(on.here, timedelta(0))

        await on.enforcer.slow_down(on.here, timedelta(seconds=30), utc_now())
        await on.enforcer.lift_ended()

        assert on.at.channel.slow_mode_s == 5


async def test_of_several_ends_of_slow_mode_the_last_counts() -> None:
    async with scene() as on:
        for end in (timedelta(0), timedelta(hours=1), timedelta(minutes=-1)):
            await on.enforcer.slow_down(on.here, timedelta(seconds=30), utc_now() + end)

        await on.enforcer.lift_ended()

        assert on.at.channel.slow_mode_s == 30


async def test_slow_mode_without_an_end_stays() -> None:
    async with scene() as on:
        await on.enforcer.slow_down(on.here, timedelta(seconds=30), utc_now())
        await on.enforcer.slow_down(on.here, timedelta(seconds=30))

        await on.enforcer.lift_ended()

        assert on.at.channel.slow_mode_s == 30


async def test_slow_mode_of_a_channel_that_is_gone_holds_nobody_up() -> None:
    async with scene() as on:
        gone = f"discord:{on.at.guild.id}:pause:1"
        await on.at.store.put(gone, "0 30 2026-01-01T00:00:00+00:00")
        await on.enforcer.slow_down(on.here, timedelta(seconds=30), utc_now())

        await on.enforcer.lift_ended()

        assert on.at.channel.slow_mode_s == 0
        assert await on.at.store.get(gone) is None


async def test_a_slow_mode_that_ended_while_the_bot_was_away_is_lifted_when_it_is_back() -> None:
    async with place() as at:
        here = ConversationId(f"discord:{at.guild.id}:{at.channel.id}")
        async with running(at, RecordingIntake(), moderates=True) as platform:
            await platform.enforcer.slow_down(here, timedelta(seconds=30), utc_now())
        assert at.channel.slow_mode_s == 30

        async with running(at, RecordingIntake(), moderates=True):
            await at.server.until(lambda: at.channel.slow_mode_s == 0)


async def test_a_channel_that_is_slower_already_stays_so() -> None:
    async with scene() as on:
        on.at.server.change_channel(on.at.channel, slow_mode_s=600)
        await on.enforcer.slow_down(on.here, timedelta(seconds=30))
        await on.enforcer.slow_down(on.here, timedelta(0))

        assert on.at.channel.slow_mode_s == 600


async def test_a_pace_that_a_moderator_chose_meanwhile_is_not_lifted() -> None:
    async with scene() as on:
        await on.enforcer.slow_down(on.here, timedelta(seconds=30))
        on.at.server.change_channel(on.at.channel, slow_mode_s=120)
        for _ in range(2):
            await on.enforcer.slow_down(on.here, timedelta(0))

        assert on.at.channel.slow_mode_s == 120


async def test_a_pause_is_at_most_what_discord_takes() -> None:
    async with scene() as on:
        await on.enforcer.slow_down(on.here, timedelta(days=1))

        assert on.at.channel.slow_mode_s == 21_600


async def test_a_missing_permission_is_named_for_the_moderator() -> None:
    async with scene() as on:
        until = utc_now() + timedelta(minutes=1)
        measures: list[tuple[Permission, str, Callable[[], Awaitable[None]]]] = [
            (
                Permission.MANAGE_MESSAGES,
                "Manage Messages",
                lambda: on.enforcer.remove(on.here, on.message),
            ),
            (
                Permission.ADD_REACTIONS,
                "Add Reactions",
                lambda: on.enforcer.flag(on.here, on.message, on=True),
            ),
            (
                Permission.MODERATE_MEMBERS,
                "Timeout Members",
                lambda: on.enforcer.time_out(on.here, on.ann, until),
            ),
            (
                Permission.MANAGE_CHANNELS,
                "Manage Channels",
                lambda: on.enforcer.slow_down(on.here, timedelta(seconds=5)),
            ),
        ]
        for withheld, name, measure in measures:
            on.at.guild.withheld = withheld

            assert name in await refusal(measure())


async def test_slow_mode_in_a_thread_takes_another_permission() -> None:
    async with scene() as on:
        thread = on.at.server.add_thread(on.at.channel, "aside", on.at.ann)
        on.at.guild.withheld = Permission.MANAGE_THREADS
        there = thread_below(on.here, str(thread.id))

        assert "Manage Threads" in await refusal(on.enforcer.slow_down(there, timedelta(seconds=5)))


async def test_who_cannot_be_reached_is_told_to_the_moderator() -> None:
    async with scene() as on:
        until = utc_now() + timedelta(minutes=1)
        master = on.at.server.add_role(on.at.guild, "master", above_bot=True)
        on.at.server.change_member(on.at.guild, on.at.ann, roles=[master])
        assert "a higher role" in await refusal(on.enforcer.time_out(on.here, on.ann, until))
        on.at.ann.blocks_bot = True
        assert "blocked" in await refusal(on.enforcer.flag(on.here, on.message, on=True))
        on.at.channel.hidden = True
        assert "View Channels" in await refusal(on.enforcer.remove(on.here, on.message))
        on.at.server.remove_member(on.at.guild, on.at.ann)
        assert "has left" in await refusal(on.enforcer.time_out(on.here, on.ann, until))
        await on.enforcer.time_out(on.here, on.ann, None)


async def test_direct_messages_know_neither_time_outs_nor_slow_mode() -> None:
    async with scene() as on:
        direct = ConversationId(f"discord:@me:{on.at.server.dm_with(on.at.ann).id}")

        await refusal(on.enforcer.time_out(direct, on.ann, utc_now() + timedelta(minutes=1)))
        await refusal(on.enforcer.slow_down(direct, timedelta(seconds=5)))


@pytest.mark.parametrize(
    "fault", [faults.Refuse(503), faults.LoseAnswer(502), faults.LimitRate(60.0)]
)
async def test_an_outage_or_a_limit_means_to_try_again(fault: faults.RequestFault) -> None:
    async with scene() as on:
        on.at.server.faults.add(fault, on="DELETE /channels/{channel_id}/messages/{message_id}")
        with pytest.raises(RetryLater):
            await on.enforcer.remove(on.here, on.message)
        if not isinstance(fault, faults.LimitRate):
            await on.enforcer.remove(on.here, on.message)

            assert on.said.deleted_at is not None


async def test_a_token_that_is_not_accepted_means_to_try_again() -> None:
    async with scene() as on:
        on.at.server.revoke_token()
        with pytest.raises(RetryLater):
            await on.enforcer.remove(on.here, on.message)
