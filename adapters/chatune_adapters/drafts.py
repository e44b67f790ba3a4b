"""Previews of answers that are still being written: throttled, newest only, one call at a time."""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import anyio
from anyio.abc import TaskStatus

from chatune_core.errors import RetryLater
from chatune_core.logs import without_text
from chatune_core.messages import EventKey, Inbound
from chatune_core.signal import Signal

logger = logging.getLogger(__name__)
D = TypeVar("D")
_REMEMBERED = 4096  # answers; a finished one holds no text any more
_HOUR = timedelta(hours=1)


class DraftWriter(Protocol[D]):
    """How a platform shows an unfinished answer; every call may raise `RetryLater`."""

    async def begin(self, event: Inbound, text: str) -> D | None:
        """Post the first preview; None if the platform has no room for one at present."""
        ...

    async def update(self, draft: D, text: str) -> None:
        """Make `draft` show `text`."""
        ...

    async def typing(self, event: Inbound, position: int) -> None:
        """Show that the answer is on its way; 0: being made, else its place in the line."""
        ...


class _Answer(Generic[D]):
    """What is shown of one answer, and what should be; it holds no text once it has ended."""

    def __init__(self, event: Inbound | None) -> None:
        self.event = event
        self.wanted: str | None = None
        self.position: int | None = None
        self.draft: D | None = None
        self.rests_until = 0.0
        self.typing_from = 0.0
        self.busy = False
        self.calling = anyio.Lock()
        self._nap = anyio.CancelScope()

    def want(self, text: str | None, position: int | None) -> None:
        if self.wanted is None and text is not None:
            self._nap.cancel()  # text need not wait for the next sign of typing
        self.wanted, self.position = text, position

    def end(self) -> None:
        self.event = self.wanted = self.position = None
        self._nap.cancel()

    def wanted_from(self) -> float:
        return self.rests_until if self.wanted else max(self.rests_until, self.typing_from)

    async def sleep(self, sleeping: Awaitable[None]) -> None:
        with anyio.CancelScope() as self._nap:
            await sleeping


class Drafts(Generic[D]):
    """Hands the newest text of each answer to `writer`, at most once in `every_s` seconds.

    The first preview of an answer is shown at once. `RetryLater` rests the answer for as long as
    it says; any other error leaves its draft as it stands. Previews after `finish` are ignored.
    """

    def __init__(
        self,
        writer: DraftWriter[D],
        every_s: float,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._writer, self._every_s = writer, every_s
        self._now, self._sleep = now, sleep
        self._answers: OrderedDict[EventKey, _Answer[D]] = OrderedDict()
        self._ready: dict[EventKey, _Answer[D]] = {}
        self._changed = Signal()

    def preview(self, event: Inbound, text: str) -> None:
        """See `Sender.preview`."""
        if text.strip():
            answer = self._kept(event.key, event)
            answer.want(text, None)
            self._wake(event.key, answer)

    def waiting(self, event: Inbound, position: int) -> None:
        """See `Sender.waiting`. Once there is a preview, that shows it better."""
        answer = self._kept(event.key, event)
        if answer.draft is None and answer.wanted is None:
            answer.want(None, position)
            self._wake(event.key, answer)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Write previews until cancelled; no error of the writer ends it."""
        async with anyio.create_task_group() as tasks:
            task_status.started()
            while True:
                while self._ready:
                    answer = self._ready.pop(next(iter(self._ready)))
                    answer.busy = True
                    tasks.start_soon(self._show, answer)
                await self._changed.wait(_HOUR)

    async def finish(self, key: EventKey) -> D | None:
        """End the previews of the answer to `key`, after the call in flight; return its draft.

        Safe to repeat: a second delivery finds the same draft.
        """
        answer = self._kept(key, None)
        answer.end()
        self._ready.pop(key, None)
        async with answer.calling:
            return answer.draft

    def _kept(self, key: EventKey, event: Inbound | None) -> _Answer[D]:
        """Return the answer to `key`; the one that was longest left alone makes room for it."""
        if key not in self._answers:
            self._answers[key] = _Answer(event)
        self._answers.move_to_end(key)
        answer = self._answers[key]
        if len(self._answers) > _REMEMBERED:
            oldest, forgotten = self._answers.popitem(last=False)
            forgotten.end()
            self._ready.pop(oldest, None)
        return answer

    def _wake(self, key: EventKey, answer: _Answer[D]) -> None:
        if answer.event is None:
            answer.end()
        elif not answer.busy:
            self._ready[key] = answer
            self._changed.set()

    async def _show(self, answer: _Answer[D]) -> None:
        try:
            while answer.wanted is not None or answer.position is not None:
                rest = answer.wanted_from() - self._now()
                if rest > 0:
                    await answer.sleep(self._sleep(rest))
                else:
                    await self._call(answer)
        finally:
            answer.busy = False

    async def _call(self, answer: _Answer[D]) -> None:
        """Write what is wanted now; what comes meanwhile is the next call's."""
        async with answer.calling:
            event, wanted, position = answer.event, answer.wanted, answer.position
            if event is None:
                return
            answer.wanted = answer.position = None
            try:
                if wanted is not None:
                    answer.rests_until = self._now() + self._every_s
                    await self._write(answer, event, wanted)
                elif position is not None:
                    answer.typing_from = self._now() + self._every_s
                    await self._writer.typing(event, position)
            except RetryLater as error:
                self._rest(answer, wanted, position, error)
            except Exception as error:  # a defect in showing must not end the previews of others
                logger.error("the preview of %s failed", event.key, exc_info=without_text(error))
                if wanted is not None:
                    answer.end()

    async def _write(self, answer: _Answer[D], event: Inbound, text: str) -> None:
        if answer.draft is None:
            answer.draft = await self._writer.begin(event, text)
        else:
            await self._writer.update(answer.draft, text)

    def _rest(
        self, answer: _Answer[D], wanted: str | None, position: int | None, error: RetryLater
    ) -> None:
        """Try again after the rest, with what is newest then."""
        resting = self._now() + error.after.total_seconds()
        answer.rests_until = max(answer.rests_until, resting)
        if answer.event is not None and answer.wanted is None and answer.position is None:
            answer.wanted, answer.position = wanted, position
