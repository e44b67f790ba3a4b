"""All ports over one memory."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chatune_core.messages import Inbound, Reply
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.erasure import Erasure
from chatune_storage.memory.evidence import MemoryEvidence
from chatune_storage.memory.ledger import MemoryLedger
from chatune_storage.memory.links import MemoryLinks
from chatune_storage.memory.live_answers import MemoryLiveAnswers
from chatune_storage.memory.logs import MemoryAuditLog, MemoryConsents
from chatune_storage.memory.loras import LoraRecords, MemoryLoraRegistry
from chatune_storage.memory.privacy import MemoryPersonalData, MemoryRetention
from chatune_storage.memory.queues import MemoryInbox, MemoryOutbox
from chatune_storage.memory.records import MemoryHistory, Records
from chatune_storage.memory.remembered import MemoryMemories, MemoryNotes, MemoryVectors, Remembered
from chatune_storage.memory.schedule import MemoryJobs, MemoryLeases, MemoryTrainingRuns
from chatune_storage.memory.values import MemoryKeyValues
from chatune_storage.stores import Stores


def memory_stores(now: Callable[[], datetime], lease_for: timedelta) -> Stores:
    """Return empty stores that share one memory; `now` gives aware times in UTC.

    They belong to one event loop. No method gives way to other tasks.
    """
    replies: ClaimQueue[Reply] = ClaimQueue(now, lease_for)
    events: ClaimQueue[Inbound] = ClaimQueue(now, lease_for, behind=replies.lines)
    records, values = Records(), MemoryKeyValues()
    outbox = MemoryOutbox(replies, now)
    links, leases = MemoryLinks(now), MemoryLeases(now)
    audit = MemoryAuditLog(now)
    loras = LoraRecords(audit, now)
    consents = MemoryConsents(links, now, loras.withdrawn)
    remembered = Remembered(links)
    erasure = Erasure(
        events, replies, outbox, records, consents, audit, values, remembered, links, loras
    )
    personal = MemoryPersonalData(
        events, replies, outbox, records, remembered, consents, audit, erasure, loras, now
    )
    return Stores(
        inbox=MemoryInbox(events),
        ledger=MemoryLedger(events, replies, records, remembered, consents, audit, erasure, loras),
        outbox=outbox,
        history=MemoryHistory(records, outbox),
        consents=consents,
        audit=audit,
        personal_data=personal,
        retention=MemoryRetention(records, remembered, outbox, consents, now),
        key_values=values,
        cases=records.cases,
        memories=MemoryMemories(remembered, records, consents, links, loras, now),
        vectors=MemoryVectors(remembered),
        notes=MemoryNotes(remembered),
        links=links,
        leases=leases,
        jobs=MemoryJobs(leases),
        training_runs=MemoryTrainingRuns(leases, audit),
        live_answers=MemoryLiveAnswers(records),
        loras=MemoryLoraRegistry(loras, records, consents),
        evidence=MemoryEvidence(records, consents, links),
    )
