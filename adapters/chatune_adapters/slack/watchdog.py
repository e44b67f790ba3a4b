"""Whether Slack is still there: when anything was last heard, and what is wrong if nothing is."""

from collections.abc import Callable

from chatune_adapters.platform import Health


class Watchdog:
    """Notes signs of life of the way in."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._heard_at = now()
        self._connected = False
        self._detail = "not connected yet"
        self.who = ""

    def heard(self) -> None:
        """Something came: a message, a ping, the answer to one."""
        self._heard_at = self._now()
        self._connected = True

    def lost(self, detail: str) -> None:
        """Nothing can come at present."""
        self._connected, self._detail = False, detail

    def health(self) -> Health:
        """Return how the connection stands."""
        detail = self.who if self._connected else self._detail
        return Health(self._connected, max(self._now() - self._heard_at, 0.0), detail)
