"""Export and erasure of one person."""

from datetime import timedelta

import pytest

from chatune_core.messages import ConversationId, MessageKey
from chatune_core.outcomes import AnswerCorrected, AnswerRated, ModelChosen, Outcome
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
    elsewhere,
    generated,
    handle,
    reply,
    said,
    turn,
)

pytestmark = pytest.mark.anyio
STORES = {
    "inbox", "outbox", "turns", "generations", "heard", "missed_answers", "ratings", "corrections", "preferred_answers", "cases",
    "memories",
    "memory_notes", "memory_preferences", "links", "models", "consents", "audit", "quotes", "keys",
}  # fmt: skip
LEASE_FOR = timedelta(seconds=60)


async def a_life(stores: Stores) -> None:
    """Ann has said, been answered, rated, agreed, been audited; one event and reply wait."""
    await handle(
        stores, said("1"), turn("1", "hello"), turn("1", "hi", "assistant"), generated("1"),
        answer=reply("1"),
    )  # fmt: skip
    await deliver(stores, "m1", "m1, continued")
    answer = generated("1").event
    await handle(
        stores, said("2"), AnswerRated(answer, ANN, 1, AT, "kind"),
        AnswerCorrected(answer, ANN, "better", AT),
    )  # fmt: skip
    await handle(stores, said("3"), answer=reply("3", "not sent yet"))
    await stores.consents.record(ANN, Purpose.MEMORY, granted=True, source="test:1")
    await stores.audit.append("operator", "look", ANN, {"asked by": ANN, "rows": 1})
    await stores.inbox.put(said("4", "not read yet"))


async def test_an_export_has_everything_readable_and_grouped(stores: Stores) -> None:
    await a_life(stores)

    records = await stores.personal_data.export(ANN)

    names = [item.store for item in records]
    assert names == sorted(names, key=names.index), "records of one store lie together"
    by_store = {name: [item.record for item in records if item.store == name] for name in names}
    assert by_store["inbox"][0]["text"] == "not read yet"
    assert "not sent yet" in [record.get("text") for record in by_store["outbox"]]
    assert [record["text"] for record in by_store["turns"]] == ["hello", "hi"]
    [made] = by_store["generations"]
    assert made["prompt"] == [{"role": "user", "content": "a prompt"}]
    assert made["completion"] == "a completion"
    assert made["seed"] == 2**64 - 1
    assert made["lora"] == "terse"
    assert isinstance(made["sampling"], dict)
    assert made["sampling"]["stop"] == ["END"]
    assert [record["reason"] for record in by_store["ratings"]] == ["kind"]
    assert [record["text"] for record in by_store["corrections"]] == ["better"]
    assert [record["purpose"] for record in by_store["consents"]] == ["memory"]
    assert [record["action"] for record in by_store["audit"]] == ["look"]


async def test_an_export_has_nothing_of_others(stores: Stores) -> None:
    await a_life(stores)

    assert await stores.personal_data.export(BEN) == []


async def test_an_erasure_counts_what_went_in_every_store(stores: Stores, clock: FakeClock) -> None:
    await a_life(stores)

    receipt = await stores.personal_data.erase(ANN)

    assert receipt.user == ANN
    assert receipt.at == clock.at
    assert receipt.removed.keys() == STORES
    counts = {store: n for store, n in receipt.removed.items() if store not in ("keys", "outbox")}
    assert counts == {
        "inbox": 1, "turns": 2, "generations": 1, "heard": 0, "missed_answers": 0, "ratings": 1, "corrections": 1, "preferred_answers": 0, "cases": 0,
        "memories": 0, "memory_notes": 0, "memory_preferences": 0, "links": 0, "models": 0, "consents": 1, "audit": 1, "quotes": 0,
    }  # fmt: skip
    assert receipt.removed["outbox"] >= 1


async def test_after_an_erasure_nothing_is_left_to_export_claim_or_find(
    stores: Stores, clock: FakeClock
) -> None:
    await a_life(stores)

    await stores.personal_data.erase(ANN)
    clock.advance(LEASE_FOR * 2)

    assert await stores.personal_data.export(ANN) == []
    assert await stores.inbox.lease(5) == []
    assert await stores.outbox.lease(5) == []
    assert await stores.history.recent(ROOM, 5) == []
    assert await stores.history.last_answer(ROOM) is None
    assert await stores.history.answer_shown_as(MessageKey("m1")) is None
    assert not await stores.consents.allows(ANN, Purpose.MEMORY)


async def test_erasing_a_stranger_counts_zero_everywhere(stores: Stores) -> None:
    receipt = await stores.personal_data.erase(ANN)

    assert dict(receipt.removed) == dict.fromkeys(STORES, 0)


