"""When the store fails in passing, nothing is lost, and nothing is done twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import anyio
import pytest

from chatune_core.errors import DeliveryRefused, RetryLater
from chatune_core.messages import ConversationId, EventKey, Inbound, MessageKey, StopRequested
from chatune_core.outcomes import Outcome
from chatune_core.ports import EventLease, Inbox, Ledger, Outbox, ReplyLease, Standing
from chatune_storage.stores import Stores
from fakes.generator import ScriptedGenerator
from fakes.platform import message
from fakes.world import make_world

pytestmark = pytest.mark.anyio
NOW = timedelta(0)


@dataclass
class Outages:
    """How many calls of each name fail before one succeeds."""

    left: dict[str, int] = field(default_factory=dict)

    def check(self, name: str) -> None:
        if self.left.get(name, 0) > 0:
            self.left[name] -= 1
            raise RetryLater("the database is locked", NOW)


class FailingInbox:
    def __init__(self, inner: Inbox, outages: Outages) -> None:
        self._inner, self._outages = inner, outages
        self.standings: dict[EventKey, Standing] = {}

    async def put(self, event: Inbound) -> bool:
        self._outages.check("put")
        return await self._inner.put(event)

    async def lease(self, limit: int) -> Sequence[EventLease]:
        self._outages.check("lease")
        return await self._inner.lease(limit)

    async def renew(self, leases: Sequence[EventLease]) -> Mapping[EventKey, Standing]:
        self._outages.check("renew")
        return {**await self._inner.renew(leases), **self.standings}

    async def release(self, lease: EventLease, after: timedelta) -> None:
        self._outages.check("release")
        await self._inner.release(lease, after)

    async def request_stop(self, stop: StopRequested) -> EventKey | None:
        return await self._inner.request_stop(stop)


class FailingLedger:
    def __init__(self, inner: Ledger, outages: Outages) -> None:
        self._inner, self._outages = inner, outages

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        self._outages.check("commit")
        return await self._inner.commit(lease, outcome)


class FailingOutbox:
    def __init__(self, inner: Outbox, outages: Outages) -> None:
        self._inner, self._outages = inner, outages

    async def lease(self, limit: int) -> Sequence[ReplyLease]:
        self._outages.check("lease reply")
        return await self._inner.lease(limit)

    async def delivered(self, lease: ReplyLease, messages: Sequence[MessageKey]) -> None:
        self._outages.check("delivered")
        await self._inner.delivered(lease, messages)

    async def release(self, lease: ReplyLease, after: timedelta) -> None:
        await self._inner.release(lease, after)

    async def park(self, lease: ReplyLease, reason: str) -> None:
        self._outages.check("park")
        await self._inner.park(lease, reason)


def failing(stores: Stores, outages: Outages) -> Stores:
    return replace(
        stores,
        inbox=FailingInbox(stores.inbox, outages),
        ledger=FailingLedger(stores.ledger, outages),
        outbox=FailingOutbox(stores.outbox, outages),
    )


async def test_a_message_that_cannot_be_stored_is_not_acknowledged() -> None:
    outages = Outages({"put": 1})
    world = make_world(wrap=lambda stores: failing(stores, outages))

    with pytest.raises(RetryLater, match="the database is locked"):
        await world.runtime.receive(message("e1", "hi"))

    assert await world.runtime.receive(message("e1", "hi"))


@pytest.mark.parametrize("call", ["lease", "commit", "lease reply", "delivered"])
async def test_an_outage_of_the_store_is_sat_out(call: str) -> None:
    outages = Outages({call: 3})
    world = make_world(wrap=lambda stores: failing(stores, outages))

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("e1", "hi"))
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert world.platform.posts == {"e1": "hi"}
    assert outages.left == {call: 0}


async def test_a_lease_that_cannot_be_given_back_runs_out() -> None:
    outages = Outages({"release": 1})
    answers: list[list[str | Exception]] = [[RetryLater("overloaded", NOW)], ["there"]]
    world = make_world(
        ScriptedGenerator(lambda _: answers.pop(0)), wrap=lambda stores: failing(stores, outages)
    )

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.say, "hi")
        await anyio.wait_all_tasks_blocked()
        assert outages.left == {"release": 0}
        world.clock.advance(timedelta(seconds=61))

    assert world.platform.texts == ["there"]


async def test_a_reply_that_cannot_be_parked_yet_is_tried_and_parked_later() -> None:
    outages = Outages({"park": 1})
    world = make_world(wrap=lambda stores: failing(stores, outages))
    world.platform.refuse = [DeliveryRefused("gone"), DeliveryRefused("gone")]

    await world.say("first")

    assert outages.left == {"park": 0}
    assert await world.say("second") == "second"


async def test_an_answer_that_cannot_be_stored_yet_is_not_generated_again() -> None:
    outages = Outages({"commit": 5})
    world = make_world(wrap=lambda stores: failing(stores, outages))

    await world.say("hi")

    assert len(world.model.requests) == 1
    assert outages.left["commit"] == 0


async def test_a_receipt_that_cannot_be_stored_yet_does_not_send_again() -> None:
    outages = Outages({"delivered": 5})
    world = make_world(wrap=lambda stores: failing(stores, outages))

    await world.say("hi")

    assert world.platform.deliveries == 1


async def test_a_stop_from_another_process_arrives_with_the_renewal() -> None:
    gate = anyio.Event()
    world = make_world(
        ScriptedGenerator(gate=lambda: gate),
        wrap=lambda stores: failing(stores, Outages()),
        lease_for=timedelta(seconds=0.03),
    )

    async with anyio.create_task_group() as tasks:
        await tasks.start(world.runtime.run)
        await world.runtime.receive(message("e1", "hi"))
        await anyio.wait_all_tasks_blocked()
        assert isinstance(world.stores.inbox, FailingInbox)
        world.stores.inbox.standings = {EventKey("e1"): Standing.STOPPED}
        with anyio.fail_after(5):
            await world.platform.posted.wait()
        tasks.cancel_scope.cancel()

    assert world.platform.posts == {"e1": "(Stopped.)"}
    assert await world.stores.history.recent(ConversationId("test:c1"), 5) == []
