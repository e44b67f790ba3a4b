"""Inbox and outbox in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chatune_core.messages import (
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    Reply,
    StopRequested,
    UserId,
    line_of,
)
from chatune_core.ports import EventLease, ReplyLease, Standing
from chatune_storage.memory.claims import ClaimQueue


@dataclass(frozen=True, slots=True)
class Parked:
    """A reply that waits for a person."""

    reply: Reply
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """Which reply a message shows; the text is not kept."""

    answers: EventKey
    conversation: ConversationId
    user: UserId
    until: datetime
    """When the last claim on it would have run out."""


class MemoryInbox:
    """See Inbox. Nothing outlives the process."""

    def __init__(self, queue: ClaimQueue[Inbound]) -> None:
        self._queue = queue

    async def put(self, event: Inbound) -> bool:
        """See Inbox.put."""
        return self._queue.add(event.key, line_of(event), event)

    async def lease(self, limit: int) -> Sequence[EventLease]:
        """See Inbox.lease."""
        return [EventLease(entry.item, entry.attempt) for entry in self._queue.claim(limit)]

    async def renew(self, leases: Sequence[EventLease]) -> Mapping[EventKey, Standing]:
        """See Inbox.renew."""
        return {lease.event.key: self._renewed(lease) for lease in leases}

    def _renewed(self, lease: EventLease) -> Standing:
        entry = self._queue.held(lease.event.key, lease.attempt)
        if entry is None:
            return Standing.LOST
        self._queue.extend(entry)
        return Standing.STOPPED if entry.stopping else Standing.HELD

    async def release(self, lease: EventLease, after: timedelta) -> None:
        """See Inbox.release."""
        entry = self._queue.held(lease.event.key, lease.attempt)
        if entry is not None:
            self._queue.rest(entry, after)

    async def request_stop(self, stop: StopRequested) -> EventKey | None:
        """See Inbox.request_stop. A stop that was never stored means whatever runs now."""
        entry = self._queue.head(stop.conversation)
        asked = self._queue.find(stop.key)
        if entry is None or not entry.claimed or (asked is not None and asked.seq <= entry.seq):
            return None
        entry.stopping = True
        return entry.key


class MemoryOutbox:
    """See Outbox. Nothing outlives the process."""

    def __init__(self, queue: ClaimQueue[Reply], now: Callable[[], datetime]) -> None:
        self._queue, self._now = queue, now
        self.shown: dict[MessageKey, Shown] = {}
        self.parked: dict[EventKey, Parked] = {}

    async def lease(self, limit: int) -> Sequence[ReplyLease]:
        """See Outbox.lease."""
        return [ReplyLease(entry.item, entry.attempt) for entry in self._queue.claim(limit)]

    async def delivered(self, lease: ReplyLease, messages: Sequence[MessageKey]) -> None:
        """See Outbox.delivered."""
        entry = self._queue.held(lease.reply.answers, lease.attempt)
        if entry is not None:
            self._queue.end(entry)
            reply = entry.item
            shown = Shown(entry.key, reply.conversation, reply.user, entry.free_at)
            for message in messages:
                self.shown[message] = shown

    async def release(self, lease: ReplyLease, after: timedelta) -> None:
        """See Outbox.release."""
        entry = self._queue.held(lease.reply.answers, lease.attempt)
        if entry is not None:
            self._queue.rest(entry, after)

    async def park(self, lease: ReplyLease, reason: str) -> None:
        """See Outbox.park."""
        entry = self._queue.held(lease.reply.answers, lease.attempt)
        if entry is not None:
            self._queue.end(entry)
            self.parked[entry.key] = Parked(entry.item, reason, self._now())
