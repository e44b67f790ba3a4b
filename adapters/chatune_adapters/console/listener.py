"""Standard input as a platform that stays: each line is a message, answered in order."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio

from chatune_adapters.console.intake import Seat, lines, mended
from chatune_core.errors import RetryLater
from chatune_core.runtime import Runtime

_LONGEST_LINE = 4_000_000  # bytes; what a line has beyond is never held in memory


class LineListener:
    """Hands each line to the core and waits for its answer; so a full pipe waits too."""

    def __init__(
        self, runtime: Runtime, seat: Seat, descriptor: int, warn: Callable[[str], None]
    ) -> None:
        self._runtime, self._seat = runtime, seat
        self._descriptor, self._warn = descriptor, warn
        self._ending = False
        self._waiting = anyio.CancelScope()

    async def run(self) -> None:
        """Return when the input has ended, or after `end` and the answer that was under way."""
        async with aclosing(lines(self._descriptor, _LONGEST_LINE)) as incoming:
            while (line := await self._next(incoming)) is not None:
                typed = mended(line.decode("utf-8", errors="surrogateescape"))
                if typed.note:
                    self._warn(typed.note)
                if typed.text.strip():
                    await self._answer(typed.text.strip())

    def end(self) -> None:
        """Read no more."""
        self._ending = True
        self._waiting.cancel()

    async def _next(self, incoming: AsyncGenerator[bytes, None]) -> bytes | None:
        if self._ending:
            return None
        with anyio.CancelScope() as self._waiting:
            return await anext(incoming, None)
        return None

    async def _answer(self, text: str) -> None:
        try:
            await self._runtime.handle(self._seat.message(text))
        except RetryLater as error:
            self._warn(f"A line was not kept and has no answer: {error}.")
