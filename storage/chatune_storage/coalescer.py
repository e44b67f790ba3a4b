"""Many callers, one transaction: who comes first works for all who came meanwhile."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from anyio import CancelScope, Event, get_cancelled_exc_class
from anyio.lowlevel import checkpoint

from chatune_core.errors import RetryLater

Unit = TypeVar("Unit")
Result = TypeVar("Result")


class _Waiter(Generic[Unit, Result]):
    __slots__ = ("error", "result", "settled", "unit", "woken")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.woken = Event()
        self.settled = False
        self.result: Result | None = None
        self.error: Exception | None = None


class Coalescer(Generic[Unit, Result]):
    """Runs `flush` over what waits, up to `limit` units at once, without a task of its own.

    `flush` returns one result or error for each unit, in order. A caller that is cancelled while
    its unit waits takes it back; once it is being flushed the flush goes on to its end, for the
    sake of the others, and `abandoned` is told what came of it.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Unit]], Awaitable[Sequence[Result | Exception]]],
        limit: int,
        gathering: int = 0,
    ) -> None:
        """Before each flush let `gathering` rounds of the event loop pass.

        Those whom the same cause has woken come along then.
        """
        self._flush, self._limit, self._gathering = flush, limit, gathering
        self._waiting: list[_Waiter[Unit, Result]] = []
        self._busy = False

    async def submit(
        self, unit: Unit, abandoned: Callable[[Result], Awaitable[None]] | None = None
    ) -> Result:
        """Have `unit` flushed and return its result, or raise its error."""
        waiter: _Waiter[Unit, Result] = _Waiter(unit)
        self._waiting.append(waiter)
        try:
            if self._busy:
                await waiter.woken.wait()
            if not waiter.settled:
                await self._lead()
        except get_cancelled_exc_class():
            await self._leave(waiter, abandoned)
            raise
        if waiter.error is not None:
            raise waiter.error
        # A settled waiter without an error has a result, whose type may include None.
        return waiter.result  # type: ignore[return-value]

    async def _lead(self) -> None:
        self._busy = True
        batch: list[_Waiter[Unit, Result]] = []
        try:
            with CancelScope(shield=True):
                for _ in range(self._gathering):
                    await checkpoint()
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                results = await self._flush([waiter.unit for waiter in batch])
        except Exception as error:  # noqa: BLE001 - each caller raises it
            results = [error] * len(batch)
        except BaseException:
            # A task cancelled behind anyio's back knows no shield; the others must not hang.
            interrupted = RetryLater("the write was interrupted", timedelta(seconds=1))
            self._settle(batch, [interrupted] * len(batch))
            raise
        self._settle(batch, results)

    def _settle(
        self, batch: list[_Waiter[Unit, Result]], results: Sequence[Result | Exception]
    ) -> None:
        for waiter, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                waiter.error = result
            else:
                waiter.result = result
            waiter.settled = True
            waiter.woken.set()
        self._hand_over()

    def _hand_over(self) -> None:
        self._busy = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()

    async def _leave(
        self,
        waiter: _Waiter[Unit, Result],
        abandoned: Callable[[Result], Awaitable[None]] | None,
    ) -> None:
        if waiter in self._waiting:
            was_next = waiter.woken.is_set()
            self._waiting.remove(waiter)
            if was_next:
                self._hand_over()
            return
        with CancelScope(shield=True):
            await waiter.woken.wait()
            if waiter.error is None and abandoned is not None:
                await abandoned(waiter.result)  # type: ignore[arg-type]
