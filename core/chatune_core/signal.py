"""A wake-up call that is never missed."""

from datetime import timedelta

import anyio


class Signal:
    """Set by many, awaited by many; a `set` with nobody waiting wakes the next to wait."""

    __slots__ = ("_event", "_pending")

    def __init__(self) -> None:
        self._event: anyio.Event | None = None
        self._pending = False

    def set(self) -> None:
        """Wake everyone who waits, or else the next who does."""
        if self._event is None:
            self._pending = True
        else:
            self._event.set()
            self._event = None

    async def wait(self, at_most: timedelta) -> None:
        """Return after the next `set`, or after `at_most`."""
        if self._pending:
            self._pending = False
            return
        if self._event is None:
            self._event = anyio.Event()
        event = self._event
        with anyio.move_on_after(at_most.total_seconds()):
            await event.wait()
