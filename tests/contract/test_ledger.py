"""Ledger: all of an outcome or nothing of it, once."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.outcomes import (
    Announced,
    AnswerCorrected,
    AnswerRated,
    Audited,
    AuditEntry,
    ConversationReset,
    ModelChosen,
    Outcome,
    RatingWithdrawn,
)
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import (
    ANN,
    AT,
    BEN,
    OTHER_ROOM,
    ROOM,
    elsewhere,
    generated,
    handle,
    reply,
    said,
    turn,
)

pytestmark = pytest.mark.anyio
LEASE_FOR = timedelta(seconds=60)


async def test_an_outcome_leaves_a_reply_and_its_effects(stores: Stores) -> None:
    await handle(
        stores,
        said("1"),
        turn("1", "hello"),
        turn("1", "hi", "assistant"),
        generated("1"),
        ModelChosen(ROOM, "large"),
        answer=reply("1"),
    )

    assert [lease.reply for lease in await stores.outbox.lease(5)] == [reply("1")]
    turns = await stores.history.recent(ROOM, 5)
    assert [(spoken.role, spoken.text) for spoken in turns] == [
        ("user", "hello"),
        ("assistant", "hi"),
    ]
    assert await stores.history.last_answer(ROOM) == "test:1"
    assert await stores.history.chosen_model(ROOM) == "large"


async def test_a_lost_lease_records_nothing(stores: Stores, clock: FakeClock) -> None:
    await stores.inbox.put(said("1"))
    [stale] = await stores.inbox.lease(1)
    clock.advance(LEASE_FOR)
    await stores.inbox.lease(1)

    assert not await stores.ledger.commit(stale, Outcome(reply("1"), (turn("1", "hello"),)))

    assert await stores.history.recent(ROOM, 5) == []
    assert await stores.outbox.lease(5) == []


async def test_committing_again_succeeds_and_changes_nothing(stores: Stores) -> None:
    outcome = Outcome(reply("1"), (turn("1", "hello"),))
    lease = await handle(stores, said("1"), *outcome.effects, answer=outcome.reply)

    assert await stores.ledger.commit(lease, outcome)

    assert len(await stores.history.recent(ROOM, 5)) == 1
    assert len(await stores.outbox.lease(5)) == 1


async def test_of_two_holders_that_commit_at_once_one_is_recorded(
    rivals: tuple[Stores, Stores], clock: FakeClock
) -> None:
    one, other = rivals
    await one.inbox.put(said("1"))
    [stale] = await one.inbox.lease(1)
    clock.advance(LEASE_FOR)
    [current] = await other.inbox.lease(1)
    results = {}

    async def commit(stores: Stores, name: str, number: int) -> None:
        lease = (stale, current)[number]
        outcome = Outcome(reply("1", name), (turn("1", name),))
        results[name] = await stores.ledger.commit(lease, outcome)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(commit, one, "stale", 0)
        tasks.start_soon(commit, other, "current", 1)
        tasks.start_soon(commit, one, "stale too", 0)

    assert results == {"stale": False, "current": True, "stale too": False}
    assert [spoken.text for spoken in await one.history.recent(ROOM, 5)] == ["current"]
    assert [lease.reply.text for lease in await one.outbox.lease(5)] == ["current"]


async def test_many_commits_at_once_all_count(stores: Stores) -> None:
    for number in range(30):
        await stores.inbox.put(said(str(number), room=ConversationId(f"test:{number}")))
    leases = await stores.inbox.lease(30)

    async with anyio.create_task_group() as tasks:
        for number, lease in enumerate(leases):
            room = lease.event.conversation
            outcome = Outcome(
                reply(str(number), room=room),
                (turn(str(number), f"said {number}", room=room), generated(str(number), room=room)),
            )
            tasks.start_soon(stores.ledger.commit, lease, outcome)

    for number in range(30):
        [spoken] = await stores.history.recent(ConversationId(f"test:{number}"), 5)
        assert spoken.text == f"said {number}"
    assert len(await stores.outbox.lease(50)) == 30


async def test_resets_and_turns_committed_at_once_keep_to_their_own_conversation(
    stores: Stores,
) -> None:
    await handle(stores, said("0"), turn("0", "old"), turn("0", "old", room=OTHER_ROOM))
    await stores.inbox.put(said("1"))
    await stores.inbox.put(said("2", room=OTHER_ROOM))
    one, other = await stores.inbox.lease(2)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(
            stores.ledger.commit, one, Outcome(effects=(ConversationReset(ROOM), turn("1", "new")))
        )
        tasks.start_soon(
            stores.ledger.commit, other, Outcome(effects=(turn("2", "new", room=OTHER_ROOM),))
        )

    assert [spoken.text for spoken in await stores.history.recent(ROOM, 5)] == ["new"]
    elsewhere = await stores.history.recent(OTHER_ROOM, 5)
    assert [spoken.text for spoken in elsewhere] == ["old", "new"]


async def test_an_event_has_one_reply(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1", "first"))
    await handle(stores, elsewhere("2"), answer=reply("1", "second"))

    assert [lease.reply.text for lease in await stores.outbox.lease(5)] == ["first"]


async def test_a_reset_erases_what_was_said_before_it_and_not_after(stores: Stores) -> None:
    await handle(stores, said("1"), turn("1", "before"), generated("1"))

    await handle(
        stores,
        said("2"),
        turn("2", "just before"),
        generated("2"),
        ConversationReset(ROOM),
        turn("2", "after"),
    )

    assert [spoken.text for spoken in await stores.history.recent(ROOM, 5)] == ["after"]
    assert await stores.history.last_answer(ROOM) is None


async def test_a_person_has_one_vote_on_an_answer(stores: Stores) -> None:
    event = generated("1").event
    await handle(stores, said("1"), generated("1"))

    await handle(stores, said("2"), AnswerRated(event, ANN, -1, AT, "wrong"))
    await handle(stores, said("3"), AnswerRated(event, BEN, -1, AT))
    await handle(stores, said("4"), AnswerRated(event, ANN, 1, AT, "right after all"))

    exported = await stores.personal_data.export(ANN)
    votes = [item.record for item in exported if item.store == "ratings"]
    assert [(vote["score"], vote["reason"]) for vote in votes] == [(1, "right after all")]


async def test_a_vote_can_be_taken_back(stores: Stores) -> None:
    event = generated("1").event
    await handle(stores, said("1"), generated("1"), AnswerRated(event, ANN, 1, AT))

    await handle(stores, said("2"), RatingWithdrawn(event, ANN, 1))
    await handle(stores, said("3"), RatingWithdrawn(event, BEN, 1))

    for user in (ANN, BEN):
        exported = await stores.personal_data.export(user)
        assert [item for item in exported if item.store == "ratings"] == []


async def test_taking_an_earlier_vote_back_leaves_the_one_given_since(stores: Stores) -> None:
    event = generated("1").event
    up, down = AnswerRated(event, ANN, 1, AT), AnswerRated(event, ANN, -1, AT)
    await handle(stores, said("1"), generated("1"), up)

    await handle(stores, said("2"), down, RatingWithdrawn(event, ANN, 1))
    after_both_at_once = await votes_of(stores, ANN)
    await handle(stores, said("3"), RatingWithdrawn(event, ANN, 1))
    after_one_more = await votes_of(stores, ANN)
    await handle(stores, said("4"), up, RatingWithdrawn(event, ANN, 1))

    assert (after_both_at_once, after_one_more) == ([-1], [-1])
    assert await votes_of(stores, ANN) == []


async def votes_of(stores: Stores, user: UserId) -> list[object]:
    exported = await stores.personal_data.export(user)
    return [item.record["score"] for item in exported if item.store == "ratings"]


async def test_a_person_has_one_correction_of_an_answer(stores: Stores) -> None:
    event = generated("1").event
    await handle(stores, said("1"), generated("1"), AnswerCorrected(event, ANN, "so", AT))

    await handle(stores, said("2"), AnswerCorrected(event, BEN, "no, so", AT))
    await handle(
        stores,
        said("3"),
        AnswerCorrected(event, ANN, "or so", AT),
        AnswerCorrected(event, ANN, "like this", AT),
    )

    for user, text in ((ANN, "like this"), (BEN, "no, so")):
        exported = await stores.personal_data.export(user)
        assert [i.record["text"] for i in exported if i.store == "corrections"] == [text]


async def test_an_entry_for_the_audit_log_is_kept_with_its_outcome(
    stores: Stores, clock: FakeClock
) -> None:
    entry = AuditEntry(AT, ANN, "message.erased", ROOM, {"rows": 2, "asked": True})
    lease = await handle(stores, said("1"), Audited(entry))

    assert await stores.ledger.commit(lease, Outcome(effects=(Audited(entry),)))

    assert await stores.audit.entries(5) == [entry]


async def test_the_last_choice_of_a_model_counts(stores: Stores) -> None:
    await handle(stores, said("1"), ModelChosen(ROOM, "small"))
    await handle(stores, said("2"), ModelChosen(ROOM, "large"))

    assert await stores.history.chosen_model(ROOM) == "large"
    assert await stores.history.chosen_model(OTHER_ROOM) is None


async def test_what_is_announced_is_sent_beside_the_reply_and_alone(stores: Stores) -> None:
    card = reply("1:card", "a card", OTHER_ROOM, BEN)
    await handle(stores, said("1"), Announced(card), answer=reply("1"))
    assert [lease.reply for lease in await stores.outbox.lease(5)] == [reply("1"), card]

    aside = ConversationId("test:aside")
    warning = replace(reply("2:warning", room=aside), replaces=MessageKey("m1"))
    await handle(stores, elsewhere("2"), Announced(warning))

    assert [lease.reply for lease in await stores.outbox.lease(5)] == [warning]
