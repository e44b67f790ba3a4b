"""Queues in memory: one at a time in each line, claims that run out, no scanning."""

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Generic, TypeVar

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
        behind: Container[str | None] = (),
    ) -> None:
        """Let no item go while its line is in `behind`, the `lines` of another queue."""
        self._behind = behind
        self._held: list[Entry[Item]] = []
        self._now, self._lease_for = now, lease_for
        self._seq = 0
        self._open: dict[EventKey, Entry[Item]] = {}
        self.lines: dict[str, deque[Entry[Item]]] = {}
        """The open items of each line that has any, oldest first."""
        self._ready: list[tuple[int, Entry[Item]]] = []
        # Every claim lasts equally long, so claims run out in the order in which they were made.
        self._claims: OrderedDict[EventKey, Entry[Item]] = OrderedDict()
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
            before = self.lines.get(line)
            if before is not None:
                before.append(entry)
                return True
            self.lines[line] = deque((entry,))
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
            if entry.line in self._behind:
                self._held.append(entry)
                continue
            entry.attempt += 1
            entry.claimed = True
            entry.free_at = until
            self._claims[entry.key] = entry
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
        waiting = self.lines.get(line)
        return waiting[0] if waiting else None

    def extend(self, entry: Entry[Item]) -> None:
        """Make the claim last for the whole lease time again."""
        entry.free_at = self._now() + self._lease_for
        self._claims[entry.key] = entry
        self._claims.move_to_end(entry.key)

    def rest(self, entry: Entry[Item], after: timedelta) -> None:
        """Give the claim back, not to be claimed before `after` has passed."""
        entry.claimed = False
        entry.free_at = self._now() + after
        self._claims.pop(entry.key, None)
        heappush(self._resting, (entry.free_at, entry.seq, entry))

    def end(self, entry: Entry[Item]) -> None:
        """Forget the item, let the next of its line go, keep the key."""
        key, line = entry.key, entry.line
        entry.ended = True
        del self._open[key]
        self._claims.pop(key, None)
        if len(self._ended) >= _KEYS_KEPT:
            self._ended_before, self._ended = self._ended, {}
        self._ended[key] = entry.attempt
        if line is None:
            return
        waiting = self.lines[line]
        if waiting[0] is not entry:
            waiting.remove(entry)
            return
        waiting.popleft()
        if waiting:
            heappush(self._ready, (waiting[0].seq, waiting[0]))
        else:
            del self.lines[line]

    def ended_by(self, key: EventKey, attempt: int) -> bool:
        """Return whether the claim number `attempt` is the one that ended the item."""
        return attempt == self._ended.get(key, self._ended_before.get(key))

    def drop(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Forget every open item that is unwanted, claimed or not, and return them."""
        dropped = [entry for entry in self._open.values() if unwanted(entry.item)]
        for entry in dropped:
            entry.attempt = 0  # no claim has ended it
            self.end(entry)
        return [entry.item for entry in dropped]

    def items(self) -> Iterator[Item]:
        """Return the open items, oldest first."""
        return (entry.item for entry in self._open.values())

    def _wake(self, now: datetime) -> None:
        """Let those go again that wait for nothing any more."""
        free = [entry for entry in self._held if entry.line not in self._behind]
        if free:
            self._held = [entry for entry in self._held if entry.line in self._behind]
        while self._claims and (first := next(iter(self._claims.values()))).free_at <= now:
            del self._claims[first.key]
            free.append(first)
        while self._resting and self._resting[0][0] <= now:
            free.append(heappop(self._resting)[2])
        for entry in free:
            heappush(self._ready, (entry.seq, entry))
