"""Canaries are promoted and rolled back without anybody, and the log says why."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from chatune_core.generation.requests import LoraId
from chatune_core.learning.canary import CanaryRules
from chatune_core.learning.versions import LoraState
from chatune_core.learning.watching import CanaryWatch
from chatune_core.messages import ConversationId, UserId
from chatune_core.outcomes import AnswerRated
from chatune_storage.memory import memory_stores
from fakes.clock import FakeClock
from fakes.events import BEN, elsewhere, generated, handle
from fakes.loras import SOURCES, agree, something_to_learn, version

pytestmark = pytest.mark.anyio
CANDIDATE, CANARY, ACTIVE, RETIRED = LoraState


class Community:
    """Votes on answers of two versions, and a watch over the newer one."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.stores = memory_stores(self.clock, timedelta(minutes=1))
        self.told: list[str] = []
        self.changes = 0
        self._keys = count(100)
        loras, live = self.stores.loras, self.stores.live_answers
        self.watch = CanaryWatch(
            {"small": "small"},
            loras,
            live,
            CanaryRules(),
            self.clock,
            self._changed,
            self.told.append,
        )

    def _changed(self) -> None:
        self.changes += 1

    async def move(self, name: str, to: LoraState) -> None:
        assert await self.stores.loras.move(LoraId(name), set(LoraState), to, "test", 0.5)

    async def votes(
        self, lora: str | None, good: int, bad: int, at: datetime | None = None
    ) -> None:
        """Let different people vote on an answer each."""
        for place in range(good + bad):
            key = str(next(self._keys))
            user, room = UserId(f"test:person {key}"), ConversationId(f"test:room {key}")
            made = generated(key, user=user, room=room, at=at or self.clock.at)
            made = replace(made, lora=None if lora is None else LoraId(lora))
            # Well mixed: each kind comes as often as it should, all along.
            score = 1 if place * good % (good + bad) < good else -1
            voted = AnswerRated(made.event, user, score, at or self.clock.at)
            await handle(self.stores, elsewhere(key, user), made, voted)

    async def state(self, name: str) -> LoraState:
        found = await self.stores.loras.find(LoraId(name))
        assert found is not None
        return found.state

    async def reason(self, name: str) -> str:
        found = await self.stores.loras.find(LoraId(name))
        assert found is not None
        return found.reason


@pytest.fixture
async def community() -> Community:
    """v1 serves, v2 is a canary."""
    community = Community()
    await something_to_learn(community.stores)
    for name in ("v1", "v2"):
        await community.stores.loras.add(version(name), SOURCES)
    await community.move("v1", ACTIVE)
    await community.move("v2", CANARY)
    return community


async def test_a_canary_that_people_like_better_is_promoted_and_the_log_says_why(
    community: Community,
) -> None:
    await community.votes("v1", 20, 40)
    await community.votes("v2", 50, 10)

    await community.watch.look()

    assert await community.state("v2") is ACTIVE
    assert await community.state("v1") is RETIRED
    reason = await community.reason("v2")
    assert reason.startswith("promoted: people like it better: 50 of 60 votes are good")
    assert community.told == [f"v2 is {reason}"]
    assert community.changes == 1
    newest = (await community.stores.audit.entries(1))[0]
    assert (newest.actor, newest.action, newest.subject) == ("canary", "models.active", "v2")
    assert newest.details["reason"] == reason


async def test_a_canary_that_people_like_less_is_rolled_back(community: Community) -> None:
    await community.votes("v1", 50, 10)
    await community.votes("v2", 20, 40)

    await community.watch.look()

    assert await community.state("v2") is RETIRED
    assert await community.state("v1") is ACTIVE
    assert (await community.reason("v2")).startswith("rolled back: people like it less")
    assert community.changes == 1


async def test_an_undecided_canary_goes_on(community: Community) -> None:
    await community.votes("v1", 10, 10)
    await community.votes("v2", 11, 9)

    await community.watch.look()

    assert await community.state("v2") is CANARY
    assert community.told == []
    assert community.changes == 0


async def test_a_canary_that_is_too_old_is_rolled_back(community: Community) -> None:
    community.clock.advance(timedelta(days=14))

    await community.watch.look()

    assert (await community.reason("v2")).startswith("rolled back: undecided after 14 days")


async def test_a_canary_that_learned_from_what_was_taken_back_is_rolled_back(
    community: Community,
) -> None:
    await agree(community.stores, BEN, granted=False)

    await community.watch.look()

    assert await community.state("v2") is RETIRED
    assert await community.reason("v2") == ("rolled back: somebody took back what it learned from")


async def test_without_an_active_version_the_bare_model_is_the_measure(
    community: Community,
) -> None:
    await community.move("v1", RETIRED)
    await community.votes(None, 20, 40)
    await community.votes("v2", 50, 10)

    await community.watch.look()

    assert await community.state("v2") is ACTIVE


async def test_votes_from_before_both_served_together_do_not_count(community: Community) -> None:
    before = community.clock.at - timedelta(days=1)
    await community.votes("v1", 20, 40, before)
    await community.votes("v2", 50, 10)
    await community.watch.look()
    assert await community.state("v2") is CANARY

    community.clock.advance(timedelta(days=1))
    await community.move("v1", ACTIVE)
    await community.votes("v1", 20, 40)
    await community.watch.look()
    assert await community.state("v2") is CANARY, "what was said of it before has no measure"


async def test_where_there_is_no_canary_nothing_happens(community: Community) -> None:
    await community.move("v2", RETIRED)

    await community.watch.look()

    assert await community.state("v1") is ACTIVE
    assert community.changes == 0
