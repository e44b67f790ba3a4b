"""Queues in memory: one at a time in each line, claims that run out, no scanning."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from chatune_core.messages import EventKey

Item = TypeVar("Item")
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_KEYS_KEPT = 100_000


class Entry(Generic[Item]):
    """One waiting item; `free_at` is when its claim or its rest ends."""

    # Defaults live on the class: an entry is made for every message, and most never change.
    attempt = 0
    claimed = False
    stopping = False
    ended = False
    free_at = _ALWAYS

    def __init__(self, seq: int, key: EventKey, line: str | None, item: Item) -> None:
        self.seq = seq
        self.key = key
        self.line = line
        self.item = item


class ClaimQueue(Generic[Item]):
    """Items by key, claimed oldest first, one at a time within a line.

    An item without a line neither waits for others nor holds them up. Ended items are
    forgotten; of their keys the newest 100,000 to 200,000 are kept, so that a repeat is known.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        lease_for: timedelta,
        behind: "ClaimQueue[Any] | None" = None,
    ) -> None:
        """Let no item go while `behind` has an open one of the same line."""
        self._behind = behind
        self._held: dict[str, Entry[Item]] = {}
        self._now, self._lease_for = now, lease_for
        self._seq = 0
        self._open: dict[EventKey, Entry[Item]] = {}
        self._lines: dict[str, deque[Entry[Item]]] = {}
        self._ready: list[tuple[int, Entry[Item]]] = []
        # Every claim lasts equally long, so claims run out in the order in which they were made.
        self._claims: deque[tuple[datetime, Entry[Item]]] = deque()
        self._resting: list[tuple[datetime, int, Entry[Item]]] = []
        self._ended: dict[EventKey, int] = {}
        self._ended_before: dict[EventKey, int] = {}

    def add(self, key: EventKey, line: str | None, item: Item) -> bool:
        """Store the item; False if its key was seen before."""
        if key in self._open or key in self._ended or key in self._ended_before:
            return False
        self._seq = seq = self._seq + 1
        entry = self._open[key] = Entry(seq, key, line, item)
        if line is not None:
            before = self._lines.get(line)
            if before is not None:
                before.append(entry)
                return True
            self._lines[line] = deque((entry,))
        heappush(self._ready, (seq, entry))
        return True

    def claim(self, limit: int) -> list[Entry[Item]]:
        """Claim up to `limit` items, oldest first."""
        now = self._now()
        if self._claims or self._resting or self._held:
            self._wake(now)
        claimed: list[Entry[Item]] = []
        if not self._ready:
            return claimed
        until = now + self._lease_for
        while self._ready and len(claimed) < limit:
            entry = heappop(self._ready)[1]
            # It may have been renewed, ended or erased since it was put here.
            if entry.ended or entry.free_at > now:
                continue
            if self._must_wait(entry):
                continue
            entry.attempt += 1
            entry.claimed = True
            entry.free_at = until
            self._claims.append((until, entry))
            claimed.append(entry)
        return claimed

    def held(self, key: EventKey, attempt: int) -> Entry[Item] | None:
        """Return the entry if the claim number `attempt` on it still stands."""
        entry = self._open.get(key)
        if entry is None or entry.attempt != attempt or not entry.claimed:
            return None
        return entry

    def find(self, key: EventKey) -> Entry[Item] | None:
        """Return the open entry of the item, claimed or not."""
        return self._open.get(key)

    def head(self, line: str) -> Entry[Item] | None:
        """Return the oldest unfinished item of the line."""
        waiting = self._lines.get(line)
        return waiting[0] if waiting else None

    def extend(self, entry: Entry[Item]) -> None:
        """Make the claim last for the whole lease time again."""
        entry.free_at = self._now() + self._lease_for
        self._claims.append((entry.free_at, entry))

    def rest(self, entry: Entry[Item], after: timedelta) -> None:
        """Give the claim back, not to be claimed before `after` has passed."""
        entry.claimed = False
        entry.free_at = self._now() + after
        heappush(self._resting, (entry.free_at, entry.seq, entry))

    def end(self, entry: Entry[Item]) -> None:
        """Forget the item, let the next of its line go, keep the key."""
        self._close(entry, entry.attempt)

    def ended_by(self, key: EventKey, attempt: int) -> bool:
        """Return whether the claim number `attempt` is the one that ended the item."""
        return attempt == self._ended.get(key, self._ended_before.get(key))

    def drop(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Forget every open item that is unwanted, claimed or not, and return them."""
        dropped = [entry for entry in self._open.values() if unwanted(entry.item)]
        for entry in dropped:
            self._close(entry, 0)
        return [entry.item for entry in dropped]

    def items(self) -> Iterator[Item]:
        """Return the open items, oldest first."""
        return (entry.item for entry in self._open.values())

    def _must_wait(self, entry: Entry[Item]) -> bool:
        line = entry.line
        if line is None or self._behind is None or self._behind.head(line) is None:
            return False
        self._held[line] = entry
        return True

    def _wake(self, now: datetime) -> None:
        if self._held and self._behind is not None:
            for line in [line for line in self._held if self._behind.head(line) is None]:
                entry = self._held.pop(line)
                heappush(self._ready, (entry.seq, entry))
        claims = self._claims
        while claims:
            until, entry = claims[0]
            if not entry.ended and entry.free_at == until:
                if until > now:
                    break
                heappush(self._ready, (entry.seq, entry))
            claims.popleft()
        while self._resting and self._resting[0][0] <= now:
            entry = heappop(self._resting)[2]
            heappush(self._ready, (entry.seq, entry))

    def _close(self, entry: Entry[Item], attempt: int) -> None:
        del self._open[entry.key]
        entry.ended = True
        if len(self._ended) >= _KEYS_KEPT:
            self._ended_before, self._ended = self._ended, {}
        self._ended[entry.key] = attempt
        if entry.line is None:
            return
        line = self._lines[entry.line]
        if line[0] is not entry:
            line.remove(entry)
            return
        line.popleft()
        if line:
            heappush(self._ready, (line[0].seq, line[0]))
        else:
            del self._lines[entry.line]