async def test_the_audit_log_keeps_what_happened_without_the_name(stores: Stores) -> None:
    await stores.audit.append("operator", "look", ANN, {"asked by": ANN, "rows": 1})
    await stores.audit.append(ANN, "consent", BEN, {})

    await stores.personal_data.erase(ANN)

    gave, looked = await stores.audit.entries(5)
    assert (gave.actor, gave.action, gave.subject) == ("erased person", "consent", BEN)
    assert (looked.subject, looked.details) == (
        "erased person",
        {"asked by": "erased person", "rows": 1},
    )


async def test_work_on_an_event_of_an_erased_person_is_lost(stores: Stores) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(1)

    await stores.personal_data.erase(ANN)

    assert not await stores.ledger.commit(lease, Outcome(reply("1"), (turn("1", "hello"),)))
    assert await stores.history.recent(ROOM, 5) == []
    assert await stores.outbox.lease(5) == []


async def test_others_in_the_conversation_go_on(stores: Stores) -> None:
    await stores.inbox.put(said("1"))
    await stores.inbox.put(said("2", user=BEN))
    await stores.inbox.lease(1)

    await stores.personal_data.erase(ANN)

    [lease] = await stores.inbox.lease(5)
    assert lease.event.user == BEN


async def test_who_waited_behind_an_erased_person_goes_on(stores: Stores) -> None:
    await stores.inbox.put(said("1", user=BEN))
    [running] = await stores.inbox.lease(1)
    await stores.inbox.put(said("2"))
    await stores.inbox.put(said("3", user=BEN))

    await stores.personal_data.erase(ANN)

    assert await stores.ledger.commit(running, Outcome())
    assert [lease.event.key for lease in await stores.inbox.lease(5)] == ["test:3"]


async def test_replies_to_others_in_the_conversation_go_on(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1"))
    await handle(stores, elsewhere("2", BEN), answer=reply("2", user=BEN))

    await stores.personal_data.erase(ANN)

    [lease] = await stores.outbox.lease(5)
    assert lease.reply.user == BEN


async def test_a_platform_that_delivers_an_erased_event_again_is_not_listened_to(
    stores: Stores,
) -> None:
    await stores.inbox.put(said("1"))

    await stores.personal_data.erase(ANN)

    assert not await stores.inbox.put(said("1"))


async def test_who_was_erased_may_come_back(rivals: tuple[Stores, Stores]) -> None:
    one, other = rivals
    await handle(one, said("1"), turn("1", "long ago"))
    await handle(other, said("2"), turn("2", "long ago too"))

    await one.personal_data.erase(ANN)

    # The other process still remembers the key that is gone.
    await handle(other, said("3"), turn("3", "here again"), answer=reply("3"))
    await other.consents.record(ANN, Purpose.MEMORY, granted=True, source="test:3")
    for stores in rivals:
        turns = await stores.history.recent(ROOM, 5)
        assert [spoken.text for spoken in turns] == ["here again"]
        assert await stores.consents.allows(ANN, Purpose.MEMORY)
    [lease] = await one.outbox.lease(5)
    assert lease.reply == reply("3")


async def test_prompts_of_others_that_may_quote_the_person_go_too(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "my secret"))
    await handle(stores, said("2", user=BEN), generated("2", "... my secret ...", user=BEN))
    elsewhere = generated("3", "nothing of ann", room=OTHER_ROOM, user=BEN)
    await handle(stores, said("3", room=OTHER_ROOM, user=BEN), elsewhere)

    receipt = await stores.personal_data.erase(ANN)

    assert receipt.removed["quotes"] == 1
    records = [item.record for item in await stores.personal_data.export(BEN)]
    prompts = {record["event"]: record["prompt"] for record in records}
    assert prompts == {
        "test:2": [],
        "test:3": [{"role": "user", "content": "nothing of ann"}],
    }


async def test_judgements_of_others_on_erased_answers_go_too(stores: Stores) -> None:
    await handle(stores, said("1"), generated("1"))
    answer = generated("1").event
    vote, correction = AnswerRated(answer, BEN, 1, AT), AnswerCorrected(answer, BEN, "so", AT)
    await handle(stores, said("2", user=BEN), vote, correction)

    receipt = await stores.personal_data.erase(ANN)

    assert (receipt.removed["ratings"], receipt.removed["corrections"]) == (1, 1)
    assert await stores.personal_data.export(BEN) == []


async def test_the_model_chosen_in_a_conversation_of_one_is_forgotten(stores: Stores) -> None:
    alone, shared = ConversationId("test:alone"), ROOM
    for key, room in (("1", alone), ("2", shared)):
        chosen = ModelChosen(room, "large")
        await handle(stores, said(key, room=room), turn(key, "hello", room=room), chosen)
    await handle(stores, said("3", user=BEN), turn("3", "me too", user=BEN))

    await stores.personal_data.erase(ANN)

    assert await stores.history.chosen_model(alone) is None
    assert await stores.history.chosen_model(shared) == "large"
