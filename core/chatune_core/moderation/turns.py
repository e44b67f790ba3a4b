"""Blocking work of several tasks, one after another on a thread; nobody has to wait for its end."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

Outcome = TypeVar("Outcome")


class Turns:
    """Gives each call its turn. A caller that is cancelled leaves; its call ends on its own.

    What such a call still does may delay the next one, which gives up after `patience`.
    """

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience
        self._limiter = CapacityLimiter(1)
        # Only a call whose caller has left is ever waited for here, on a thread.
        self._busy = threading.Lock()

    async def take(self, call: Callable[[], Outcome]) -> Outcome:
        """Return what `call` returns, called on another thread when its turn has come.

        Raises:
            TimeoutError: an abandoned call has not ended yet.
        """
        return await to_thread.run_sync(
            self._alone, call, abandon_on_cancel=True, limiter=self._limiter
        )

    def _alone(self, call: Callable[[], Outcome]) -> Outcome:
        if not self._busy.acquire(timeout=self._patience.total_seconds()):
            raise TimeoutError("an earlier check has not ended yet")
        try:
            return call()
        finally:
            self._busy.release()
