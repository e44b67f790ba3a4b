"""Retention: raw text goes with age, what is unfinished stays."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.messages import MessageKey
from chatune_core.outcomes import AnswerCorrected, AnswerRated, Outcome
from chatune_core.privacy import Purpose
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import (
    ANN,
    AT,
    BEN,
    OTHER_ROOM,
    ROOM,
    deliver,
    generated,
    handle,
    reply,
    said,
    turn,
)

pytestmark = pytest.mark.anyio
WEEK = timedelta(days=7)


async def records(stores: Stores, store: str) -> list[dict[str, object]]:
    exported = await stores.personal_data.export(ANN)
    return [dict(item.record) for item in exported if item.store == store]


async def test_old_turns_are_erased_and_young_ones_stay(stores: Stores, clock: FakeClock) -> None:
    await handle(stores, said("1"), turn("1", "old"))
    clock.advance(WEEK)
    assert (await stores.retention.purge(WEEK))["turns"] == 0
    clock.advance(timedelta(microseconds=1))

    assert (await stores.retention.purge(WEEK))["turns"] == 1
    assert await stores.history.recent(ROOM, 5) == []


async def test_texts_of_generations_go_and_their_figures_stay(
    stores: Stores, clock: FakeClock
) -> None:
    await handle(stores, said("1"), generated("1"))
    clock.advance(WEEK * 2)

    assert (await stores.retention.purge(WEEK))["generations"] == 1
    assert (await stores.retention.purge(WEEK))["generations"] == 0

    [made] = await records(stores, "generations")
    assert (made["prompt"], made["completion"]) == ([], "")
    assert made["completion_tokens"] == 2
    assert await stores.history.last_answer(ROOM) == "test:1"


async def test_texts_of_generations_stay_while_their_person_allows_training(
    stores: Stores, clock: FakeClock
) -> None:
    await handle(stores, said("1"), generated("1"), generated("2", user=BEN))
    await stores.consents.record(ANN, Purpose.TRAINING, granted=True, source="test:1")
    clock.advance(WEEK * 2)

    assert (await stores.retention.purge(WEEK))["generations"] == 1
    [made] = await records(stores, "generations")
    assert made["completion"] == "a completion"

    await stores.consents.record(ANN, Purpose.TRAINING, granted=False, source="test:2")
    assert (await stores.retention.purge(WEEK))["generations"] == 1


async def test_texts_of_generations_stay_only_while_all_who_are_heard_in_them_allow_training(
    stores: Stores, clock: FakeClock
) -> None:
    unknown = replace(generated("2"), heard=())
    await handle(stores, said("1"), generated("1", heard=(BEN,)), unknown)
    for user in (ANN, BEN):
        await stores.consents.record(user, Purpose.TRAINING, granted=True, source="test:1")
    clock.advance(WEEK * 2)

    assert (await stores.retention.purge(WEEK))["generations"] == 1, "who is heard is not known"
    await stores.consents.record(BEN, Purpose.TRAINING, granted=False, source="test:2")
    assert (await stores.retention.purge(WEEK))["generations"] == 1


async def test_reasons_of_ratings_go_unless_their_person_allows_feedback(
    stores: Stores, clock: FakeClock
) -> None:
    vote = AnswerRated(generated("1").event, ANN, 1, AT, "because")
    await handle(stores, said("1"), vote)
    await stores.consents.record(ANN, Purpose.FEEDBACK, granted=True, source="test:1")
    clock.advance(WEEK * 2)
    assert (await stores.retention.purge(WEEK))["ratings"] == 0

    await stores.consents.record(ANN, Purpose.FEEDBACK, granted=False, source="test:2")
    assert (await stores.retention.purge(WEEK))["ratings"] == 1

    [rating] = await records(stores, "ratings")
    assert (rating["score"], rating["reason"]) == (1, "")


async def test_corrections_go_unless_their_person_allows_feedback(
    stores: Stores, clock: FakeClock
) -> None:
    answer = generated("1").event
    await handle(stores, said("1"), AnswerCorrected(answer, ANN, "so", AT))
    await handle(stores, said("2"), AnswerCorrected(answer, BEN, "no, so", AT))
    await stores.consents.record(ANN, Purpose.FEEDBACK, granted=True, source="test:1")
    clock.advance(WEEK * 2)

    assert (await stores.retention.purge(WEEK))["corrections"] == 1
    [correction] = await records(stores, "corrections")
    assert correction["text"] == "so"

    await stores.consents.record(ANN, Purpose.FEEDBACK, granted=False, source="test:2")
    assert (await stores.retention.purge(WEEK))["corrections"] == 1
    assert await records(stores, "corrections") == []


async def test_unfinished_work_is_never_too_old(stores: Stores, clock: FakeClock) -> None:
    await handle(stores, said("1"), answer=reply("1", room=OTHER_ROOM))
    await stores.inbox.put(said("2"))
    clock.advance(WEEK * 100)

    await stores.retention.purge(WEEK)

    assert [lease.event for lease in await stores.inbox.lease(5)] == [said("2")]
    assert [lease.reply for lease in await stores.outbox.lease(5)] == [reply("1", room=OTHER_ROOM)]


async def test_an_ended_event_leaves_no_text_but_its_key_is_known_long_after(
    stores: Stores, clock: FakeClock
) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(1)
    await stores.ledger.commit(lease, Outcome())
    clock.advance(WEEK * 2)

    await stores.retention.purge(WEEK)

    assert await records(stores, "inbox") == []
    assert not await stores.inbox.put(said("1"))


async def test_parked_replies_and_old_receipts_go(stores: Stores, clock: FakeClock) -> None:
    await handle(stores, said("1"), generated("1"), answer=reply("1"))
    await deliver(stores, "m1")
    await handle(stores, said("2"), answer=reply("2", "parked"))
    [lease] = await stores.outbox.lease(1)
    await stores.outbox.park(lease, "refused")
    assert "parked" in [record.get("text") for record in await records(stores, "outbox")]
    clock.advance(WEEK * 2)

    assert (await stores.retention.purge(WEEK))["outbox"] >= 1

    assert await records(stores, "outbox") == []
    assert await stores.history.answer_shown_as(MessageKey("m1")) is None
