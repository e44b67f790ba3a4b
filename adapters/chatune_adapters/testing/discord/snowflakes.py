"""Discord's ids: milliseconds since 2015 and a counter, always rising."""

from collections.abc import Callable
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000
COUNTER_BITS = 22


class Snowflakes:
    """Hands out ids; each is greater than every one before it, even if the clock steps back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Return a new id that carries the present time."""
        now = (int(self._clock() * 1000) - DISCORD_EPOCH_MS) << COUNTER_BITS
        self._last = max(self._last + 1, now)
        return self._last


def time_of(snowflake: int) -> datetime:
    """Return when `snowflake` was made, to the millisecond."""
    return datetime.fromtimestamp(((snowflake >> COUNTER_BITS) + DISCORD_EPOCH_MS) / 1000, UTC)
