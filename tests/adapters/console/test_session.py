"""A visit without a terminal: a scripted person, a scripted model, the real core."""

import io
import itertools
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import NoneType
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from chatune_adapters.console.intake import Seat
from chatune_adapters.console.saved import SavedFiles
from chatune_adapters.console.sender import ConsoleSender
from chatune_adapters.console.session import ConsoleSession
from chatune_core.bots import Bot
from chatune_core.errors import RetryLater
from chatune_core.messages import ConversationId, Inbound, MessageReceived, StopRequested, UserId
from chatune_core.ports import EventLease, Inbox
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from fakes.clock import FakeClock
from fakes.generator import ScriptedGenerator

pytestmark = pytest.mark.anyio
FULL = RetryLater("the disk is full", timedelta(seconds=1))


class _Person:
    """Types the lines it was given; an exception stands for a key."""

    def __init__(self, lines: Sequence[str | BaseException]) -> None:
        self._lines = list(lines)

    async def read(self) -> str:
        line = self._lines.pop(0) if self._lines else EOFError()
        if isinstance(line, BaseException):
            raise line
        return line

    def silent(self) -> AbstractContextManager[None]:
        return nullcontext()


class _FullInbox:
    """An inbox that has no room for some events."""

    def __init__(self, inbox: Inbox, full_for: type) -> None:
        self._inbox, self._full_for = inbox, full_for
        self.lease, self.renew = inbox.lease, inbox.renew
        self.release, self.request_stop = inbox.release, inbox.request_stop

    async def put(self, event: Inbound) -> bool:
        if isinstance(event, self._full_for):
            raise FULL
        return await self._inbox.put(event)


class _Visit:
    """A session over memory; `shown` is what the person saw."""

    def __init__(
        self,
        lines: Sequence[str | BaseException],
        *,
        model: ScriptedGenerator | None = None,
        full_for: type = NoneType,
    ) -> None:
        clock = FakeClock()
        stores = memory_stores(clock, timedelta(seconds=60))
        self.inbox = stores.inbox
        self.out = io.StringIO()
        self._sender = ConsoleSender(self.out, lambda: (80, 24), SavedFiles(Path("unused")))
        self._runtime = Runtime(
            inbox=_FullInbox(stores.inbox, full_for),
            ledger=stores.ledger,
            outbox=stores.outbox,
            history=stores.history,
            generators={"small": model or ScriptedGenerator()},
            default_model="small",
            senders={"terminal": self._sender},
            files={},
            bot=Bot(),
            settings=CoreSettings(poll=timedelta(seconds=0.01)),
            now=clock,
        )
        numbers = iter(range(100))
        seat = Seat(
            UserId("terminal:ann"),
            ConversationId("terminal:1"),
            lambda: datetime(2026, 1, 1, tzinfo=UTC),
            lambda: str(next(numbers)),
        )
        self._session = ConsoleSession(_Person(lines), self._sender, seat, self._ready)

    async def _ready(self) -> Runtime:
        return self._runtime

    async def happen(self, meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None) -> str:
        """Let the whole visit happen; return what was shown."""
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._sender.run)
                tasks.start_soon(self._runtime.run)
                if meanwhile is not None:
                    tasks.start_soon(meanwhile)
                await self._session.run()
                tasks.cancel_scope.cancel()
        return self.out.getvalue()

    async def until(self, shown: str) -> None:
        while shown not in self.out.getvalue():
            await checkpoint()


async def test_messages_are_answered_and_an_empty_one_gets_a_hint() -> None:
    shown = await _Visit(["hello", "  ", "you"]).happen()

    assert shown == "hello\n\nWrite something, or /help.\nyou\n\n"


async def test_a_message_that_had_to_be_mended_is_answered_with_a_word_about_it() -> None:
    shown = await _Visit(["ring\x07 \udcff"]).happen()

    assert shown == "Some of it was not UTF-8 and was replaced.\nring \ufffd\n\n"


async def test_a_message_beyond_the_limit_is_refused_in_one_line() -> None:
    shown = await _Visit(["x" * 1_000_000]).happen()

    assert shown.startswith("That message has 1,000,000 characters; I read up to 32,000.")
    assert len(shown.split("\n\n")) == 2  # one paragraph, and nothing after its empty line


async def test_a_message_that_cannot_be_stored_is_told_and_the_visit_goes_on() -> None:
    shown = await _Visit(["hello", KeyboardInterrupt()], full_for=MessageReceived).happen()

    assert shown.startswith("That could not be worked on: the disk is full. If no answer comes,")
    assert "Ctrl-D leaves" in shown


async def test_a_stop_that_fails_is_told_and_a_second_ctrl_c_leaves_the_message_for_later() -> None:
    open_gate, closed_gate = anyio.Event(), anyio.Event()
    open_gate.set()
    gates = itertools.chain([open_gate], itertools.repeat(closed_gate))
    visit = _Visit(
        ["hello you", "not read any more"],
        model=ScriptedGenerator(gate=lambda: next(gates)),
        full_for=StopRequested,
    )

    async def press_twice() -> None:
        await visit.until("hello")
        os.kill(os.getpid(), signal.SIGINT)
        await visit.until("It could not be stopped: the disk is full. Ctrl-C again leaves.")
        os.kill(os.getpid(), signal.SIGINT)

    shown = await visit.happen(press_twice)

    assert "not read" not in shown
    left: Sequence[EventLease] = await visit.inbox.lease(10)
    assert len(left) == 1
