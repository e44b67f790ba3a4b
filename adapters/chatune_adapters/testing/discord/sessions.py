"""Gateway sessions: what was dispatched to each, kept in order so that a resume can replay it."""

import json
from asyncio import Event
from collections import deque

from chatune_adapters.testing.discord.entities import Json
from chatune_adapters.testing.discord.settings import Intent


class Session:
    """One identified bot process (or shard of it), with or without a socket.

    Sequence numbers begin at 1 and have no gaps. Old events fall away past `keep`, and then a
    resume that needs them fails.
    """

    def __init__(self, id: str, intents: Intent, shard: tuple[int, int], keep: int) -> None:
        self.id = id
        self.intents = intents
        self.shard = shard
        self.changed = Event()
        """Set whenever there is something to send; the connection clears it."""
        self.left_at: float | None = None
        """When its socket went, or None while it has one."""
        self._events: deque[str] = deque(maxlen=keep)
        self._last = 0

    @property
    def last(self) -> int:
        """The sequence number of the newest event."""
        return self._last

    def append(self, name: str, body: Json) -> None:
        """Add an event, whether or not a socket is there to carry it."""
        self._last += 1
        self._events.append(json.dumps({"op": 0, "t": name, "s": self._last, "d": body}))
        self.changed.set()

    def after(self, seq: int) -> str | None:
        """Return the event that follows `seq`, or None if there is none (yet)."""
        if seq >= self._last:
            return None
        return self._events[seq - self._first + 1]

    def can_replay(self, seq: int) -> bool:
        """Return whether every event after `seq` is still kept."""
        return self._first - 1 <= seq <= self._last

    @property
    def _first(self) -> int:
        return self._last - len(self._events) + 1
