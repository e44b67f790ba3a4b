"""Inbox: stored once, claimed in order, claims that run out."""

from collections.abc import Sequence
from datetime import timedelta

import anyio
import pytest

from chatune_core.messages import (
    ActionTaken,
    Attachment,
    BotRemoved,
    CommandInvoked,
    ConversationId,
    EventKey,
    FormSubmitted,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessageKey,
    MessagePosted,
    MessageReceived,
    ReactionChanged,
    WorkspaceId,
)
from chatune_core.outcomes import Outcome
from chatune_core.ports import EventLease, Standing
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, AT, BEN, OTHER_ROOM, ROOM, deliver, handle, reply, said, stop

pytestmark = pytest.mark.anyio
LEASE_FOR = timedelta(seconds=60)
MESSAGE = MessageKey("m1")


def keys(leases: Sequence[EventLease]) -> list[str]:
    return [lease.event.key.removeprefix("test:") for lease in leases]


EVENTS: list[Inbound] = [
    MessageReceived(
        EventKey("test:1"), ROOM, ANN, AT, "hé\0\ud800\U0001f600", (Attachment("a", "b", 3, "c"),)
    ),
    MessageReceived(EventKey("test:1"), ROOM, ANN, AT, "hi", via="to test:1"),
    CommandInvoked(EventKey("test:1"), ROOM, ANN, AT, "model", "small"),
    CommandInvoked(EventKey("test:1"), ROOM, ANN, AT, "rewrite", "hello", MESSAGE, "token"),
    ActionTaken(EventKey("test:1"), ROOM, ANN, AT, MESSAGE, "rate", "up"),
    ReactionChanged(EventKey("test:1"), ROOM, ANN, AT, MESSAGE, "+1", added=True),
    MessageEdited(EventKey("test:1"), ROOM, ANN, AT, MESSAGE, "other"),
    MessageDeleted(EventKey("test:1"), ROOM, ANN, AT, MESSAGE),
    FormSubmitted(
        EventKey("test:1"), ROOM, ANN, AT, MESSAGE, "correct", "v",
        (("better", "é\ud800"), ("why", "")), "token",
    ),
    BotRemoved(EventKey("test:1"), ROOM, ANN, AT, WorkspaceId("test:T1"), "token"),
    MessagePosted(
        EventKey("test:1"), ROOM, ANN, AT, MESSAGE, "é\ud800", "Ann", (Attachment("a", "b", 3, "c"),),
        ("a title",), ("test:admin",), age_gated=True, via="token",
    ),
    stop("1"),
]  # fmt: skip


def texts(leases: object) -> list[str]:
    assert isinstance(leases, list | tuple)
    return [lease.event.key.removeprefix("test:") for lease in leases]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
async def test_an_event_comes_out_as_it_went_in(stores: Stores, event: Inbound) -> None:
    await stores.inbox.put(event)

    assert await stores.inbox.lease(5) == [EventLease(event, 1)]


async def test_an_event_is_stored_once_however_often_it_is_delivered(stores: Stores) -> None:
    assert await stores.inbox.put(said("1"))
    assert not await stores.inbox.put(said("1", "again"))

    [lease] = await stores.inbox.lease(5)
    assert not await stores.inbox.put(said("1"))
    await stores.ledger.commit(lease, Outcome())
    assert not await stores.inbox.put(said("1"))
    assert await stores.inbox.lease(5) == []


async def test_deliveries_at_the_same_time_store_one(rivals: tuple[Stores, Stores]) -> None:
    stored = []

    async def put(stores: Stores) -> None:
        stored.append(await stores.inbox.put(said("1")))

    async with anyio.create_task_group() as tasks:
        for stores in rivals * 5:
            tasks.start_soon(put, stores)

    assert sorted(stored) == [False] * 9 + [True]


async def test_a_conversation_goes_one_by_one_and_in_order(stores: Stores) -> None:
    for key in "abc":
        await stores.inbox.put(said(key))

    seen = []
    for _ in range(3):
        [lease] = await stores.inbox.lease(5)
        assert await stores.inbox.lease(5) == []
        await stores.ledger.commit(lease, Outcome())
        seen.append(lease.event.key)

    assert seen == ["test:a", "test:b", "test:c"]


async def test_conversations_go_side_by_side_oldest_first(stores: Stores) -> None:
    for number in range(4):
        await stores.inbox.put(said(f"a{number}", room=ConversationId(f"test:{number}")))
        await stores.inbox.put(said(f"b{number}", room=ConversationId(f"test:{number}")))

    assert texts(await stores.inbox.lease(3)) == ["a0", "a1", "a2"]
    assert texts(await stores.inbox.lease(3)) == ["a3"]


