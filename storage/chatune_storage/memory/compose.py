"""All ports over one memory."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chatune_core.messages import Inbound, Reply
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.privacy import (
    MemoryAuditLog,
    MemoryConsents,
    MemoryPersonalData,
    MemoryRetention,
)
from chatune_storage.memory.queues import MemoryInbox, MemoryOutbox
from chatune_storage.memory.records import MemoryHistory, MemoryLedger, Records
from chatune_storage.stores import Stores


def memory_stores(now: Callable[[], datetime], lease_for: timedelta) -> Stores:
    """Return empty stores that share one memory; `now` gives aware times in UTC.

    They belong to one event loop. No method gives way to other tasks.
    """
    events: ClaimQueue[Inbound] = ClaimQueue(now, lease_for)
    replies: ClaimQueue[Reply] = ClaimQueue(now, lease_for)
    records = Records()
    outbox = MemoryOutbox(replies, now)
    consents = MemoryConsents(now)
    audit = MemoryAuditLog(now)
    return Stores(
        inbox=MemoryInbox(events),
        ledger=MemoryLedger(events, replies, records),
        outbox=outbox,
        history=MemoryHistory(records, outbox),
        consents=consents,
        audit=audit,
        personal_data=MemoryPersonalData(events, replies, outbox, records, consents, audit, now),
        retention=MemoryRetention(records, outbox, consents, now),
    )
