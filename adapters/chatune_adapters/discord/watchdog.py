"""Notices a gateway that says nothing any more, whatever its library believes."""

from collections.abc import Callable
from datetime import timedelta

import anyio


class Watchdog:
    """Counts the time since anything was heard."""

    def __init__(self, limit: timedelta, clock: Callable[[], float]) -> None:
        self._limit, self._clock = limit.total_seconds(), clock
        self._heard = clock()

    def feed(self) -> None:
        """Note that something was heard."""
        self._heard = self._clock()

    @property
    def silent_s(self) -> float:
        """Seconds since anything was heard."""
        return max(0.0, self._clock() - self._heard)

    async def wait_for_silence(self) -> None:
        """Return when nothing was heard for the limit."""
        self.feed()
        while True:
            left = self._limit - self.silent_s
            if left <= 0:
                return
            await anyio.sleep(left + 0.01)
