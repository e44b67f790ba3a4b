"""A bounded number of places and a bounded line before them; plain values, one event loop."""

import heapq
import itertools
from datetime import timedelta

import anyio

from chatune_core.errors import QueueFull
from chatune_core.generation.requests import Priority


class Ticket:
    """One request's claim on a place; `position` 0 holds a place, 1 is next to get one."""

    def __init__(self, order: tuple[Priority, int]) -> None:
        self._order = order
        self._moved = anyio.Event()
        self.position = 0

    def __lt__(self, other: "Ticket") -> bool:
        """Return whether this ticket goes before `other`: by priority, then by arrival."""
        return self._order < other._order

    async def moved(self) -> None:
        """Return when the position has changed since the last call."""
        await self._moved.wait()
        self._moved = anyio.Event()

    def move(self, position: int) -> None:
        """Take `position`; wakes `moved` if that is news."""
        if position != self.position:
            self.position = position
            self._moved.set()


class Places:
    """At most `count` tickets hold a place at once; at most `limit` wait, by priority and arrival."""

    def __init__(self, count: int, limit: int, full_for: timedelta) -> None:
        self._free = count
        self._limit = limit
        self._full_for = full_for
        self._arrivals = itertools.count()
        self._line: list[Ticket] = []

    def enter(self, priority: Priority) -> Ticket:
        """Return a ticket, with a place at once if there is one.

        Raises:
            QueueFull: if the line is at its limit.
        """
        if not self._free and len(self._line) >= self._limit:
            raise QueueFull(len(self._line), self._full_for)
        ticket = Ticket((priority, next(self._arrivals)))
        if self._free:
            self._free -= 1
        else:
            heapq.heappush(self._line, ticket)
            self._number()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Give up the place or the wait; the next in line gets the place before this returns."""
        if ticket.position:
            self._line.remove(ticket)
            heapq.heapify(self._line)
        elif self._line:
            heapq.heappop(self._line).move(0)
        else:
            self._free += 1
        self._number()

    def _number(self) -> None:
        for position, ticket in enumerate(sorted(self._line), start=1):
            ticket.move(position)
