"""Queues: the database and memory behave alike, and a long past does not slow them."""

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from sqlalchemy import Engine, event

from chatune_core.messages import (
    ConversationId,
    EventKey,
    MessageKey,
    Reply,
    UserId,
    WorkspaceId,
)
from chatune_core.outcomes import (
    AnswerCorrected,
    MessageErased,
    Outcome,
    TurnReplaced,
    WorkspaceErased,
)
from chatune_core.ports import EventLease, ReplyLease
from chatune_core.privacy import ErasureReceipt, Purpose
from chatune_storage.memory import memory_stores
from chatune_storage.sql_stores import open_stores
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
    stop,
    turn,
)

MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
LEASE_FOR = timedelta(seconds=60)
ROOMS = [ConversationId(f"test:{name}") for name in "ab"]
Answer = TypeVar("Answer")
Open = Callable[[Collection[str] | None], AbstractAsyncContextManager[Stores]]
FIRST = EventKey("test:1")


class Queues(RuleBasedStateMachine):
    """Asks memory and SQLite the same things, and compares the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.events: list[EventLease] = []
        self.replies: list[ReplyLease] = []
        self._stack = ExitStack()
        folder = self._stack.enter_context(TemporaryDirectory(dir=MEMORY))
        portal = self._stack.enter_context(start_blocking_portal())
        opened = open_stores(f"sqlite:///{folder}/a.db", b"k" * 32, self.clock, LEASE_FOR)
        database = self._stack.enter_context(portal.wrap_async_context_manager(opened))
        self._portal, self._both = portal, (memory_stores(self.clock, LEASE_FOR), database)

    def teardown(self) -> None:
        self._stack.close()

    def same(self, ask: Callable[[Stores], Awaitable[Answer]]) -> Answer:
        memory, database = (self._portal.call(ask, stores) for stores in self._both)
        assert memory == database
        return database

    @rule(number=st.integers(0, 20), room=st.integers(0, 1), stops=st.booleans())
    def put(self, number: int, room: int, stops: bool) -> None:
        make = stop if stops and number % 4 == 0 else said
        happened = make(str(number), room=ROOMS[room], user=(ANN, BEN)[number % 2])
        self.same(lambda stores: stores.inbox.put(happened))

    @rule(limit=st.integers(0, 3))
    def lease_events(self, limit: int) -> None:
        self.events += self.same(lambda stores: stores.inbox.lease(limit))

    @rule(limit=st.integers(0, 3))
    def lease_replies(self, limit: int) -> None:
        self.replies += self.same(lambda stores: stores.outbox.lease(limit))

    @precondition(lambda self: self.events)
    @rule(data=st.data(), answers=st.booleans())
    def commit(self, data: st.DataObject, answers: bool) -> None:
        lease = data.draw(st.sampled_from(self.events))
        key, room, user = lease.event.key, lease.event.conversation, lease.event.user
        answer = Reply(key, room, user, "hi") if answers else None
        self.same(lambda stores: stores.ledger.commit(lease, Outcome(answer)))

    @precondition(lambda self: self.events)
    @rule(data=st.data(), seconds=st.integers(0, 90))
    def release_event(self, data: st.DataObject, seconds: int) -> None:
        lease = data.draw(st.sampled_from(self.events))
        self.same(lambda stores: stores.inbox.release(lease, timedelta(seconds=seconds)))

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        leases = data.draw(st.lists(st.sampled_from(self.events), max_size=3))
        self.same(lambda stores: stores.inbox.renew(leases))

    @rule(number=st.integers(0, 20), room=st.integers(0, 1))
    def request_stop(self, number: int, room: int) -> None:
        asked = stop(str(number), room=ROOMS[room])
        self.same(lambda stores: stores.inbox.request_stop(asked))

    @precondition(lambda self: self.replies)
    @rule(data=st.data(), end=st.sampled_from(["deliver", "park", "release"]))
    def end_reply(self, data: st.DataObject, end: str) -> None:
        lease = data.draw(st.sampled_from(self.replies))
        if end == "deliver":
            message = MessageKey(f"m:{lease.reply.answers}")
            self.same(lambda stores: stores.outbox.delivered(lease, [message]))
        elif end == "park":
            self.same(lambda stores: stores.outbox.park(lease, "refused"))
        else:
            self.same(lambda stores: stores.outbox.release(lease, timedelta(seconds=30)))

    @rule(seconds=st.integers(1, 70))
    def wait(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    @rule(user=st.sampled_from([ANN, BEN]))
    def erase(self, user: UserId) -> None:
        def erase(stores: Stores) -> Awaitable[ErasureReceipt]:
            return stores.personal_data.erase(user)

        memory, database = (self._portal.call(erase, stores) for stores in self._both)
        for store in ("inbox", "turns", "ratings"):
            assert memory.removed[store] == database.removed[store]


@contextmanager
def noted() -> Iterator[list[str]]:
    """Yield the statements that SQLite runs for whoever connects meanwhile."""
    statements: list[str] = []

    def note(connection: sqlite3.Connection, _record: object) -> None:
        connection.set_trace_callback(statements.append)

    event.listen(Engine, "connect", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "connect", note)


def plans(file: Path, statements: list[str]) -> list[tuple[str, str]]:
    """Return each step by which SQLite runs the statements, with its statement."""
    with closing(sqlite3.connect(file)) as database:
        return [
            (row[3], statement)
            for statement in statements
            if not statement.startswith(("BEGIN", "COMMIT", "PRAGMA", "--"))
            for row in database.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]


Queues.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestQueuesInMemoryAndDatabaseBehaveAlike = Queues.TestCase


@pytest.mark.anyio
@pytest.mark.parametrize("platforms", [None, ("test",), ("other", "test")])
async def test_no_statement_of_a_turn_walks_through_the_past(
    open_file: Open, file: Path, platforms: tuple[str, ...] | None
) -> None:
    with noted() as statements:
        async with open_file(platforms) as stores:
            statements.clear()
            lease = await handle(
                stores, said("1"), turn("1", "hi"), generated("1"), answer=reply("1")
            )
            await deliver(stores, "m1", "m2")
            await handle(
                stores, said("4"), TurnReplaced(turn("1", "ho").turn), MessageErased(ROOM, FIRST),
                AnswerCorrected(FIRST, ANN, "so", AT),
            )  # fmt: skip
            await stores.key_values.put("a", "b")
            await stores.key_values.get("a")
            await stores.key_values.names("a:")
            await stores.history.question_of(FIRST)
            await stores.inbox.put(said("2"))
            [lease] = await stores.inbox.lease(5)
            await stores.inbox.put(stop("3"))
            await stores.inbox.request_stop(stop("3"))
            await stores.inbox.renew([lease])
            await stores.inbox.release(lease, timedelta(seconds=1))
            await stores.history.recent(ROOM, 5)
            await stores.history.last_answer(ROOM)
            await stores.history.answer_shown_as(MessageKey("m1"))
            await stores.consents.allows(ANN, Purpose.MEMORY)

    steps = plans(file, statements)
    assert len(steps) > 20
    # An index of unfinished rows alone may be walked: it is as short as the work at hand.
    small = (
        "_ready",
        "_timed",
        "_line",
        "_platform",
        "SCAN (subquery",
        "CONSTANT ROW",
        "SCAN people",
        "SCAN asked",
    )
    assert [
        step
        for step in steps
        if step[0].startswith("SCAN") and not any(s in step[0] for s in small)
    ] == []


@pytest.mark.anyio
async def test_erasing_a_workspace_walks_through_ended_replies_and_the_audit_log_alone(
    open_file: Open, file: Path
) -> None:
    with noted() as statements:
        async with open_file(None) as stores:
            await stores.inbox.put(said("0", user=UserId("test:T1:eve")))
            await stores.inbox.put(said("1", room=ROOMS[0]))
            _, lease = await stores.inbox.lease(2)
            statements.clear()
            erased = WorkspaceErased(WorkspaceId("test:T1"))
            assert await stores.ledger.commit(lease, Outcome(effects=(erased,)))

    steps = plans(file, statements)
    assert len(steps) > 20
    small = ("_ready", "_timed", "_line", "SCAN (subquery", "CONSTANT ROW", "SCAN asked")
    walked = [step for step, _ in steps if step.startswith("SCAN")]
    assert {step for step in walked if not any(s in step for s in small)} <= {
        "SCAN outbox",
        "SCAN audit",
    }


@pytest.mark.anyio
async def test_who_is_alone_need_not_wait_for_the_claims_of_the_dead(tmp_path: Path) -> None:
    url, clock, lease_for = f"sqlite:///{tmp_path}/c.db", FakeClock(), timedelta(minutes=1)
    async with open_stores(url, b"k" * 32, clock, lease_for) as killed:
        await handle(killed, said("1"), answer=reply("1"))
        await killed.inbox.put(said("2", room=OTHER_ROOM))
        [held], [owed] = await killed.inbox.lease(5), await killed.outbox.lease(5)

    async with open_stores(url, b"k" * 32, clock, lease_for) as beside:
        assert await beside.inbox.lease(5) == []
    async with open_stores(url, b"k" * 32, clock, lease_for, alone=True) as alone:
        [event], [waiting] = await alone.inbox.lease(5), await alone.outbox.lease(5)

    assert (event.event, waiting.reply) == (held.event, owed.reply)
    assert (event.attempt, waiting.attempt) == (2, 2)