async def test_the_next_of_a_conversation_goes_before_younger_ones_of_others(
    stores: Stores,
) -> None:
    await stores.inbox.put(said("1"))
    await stores.inbox.put(said("2"))
    await stores.inbox.put(said("3", room=OTHER_ROOM))
    [lease] = await stores.inbox.lease(1)

    await stores.ledger.commit(lease, Outcome())

    assert texts(await stores.inbox.lease(1)) == ["2"]


async def test_asking_for_nothing_claims_nothing(stores: Stores) -> None:
    await stores.inbox.put(said("1"))

    assert await stores.inbox.lease(0) == []
    assert await stores.inbox.renew([]) == {}


async def test_a_claim_that_runs_out_can_be_claimed_again(stores: Stores, clock: FakeClock) -> None:
    await stores.inbox.put(said("1"))
    [first] = await stores.inbox.lease(1)

    clock.advance(LEASE_FOR - timedelta(microseconds=1))
    assert await stores.inbox.lease(1) == []
    clock.advance(timedelta(microseconds=1))

    assert await stores.inbox.lease(1) == [EventLease(first.event, 2)]


async def test_a_renewed_claim_lasts_the_whole_time_again(stores: Stores, clock: FakeClock) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(1)
    clock.advance(timedelta(seconds=50))

    assert await stores.inbox.renew([lease]) == {lease.event.key: Standing.HELD}

    clock.advance(timedelta(seconds=59))
    assert await stores.inbox.lease(1) == []
    clock.advance(timedelta(seconds=1))
    assert len(await stores.inbox.lease(1)) == 1


async def test_a_claim_that_ran_out_unclaimed_can_still_be_renewed_and_used(
    stores: Stores, clock: FakeClock
) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(1)
    clock.advance(LEASE_FOR * 2)

    assert await stores.inbox.renew([lease]) == {lease.event.key: Standing.HELD}
    assert await stores.inbox.lease(1) == []
    assert await stores.ledger.commit(lease, Outcome())


async def test_a_stale_holder_can_do_nothing(stores: Stores, clock: FakeClock) -> None:
    await stores.inbox.put(said("1"))
    [stale] = await stores.inbox.lease(1)
    clock.advance(LEASE_FOR)
    [current] = await stores.inbox.lease(1)

    assert await stores.inbox.renew([stale]) == {stale.event.key: Standing.LOST}
    assert not await stores.ledger.commit(stale, Outcome())
    await stores.inbox.release(stale, timedelta())

    assert await stores.inbox.lease(1) == []
    assert await stores.inbox.renew([current]) == {current.event.key: Standing.HELD}


async def test_renewing_says_how_each_claim_stands(stores: Stores, clock: FakeClock) -> None:
    for key in ("ended", "released", "stopped", "held"):
        await stores.inbox.put(said(key, room=ConversationId(f"test:{key}")))
    ended, released, stopped, held = await stores.inbox.lease(4)
    await stores.ledger.commit(ended, Outcome())
    await stores.inbox.release(released, LEASE_FOR)
    await stores.inbox.request_stop(stop("stop", room=stopped.event.conversation))

    assert await stores.inbox.renew([ended, released, stopped, held]) == {
        ended.event.key: Standing.LOST,
        released.event.key: Standing.LOST,
        stopped.event.key: Standing.STOPPED,
        held.event.key: Standing.HELD,
    }


async def test_a_released_event_rests_and_its_conversation_waits(
    stores: Stores, clock: FakeClock
) -> None:
    await stores.inbox.put(said("1"))
    await stores.inbox.put(said("2"))
    [lease] = await stores.inbox.lease(5)

    await stores.inbox.release(lease, timedelta(seconds=5))

    assert await stores.inbox.lease(5) == []
    assert not await stores.ledger.commit(lease, Outcome())
    clock.advance(timedelta(seconds=5))
    assert await stores.inbox.lease(5) == [EventLease(lease.event, 2)]


async def test_an_event_released_for_no_time_is_claimable_at_once(stores: Stores) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(5)

    await stores.inbox.release(lease, timedelta())

    assert await stores.inbox.lease(5) == [EventLease(lease.event, 2)]


async def test_an_event_given_back_goes_before_younger_ones(stores: Stores) -> None:
    await stores.inbox.put(said("1"))
    [lease] = await stores.inbox.lease(1)
    await stores.inbox.put(said("2", room=OTHER_ROOM))

    await stores.inbox.release(lease, timedelta())

    assert texts(await stores.inbox.lease(1)) == ["1"]


async def test_a_stop_goes_past_the_queue_and_holds_up_nobody(stores: Stores) -> None:
    await stores.inbox.put(said("1"))
    [running] = await stores.inbox.lease(5)
    await stores.inbox.put(said("2"))
    await stores.inbox.put(stop("stop"))

    assert texts(await stores.inbox.lease(5)) == ["stop"]
    await stores.ledger.commit(running, Outcome())
    assert texts(await stores.inbox.lease(5)) == ["2"]


