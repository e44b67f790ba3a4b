"""Outbox: in order within a conversation until delivered, released or parked."""

from datetime import timedelta

import anyio
import pytest

from chatune_core.messages import Button, ConversationId, EventKey, File, MessageKey, Reply
from chatune_core.ports import ReplyLease
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.events import ANN, OTHER_ROOM, ROOM, deliver, elsewhere, generated, handle, reply, said

pytestmark = pytest.mark.anyio
LEASE_FOR = timedelta(seconds=60)


async def replies(stores: Stores, *keys: str, room: ConversationId = ROOM) -> None:
    for key in keys:
        await handle(stores, elsewhere(key), answer=reply(key, room=room))


def keys(leases: object) -> list[str]:
    assert isinstance(leases, list | tuple)
    return [lease.reply.answers.removeprefix("test:") for lease in leases]


async def test_a_reply_comes_out_as_it_went_in(stores: Stores) -> None:
    answer = Reply(
        EventKey("test:1"),
        OTHER_ROOM,
        ANN,
        "hé\0\ud800\U0001f600",
        private=True,
        via="token",
        buttons=(Button("good", "Good"), Button("open", "Open", "page 2")),
        files=(File("a.bin", bytes(range(256)), "application/octet-stream"), File("b.txt", b"")),
        rateable=True,
        failed=True,
    )
    await handle(stores, said("1"), answer=answer)

    assert await stores.outbox.lease(5) == [ReplyLease(answer, 1)]


async def test_a_conversation_is_answered_in_order_and_one_at_a_time(stores: Stores) -> None:
    await replies(stores, "a", "b")

    assert keys(await stores.outbox.lease(5)) == ["a"]
    assert await stores.outbox.lease(5) == []


async def test_the_next_reply_goes_when_the_one_before_is_delivered(stores: Stores) -> None:
    await replies(stores, "a", "b")

    await deliver(stores, "m1")

    assert keys(await stores.outbox.lease(5)) == ["b"]


async def test_conversations_are_answered_side_by_side_oldest_first(stores: Stores) -> None:
    await replies(stores, "a1", "a2")
    await replies(stores, "b1", "b2", room=OTHER_ROOM)

    assert keys(await stores.outbox.lease(1)) == ["a1"]
    assert keys(await stores.outbox.lease(5)) == ["b1"]


async def test_a_claim_that_runs_out_can_be_claimed_again(stores: Stores, clock: FakeClock) -> None:
    await replies(stores, "a", "b")
    [first] = await stores.outbox.lease(5)
    clock.advance(LEASE_FOR)

    assert await stores.outbox.lease(5) == [ReplyLease(first.reply, 2)]


async def test_a_stale_holder_can_do_nothing(stores: Stores, clock: FakeClock) -> None:
    await replies(stores, "a", "b")
    [stale] = await stores.outbox.lease(5)
    clock.advance(LEASE_FOR)
    await stores.outbox.lease(5)

    await stores.outbox.delivered(stale, [MessageKey("m1")])
    await stores.outbox.park(stale, "refused")
    await stores.outbox.release(stale, timedelta())

    assert await stores.outbox.lease(5) == []


async def test_a_released_reply_rests_and_its_conversation_waits(
    stores: Stores, clock: FakeClock
) -> None:
    await replies(stores, "a", "b")
    [lease] = await stores.outbox.lease(5)

    await stores.outbox.release(lease, timedelta(seconds=5))

    assert await stores.outbox.lease(5) == []
    clock.advance(timedelta(seconds=5))
    assert await stores.outbox.lease(5) == [ReplyLease(lease.reply, 2)]


async def test_a_parked_reply_is_not_sent_and_no_longer_blocks(
    stores: Stores, clock: FakeClock
) -> None:
    await replies(stores, "a", "b")
    [lease] = await stores.outbox.lease(5)

    await stores.outbox.park(lease, "the platform refuses it")

    assert keys(await stores.outbox.lease(5)) == ["b"]
    clock.advance(LEASE_FOR * 2)
    assert keys(await stores.outbox.lease(5)) == ["b"]


async def test_reporting_a_delivery_again_changes_nothing(stores: Stores) -> None:
    await handle(stores, said("a"), generated("a"), answer=reply("a"))
    lease = await deliver(stores, "m1")

    await stores.outbox.delivered(lease, [MessageKey("m2")])

    assert await stores.history.answer_shown_as(MessageKey("m1")) == "test:a"
    assert await stores.history.answer_shown_as(MessageKey("m2")) is None


async def test_a_message_shows_what_was_delivered_to_it_last(stores: Stores) -> None:
    for key in ("a", "b"):
        await handle(stores, said(key), generated(key), answer=reply(key))
        await deliver(stores, "m1", f"m of {key}")

    assert await stores.history.answer_shown_as(MessageKey("m1")) == "test:b"
    assert await stores.history.answer_shown_as(MessageKey("m of a")) == "test:a"


async def test_a_reply_may_be_shown_as_no_message_that_has_a_name(stores: Stores) -> None:
    await replies(stores, "a", "b")

    await deliver(stores)

    assert keys(await stores.outbox.lease(5)) == ["b"]


async def test_rival_deliverers_share_the_replies_without_overlap(
    rivals: tuple[Stores, Stores],
) -> None:
    for number in range(8):
        room = ConversationId(f"test:{number}")
        await replies(rivals[0], *(f"{number}.{place}" for place in range(3)), room=room)
    sent: list[str] = []

    async def send(stores: Stores) -> None:
        while leases := await stores.outbox.lease(3):
            for lease in leases:
                assert lease.attempt == 1
                sent.append(lease.reply.answers)
                await stores.outbox.delivered(lease, [MessageKey(f"m:{lease.reply.answers}")])

    async with anyio.create_task_group() as tasks:
        for stores in rivals * 2:
            tasks.start_soon(send, stores)

    while len(sent) < 24:
        await send(rivals[0])
    assert len(set(sent)) == 24
    for number in range(8):
        mine = [key for key in sent if key.startswith(f"test:{number}.")]
        assert mine == sorted(mine)
