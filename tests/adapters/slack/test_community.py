"""A workspace on Slack that the bot watches: the real core and the real wire, from post to appeal."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from adapters.slack.place import Place, opened_place
from chatune_adapters.slack.enforcer import FLAG
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.testing.slack import AnswerLost, Channel, Message, User
from chatune_core.bots import Bot
from chatune_core.messages import ConversationId
from chatune_core.moderation import policy as policies
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.cases import Measure
from chatune_core.moderation.community import Community
from chatune_core.moderation.moderator import Moderator
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
FOUL = "you foulword"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Town:
    """A watched channel, its moderators Mia and Max, and what outlives a process of the bot."""

    at: Place
    review: Channel
    mia: User
    max: User
    stores: Stores

    def bots(self, channel: Channel, seen_by: User | None = None) -> list[Message]:
        """Return what the bot shows there."""
        shown = self.at.server.messages(channel, seen_by=seen_by)
        return [one for one in shown if one.user == self.at.team.bot_user_id]

    @property
    def cards(self) -> list[Message]:
        return [one for one in self.bots(self.review) if not one.is_ephemeral]

    @property
    def warnings(self) -> list[Message]:
        """What Ada alone is told in the channel."""
        return [one for one in self.bots(self.at.channel, self.at.ada) if one.is_ephemeral]

    @property
    def restored(self) -> list[Message]:
        return [one for one in self.bots(self.at.channel) if not one.is_ephemeral]

    async def until(self, holds: Callable[[], object]) -> None:
        with anyio.fail_after(15):
            await self.at.server.until(holds)

    async def press(self, by: User, message: Message, action: str) -> None:
        await self.at.server.press(by, message, action)


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    async with opened_place() as at:
        review = at.server.add_channel(at.team, "moderators", kind="group")
        mia = at.server.add_user(at.team, "mia", is_admin=True)
        max_ = at.server.add_user(at.team, "max")
        review.members |= {mia.id, max_.id}
        yield Town(at, review, mia, max_, memory_stores(utc_now, timedelta(seconds=0.3)))


@asynccontextmanager
async def process(
    on: Town, *measures: Measure, token: bool = True, exempt: bool = False
) -> AsyncIterator[None]:
    """Run a bot that takes `measures` against foul words, and end it without any farewell."""
    at, stores = on.at, on.stores
    settings = replace(at.settings, moderates=True)
    if token:
        settings = replace(settings, moderator_token=at.server.user_token(on.mia))
    platform = SlackPlatform(settings, at.store, utc_now)
    team = f"slack:{at.team.id}"
    watch = Watch(ConversationId(f"{team}:{on.review.id}"), {HARM: (*measures, Measure.WARN)})
    watching = Watching({f"{team}:{at.channel.id}": watch})
    spared = policies.Place(exempt_roles=frozenset({f"{team}:admin"} if exempt else ()))
    policy = policies.Policy(THRESHOLDS, {team: spared})
    moderator = Moderator([WordList("foul", ["foulword"], category=HARM)], Scores(), policy)
    allowances = Allowances(stores.key_values, lambda: b"k" * 32)
    enforcers, files = {"slack": platform.enforcer}, {"slack": platform.files}
    runtime = Runtime(
        inbox=stores.inbox,
        ledger=stores.ledger,
        outbox=stores.outbox,
        history=stores.history,
        generators={"small": ScriptedGenerator()},
        default_model="small",
        senders={"slack": platform.sender},
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


async def test_a_foul_post_goes_and_a_moderator_brings_it_back() -> None:
    async with town() as on, process(on, Measure.REMOVE):
        said = await on.at.say(FOUL)
        await on.until(lambda: on.cards and on.warnings)
        assert said.deleted
        assert on.bots(on.at.channel, on.max) == []
        await on.press(on.mia, on.cards[0], "case-undo")
        await on.until(lambda: on.restored and "case-undo" not in str(on.cards[0].blocks))

        (restored,), (card,) = on.restored, on.cards
        assert FOUL in restored.text
        assert (restored.thread_ts, card.edited_at is not None) == (None, True)
        await on.press(on.max, card, "case-allow")
        await on.until(lambda: "Allowed" in on.cards[0].text)
        await on.at.say(f"{FOUL} again")
        await on.at.server.settled()
        assert (len(on.cards), len(on.restored)) == (1, 1)


async def test_the_author_appeals_from_the_aside_to_another_moderator() -> None:
    async with town() as on, process(on, Measure.REMOVE):
        await on.at.say(FOUL)
        await on.until(lambda: on.cards and on.warnings)
        await on.press(on.mia, on.cards[0], "case-uphold")
        await on.until(lambda: "case-uphold" not in str(on.cards[0].blocks))
        await on.press(on.at.ada, on.warnings[0], "case-appeal")
        (view,) = on.at.server.views
        await on.at.server.submit_view(on.at.ada, view, {"reason": "it was a quotation"})
        await on.until(lambda: len(on.cards) == 2)
        assert "it was a quotation" in str(on.cards[1].blocks)
        await on.press(on.mia, on.cards[1], "case-undo")
        await on.until(lambda: any(one.is_ephemeral for one in on.bots(on.review)))
        told = next(one for one in on.bots(on.review) if one.is_ephemeral)
        assert ("another moderator" in told.text, told.ephemeral_for) == (True, on.mia.id)
        await on.press(on.max, on.cards[1], "case-undo")
        await on.until(lambda: on.restored)

        assert FOUL in on.restored[0].text


async def test_without_a_moderators_token_the_post_is_flagged_and_the_flag_can_be_undone() -> None:
    async with town() as on, process(on, Measure.REMOVE, token=False):
        said = await on.at.say(FOUL)
        await on.until(lambda: on.cards)
        assert not said.deleted
        assert said.reactions == {FLAG: [on.at.team.bot_user_id]}
        await on.press(on.mia, on.cards[0], "case-undo")
        await on.until(lambda: "case-undo" not in str(on.cards[0].blocks))

        assert said.reactions == {FLAG: []}
        assert on.restored == []


async def test_a_reply_in_a_thread_and_an_edit_and_a_late_preview_are_judged_as_posts() -> None:
    async with town() as on, process(on, Measure.REMOVE):
        root = await on.at.say("good morning, see https://a.example/x")
        reply = await on.at.say(FOUL, thread=root)
        await on.until(lambda: len(on.cards) == 1)
        edited = await on.at.say("fine")
        await on.at.server.edit(edited, FOUL)
        await on.until(lambda: len(on.cards) == 2)
        await on.press(on.mia, on.cards[0], "case-undo")
        await on.until(lambda: on.restored)
        await on.at.server.unfurl(root, "https://a.example/x", "A foulword title")
        await on.until(lambda: len(on.cards) == 3)

        assert [one.deleted for one in (reply, edited, root)] == [True, True, True]
        assert on.restored[0].thread_ts == root.ts


async def test_administrators_may_be_exempt_from_their_first_post_on() -> None:
    async with town() as on, process(on, Measure.REMOVE, exempt=True):
        said = await on.at.server.say(on.mia, on.at.channel, FOUL)
        other = await on.at.say(FOUL)
        await on.until(lambda: on.cards)
        await on.at.server.settled()

        assert (said.deleted, other.deleted, len(on.cards)) == (False, True, 1)


async def test_a_process_that_dies_around_a_card_leaves_one_card() -> None:
    async with town() as on:
        on.at.server.faults.add(AnswerLost(), "chat.postMessage")
        async with process(on, Measure.REMOVE):
            said = await on.at.say(FOUL)
            await on.until(lambda: on.cards)  # it is there, and nobody has told the bot
        async with process(on, Measure.REMOVE):
            # Once the lease of the dead process has run out, the card is found and edited.
            await on.until(lambda: on.warnings and on.at.server.log.calls("chat.update"))

        assert said.deleted
        assert len(on.cards) == 1
