"""How people take the answers of one LoRA: counted, and no text is read."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from chatune_core.generation.requests import LoraId
from chatune_core.learning.live import Arm, LiveVote
from chatune_core.messages import ConversationId, EventKey, WorkspaceId
from chatune_core.outcomes import (
    AnswerMissed,
    AnswerRated,
    GenerationMade,
    RatingWithdrawn,
    WorkspaceErased,
)
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, OTHER_ROOM, ROOM, elsewhere, generated, handle, said

pytestmark = pytest.mark.anyio
NEW = LoraId("new")
LATER = AT + timedelta(hours=1)


def made(
    key: str,
    lora: LoraId | None = NEW,
    at: datetime = LATER,
    tokens: int = 2,
    finish: str = "stop",
    room: ConversationId = ROOM,
) -> GenerationMade:
    return replace(
        generated(key, at=at, room=room), lora=lora, completion_tokens=tokens, finish=finish
    )


def missed(key: str, why: str, lora: LoraId | None = NEW, at: datetime = LATER) -> AnswerMissed:
    return AnswerMissed(EventKey(f"test:{key}"), ROOM, ANN, at, "small", lora, why)  # type: ignore[arg-type]


async def rated(stores: Stores, *votes: AnswerRated | RatingWithdrawn) -> None:
    for number, vote in enumerate(votes):
        await handle(stores, elsewhere(f"vote {vote.answers} {number}", vote.user), vote)


async def test_answers_are_counted_by_lora_and_age(stores: Stores) -> None:
    await handle(
        stores, said("1"), made("1", tokens=10), made("2", tokens=30, finish="deadline"),
        made("old", at=AT), made("other", LoraId("other")), made("bare", None),
        missed("3", "withheld"), missed("4", "failed"), missed("5", "empty"),
        missed("6", "withheld", at=AT), missed("7", "failed", LoraId("other")),
        missed("8", "failed", None),
    )  # fmt: skip

    arm = await stores.live_answers.arm("small", NEW, LATER)

    assert arm == Arm((), 2, 40, 1000, late=1, withheld=1, lost=2)
    assert arm.asked == 5


async def test_the_bare_model_is_known_by_its_name(stores: Stores) -> None:
    large = replace(made("2", None), model="large")
    await handle(stores, said("1"), made("1", None), large, missed("3", "failed", None))

    assert (await stores.live_answers.arm("small", None, AT)).asked == 2
    assert (await stores.live_answers.arm("large", None, AT)).asked == 1
    assert await stores.live_answers.arm("small", NEW, AT) == Arm()


async def test_an_answer_that_was_missed_counts_once(stores: Stores) -> None:
    await handle(stores, said("1"), missed("1", "failed"))
    await handle(stores, said("2"), missed("1", "failed"))

    assert (await stores.live_answers.arm("small", NEW, AT)).lost == 1


async def test_votes_that_stand_come_in_the_order_in_which_they_were_given(stores: Stores) -> None:
    in_room = [made("1"), made("2"), made("3", LoraId("other"))]
    await handle(stores, said("1"), *in_room, made("4", room=OTHER_ROOM))
    first, second, third = LATER, LATER + timedelta(minutes=1), LATER + timedelta(minutes=2)
    one, two, other, four = (EventKey(f"test:{number}") for number in "1234")

    await rated(
        stores, AnswerRated(four, BEN, 1, second), AnswerRated(one, ANN, -1, first),
        AnswerRated(other, ANN, 1, first), AnswerRated(two, ANN, 1, first),
        AnswerRated(one, ANN, 1, third), AnswerRated(two, BEN, -1, third),
        RatingWithdrawn(two, BEN, -1),
    )  # fmt: skip

    assert (await stores.live_answers.arm("small", NEW, AT)).votes == (
        LiveVote(ANN, ROOM, True, first),
        LiveVote(BEN, OTHER_ROOM, True, second),
        LiveVote(ANN, ROOM, True, third),
    )


async def test_what_was_missed_is_exported_and_goes_with_the_person(stores: Stores) -> None:
    await handle(stores, said("1"), missed("1", "withheld"))

    [record] = [
        r.record for r in await stores.personal_data.export(ANN) if r.store == "missed_answers"
    ]
    receipt = await stores.personal_data.erase(ANN)

    assert (record["event"], record["why"], record["lora"]) == ("test:1", "withheld", "new")
    assert receipt.removed["missed_answers"] == 1
    assert await stores.live_answers.arm("small", NEW, AT) == Arm()


async def test_what_was_missed_goes_with_its_workspace(stores: Stores) -> None:
    await handle(stores, said("1"), missed("1", "withheld"))

    gone = WorkspaceErased(WorkspaceId("test"))
    await handle(stores, said("9", room=ConversationId("lobby:9")), gone)

    assert await stores.live_answers.arm("small", NEW, AT) == Arm()


async def test_what_was_missed_goes_with_age(stores: Stores, clock: FakeClock) -> None:
    await handle(stores, said("1"), missed("1", "withheld", at=clock.at))
    clock.advance(timedelta(days=31))

    removed = await stores.retention.purge(timedelta(days=30))

    assert removed["missed_answers"] == 1
    assert await stores.live_answers.arm("small", NEW, AT) == Arm()