async def test_a_stop_means_the_claimed_event_that_was_stored_before_it(stores: Stores) -> None:
    early, late = stop("early"), stop("late")
    await stores.inbox.put(early)
    await stores.inbox.put(said("1"))
    await stores.inbox.put(late)
    assert await stores.inbox.request_stop(late) is None
    leases = {lease.event.key: lease for lease in await stores.inbox.lease(5)}

    assert await stores.inbox.request_stop(early) is None
    assert await stores.inbox.request_stop(stop("elsewhere", room=OTHER_ROOM)) is None
    assert await stores.inbox.request_stop(late) == "test:1"

    [running] = [lease for key, lease in leases.items() if key == "test:1"]
    assert await stores.inbox.renew([running]) == {"test:1": Standing.STOPPED}
    await stores.ledger.commit(running, Outcome())
    assert await stores.inbox.request_stop(late) is None


async def test_rival_workers_share_the_events_without_overlap_and_keep_order(
    rivals: tuple[Stores, Stores],
) -> None:
    rooms = [ConversationId(f"test:{number}") for number in range(8)]
    for number in range(40):
        await rivals[0].inbox.put(said(str(number), room=rooms[number % 8]))
    done: list[str] = []
    running: set[str] = set()

    async def work(stores: Stores) -> None:
        while leases := await stores.inbox.lease(3):
            rooms_claimed = {lease.event.conversation for lease in leases}
            assert [lease.attempt for lease in leases] == [1] * len(rooms_claimed)
            assert not rooms_claimed & running
            running.update(rooms_claimed)
            await anyio.lowlevel.checkpoint()
            for lease in leases:
                # Given up before the commit, after which a rival may have it at any moment.
                running.remove(lease.event.conversation)
                done.append(lease.event.key)
                assert await stores.ledger.commit(lease, Outcome())

    async with anyio.create_task_group() as tasks:
        for stores in rivals * 3:
            tasks.start_soon(work, stores)

    while len(done) < 40:
        await work(rivals[0])
    assert sorted(done) == sorted(f"test:{number}" for number in range(40))
    for room in range(8):
        mine = [int(key.removeprefix("test:")) for key in done]
        assert [number for number in mine if number % 8 == room] == list(range(room, 40, 8))


async def test_puts_of_one_conversation_from_two_processes_all_get_their_turn(
    rivals: tuple[Stores, Stores],
) -> None:
    async def put(stores: Stores, key: str) -> None:
        await stores.inbox.put(said(key))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(put, rivals[number % 2], str(number))
            tasks.start_soon(put, rivals[number % 2], f"{number} too")

    for _ in range(40):
        [lease] = await rivals[1].inbox.lease(5)
        assert await rivals[1].ledger.commit(lease, Outcome())
    assert await rivals[0].inbox.lease(5) == []


async def test_a_key_is_known_after_the_event_has_ended(stores: Stores) -> None:
    lease = await handle(stores, said("1"))

    assert not await stores.inbox.put(lease.event)


async def test_the_next_event_waits_until_the_reply_before_it_is_there(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1"))
    await stores.inbox.put(said("2"))
    await stores.inbox.put(said("3", room=OTHER_ROOM))

    assert keys(await stores.inbox.lease(5)) == ["3"]

    await deliver(stores, "m1")
    assert keys(await stores.inbox.lease(5)) == ["2"]


async def test_a_reply_that_was_parked_holds_nobody_up(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1"))
    await stores.inbox.put(said("2"))
    [lease] = await stores.outbox.lease(1)

    await stores.outbox.park(lease, "refused")

    assert keys(await stores.inbox.lease(5)) == ["2"]


async def test_a_stop_is_let_past_a_reply_that_is_not_there_yet(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1"))
    await stores.inbox.put(stop("2"))

    assert keys(await stores.inbox.lease(5)) == ["2"]


async def test_an_erased_reply_holds_nobody_up(stores: Stores) -> None:
    await handle(stores, said("1"), answer=reply("1"))
    await stores.inbox.put(said("2", user=BEN))

    await stores.personal_data.erase(ANN)

    assert keys(await stores.inbox.lease(5)) == ["2"]


async def test_what_is_watched_waits_for_no_answer_but_for_what_was_posted_before(
    stores: Stores,
) -> None:
    await stores.inbox.put(said("1"))
    for key in ("2", "3"):
        await stores.inbox.put(MessagePosted(EventKey(f"test:{key}"), ROOM, BEN, AT, MESSAGE, "hi"))

    asked, posted = await stores.inbox.lease(5)
    await stores.ledger.commit(posted, Outcome())

    assert keys([asked, posted]) == ["1", "2"]
    assert keys(await stores.inbox.lease(5)) == ["3"]
