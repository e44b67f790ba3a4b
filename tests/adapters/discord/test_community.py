"""A community on Discord that the bot watches: the real core and the real wire, from post to appeal."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import anyio
import pytest

from adapters.discord.rig import Place, place, utc_now
from chatune_adapters.discord.platform import DiscordPlatform
from chatune_adapters.testing.discord import Channel, Message, Permission, User
from chatune_core.bots import Bot
from chatune_core.messages import ConversationId
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.cases import Measure
from chatune_core.moderation.community import Community
from chatune_core.moderation.moderator import Moderator
from chatune_core.moderation.policy import Policy
from chatune_core.moderation.review import Review
from chatune_core.moderation.rules.crowd import Crowd, CrowdLimits
from chatune_core.moderation.rules.words import WordList
from chatune_core.moderation.verdicts import Category
from chatune_core.moderation.watching import Watch, Watching
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.generator import ScriptedGenerator
from fakes.town import THRESHOLDS, Scores

pytestmark = pytest.mark.anyio
HARM = Category.HARASSMENT


@dataclass
class Town:
    """A watched channel, its moderators Mia and Max, and what outlives a process of the bot."""

    at: Place
    review: Channel
    mia: User
    max: User
    stores: Stores

    def messages(self, channel: Channel) -> list[Message]:
        """Return what the bot shows there."""
        return self.at.shown(channel)

    @property
    def cards(self) -> list[Message]:
        return self.messages(self.review)

    @property
    def direct(self) -> list[Message]:
        """What Ann alone is told."""
        return self.messages(self.at.server.dm_with(self.at.ann))

    async def until(self, holds: Callable[[], bool]) -> None:
        with anyio.fail_after(20):
            await self.at.server.until(holds)

    async def press(self, by: User, message: Message, action: str) -> None:
        [custom_id] = [each for each in message.custom_ids if each.startswith(f"{action}=")]
        await self.at.server.press(by, message, custom_id)


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    async with place() as at:
        yield Town(
            at,
            at.server.add_channel(at.guild, "moderators"),
            at.server.add_user("mia"),
            at.server.add_user("max"),
            memory_stores(utc_now, timedelta(seconds=0.3)),
        )


@asynccontextmanager
async def process(on: Town, *measures: Measure) -> AsyncIterator[None]:
    """Run a bot that takes `measures` against foul words, and end it without any farewell."""
    at, stores = on.at, on.stores
    platform = DiscordPlatform(at.settings(moderates=True), stores.key_values, utc_now)
    review = ConversationId(f"discord:{at.guild.id}:{on.review.id}")
    watch = Watch(review, {HARM: (*measures, Measure.WARN)})
    watching = Watching({f"discord:{at.guild.id}:{at.channel.id}": watch})
    moderator = Moderator(
        [WordList("foul", ["foulword"], category=HARM)], Scores(), Policy(THRESHOLDS)
    )
    allowances = Allowances(stores.key_values, lambda: b"k" * 32)
    enforcers, files = {"discord": platform.enforcer}, {"discord": platform.files}
    runtime = Runtime(
        inbox=stores.inbox,
        ledger=stores.ledger,
        outbox=stores.outbox,
        history=stores.history,
        generators={"small": ScriptedGenerator()},
        default_model="small",
        senders={"discord": platform.sender},
        files=files,
        bot=Bot(),
        settings=CoreSettings(poll=timedelta(seconds=0.02), lease_for=timedelta(seconds=0.3)),
        now=utc_now,
        parts=[Review(stores.cases, watching, enforcers, allowances, utc_now)],
        watcher=Community(
            moderator,
            enforcers,
            watching,
            Crowd(CrowdLimits()),
            stores.cases,
            allowances,
            files,
            utc_now,
        ),
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(runtime.run)
        await tasks.start(platform.run, runtime)
        yield
        tasks.cancel_scope.cancel()


async def test_a_foul_post_goes_and_a_moderator_brings_everything_back() -> None:
    async with town() as on, process(on, Measure.REMOVE, Measure.TIME_OUT, Measure.SLOW_DOWN):
        said = await on.at.server.say(on.at.ann, on.at.channel, "you foulword")
        await on.until(lambda: bool(on.cards and on.direct))
        assert said.deleted_at is not None
        assert on.at.channel.slow_mode_s == 30
        with pytest.raises(PermissionError, match="timed out"):
            await on.at.server.say(on.at.ann, on.at.channel, "I am back")
        await on.press(on.mia, on.cards[0], "case-undo")
        await on.until(lambda: bool(on.at.shown()) and len(on.direct) == 2)

        [restored], [card] = on.at.shown(), on.cards
        assert "you foulword" in restored.content
        assert [each.partition("=")[0] for each in card.custom_ids] == ["case-allow"]
        assert on.at.channel.slow_mode_s == 0
        await on.at.server.say(on.at.ann, on.at.channel, "I am back")
        await on.press(on.max, card, "case-allow")
        await on.until(lambda: not on.cards[0].custom_ids or "Allowed" in on.cards[0].content)
        assert len(on.at.shown()) == 1


async def test_the_author_appeals_from_the_direct_message_to_another_moderator() -> None:
    async with town() as on, process(on, Measure.REMOVE):
        await on.at.server.say(on.at.ann, on.at.channel, "you foulword")
        await on.until(lambda: bool(on.cards and on.direct))
        await on.press(on.mia, on.cards[0], "case-uphold")
        await on.until(lambda: "case-uphold" not in str(on.cards[0].custom_ids))
        [custom_id] = on.direct[0].custom_ids
        opened = await (await on.at.server.press(on.at.ann, on.direct[0], custom_id)).answered()
        await on.at.server.submit_modal(on.at.ann, opened, {"reason": "it was a quotation"})
        await on.until(lambda: len(on.cards) == 2)
        assert "it was a quotation" in on.cards[1].content
        await on.press(on.mia, on.cards[1], "case-undo")
        await on.until(lambda: any(m.ephemeral for m in on.cards))
        assert "another moderator" in next(m for m in on.cards if m.ephemeral).content
        await on.press(on.max, on.cards[1], "case-undo")
        await on.until(lambda: bool(on.at.shown()))

        assert "you foulword" in on.at.shown()[0].content


async def test_a_bot_without_the_permission_flags_and_says_what_it_lacks() -> None:
    async with town() as on, process(on, Measure.REMOVE):
        on.at.guild.withheld = Permission.MANAGE_MESSAGES
        said = await on.at.server.say(on.at.ann, on.at.channel, "you foulword")
        await on.until(lambda: bool(on.cards))

        assert said.deleted_at is None
        assert said.reactions == {"⚠️": [on.at.server.bot]}
        assert "Manage Messages" in on.cards[0].content


async def test_a_thread_of_a_watched_channel_is_judged_as_the_channel_is() -> None:
    async with town() as on, process(on, Measure.REMOVE):
        thread = on.at.server.add_thread(on.at.channel, "aside", on.at.ann)
        said = await on.at.server.say(on.at.ann, thread, "you foulword")
        await on.until(lambda: bool(on.cards))
        await on.press(on.mia, on.cards[0], "case-undo")
        await on.until(lambda: bool(on.messages(thread)))

        assert said.deleted_at is not None
        assert "you foulword" in on.messages(thread)[0].content


async def test_what_was_posted_while_the_bot_was_away_is_judged_once() -> None:
    async with town() as on:
        async with process(on, Measure.REMOVE):
            fine = await on.at.server.say(on.at.ann, on.at.channel, "good morning")
        said = await on.at.server.say(on.at.ann, on.at.channel, "you foulword")
        await on.at.server.edit(fine, "foulword morning")
        for _ in range(2):
            async with process(on, Measure.REMOVE):
                await on.until(lambda: len(on.cards) == 2 and len(on.direct) == 2)
                await anyio.sleep(0.05)

        assert said.deleted_at is not None
        assert fine.deleted_at is not None
        assert (len(on.cards), len(on.direct)) == (2, 2)
