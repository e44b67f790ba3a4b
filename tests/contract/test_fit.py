"""Every implementation fits its port; mypy checks the assignments."""

from chatune_core.learning.ports import Evidence
from chatune_core.learning.runs import TrainingRuns
from chatune_core.leases import Leases
from chatune_core.memory.ports import Links, Memories, Notes, Vectors
from chatune_core.ports import (
    AuditLog,
    Cases,
    Consents,
    History,
    Inbox,
    KeyValues,
    Ledger,
    Outbox,
    PersonalData,
    Retention,
)
from chatune_core.scheduling import Jobs
from chatune_storage.audit import SqlAuditLog
from chatune_storage.cases import SqlCases
from chatune_storage.consents import SqlConsents
from chatune_storage.evidence import SqlEvidence
from chatune_storage.history import SqlHistory
from chatune_storage.inbox import SqlInbox
from chatune_storage.jobs import SqlJobs
from chatune_storage.key_values import SqlKeyValues
from chatune_storage.leases import SqlLeases
from chatune_storage.ledger import SqlLedger
from chatune_storage.links import SqlLinks
from chatune_storage.memories import SqlMemories
from chatune_storage.memory.cases import MemoryCases
from chatune_storage.memory.evidence import MemoryEvidence
from chatune_storage.memory.ledger import MemoryLedger
from chatune_storage.memory.links import MemoryLinks
from chatune_storage.memory.logs import MemoryAuditLog, MemoryConsents
from chatune_storage.memory.privacy import MemoryPersonalData, MemoryRetention
from chatune_storage.memory.queues import MemoryInbox, MemoryOutbox
from chatune_storage.memory.records import MemoryHistory
from chatune_storage.memory.remembered import MemoryMemories, MemoryNotes, MemoryVectors
from chatune_storage.memory.schedule import MemoryJobs, MemoryLeases, MemoryTrainingRuns
from chatune_storage.memory.values import MemoryKeyValues
from chatune_storage.notes import SqlNotes
from chatune_storage.outbox import SqlOutbox
from chatune_storage.personal_data import SqlPersonalData
from chatune_storage.retention import SqlRetention
from chatune_storage.training_runs import SqlTrainingRuns
from chatune_storage.vectors import SqlVectors


def test_every_port_is_there_twice() -> None:
    inboxes: list[type[Inbox]] = [SqlInbox, MemoryInbox]
    ledgers: list[type[Ledger]] = [SqlLedger, MemoryLedger]
    outboxes: list[type[Outbox]] = [SqlOutbox, MemoryOutbox]
    histories: list[type[History]] = [SqlHistory, MemoryHistory]
    consents: list[type[Consents]] = [SqlConsents, MemoryConsents]
    audits: list[type[AuditLog]] = [SqlAuditLog, MemoryAuditLog]
    personal: list[type[PersonalData]] = [SqlPersonalData, MemoryPersonalData]
    retention: list[type[Retention]] = [SqlRetention, MemoryRetention]
    values: list[type[KeyValues]] = [SqlKeyValues, MemoryKeyValues]
    cases: list[type[Cases]] = [SqlCases, MemoryCases]
    memories: list[type[Memories]] = [SqlMemories, MemoryMemories]
    vectors: list[type[Vectors]] = [SqlVectors, MemoryVectors]
    notes: list[type[Notes]] = [SqlNotes, MemoryNotes]
    evidence: list[type[Evidence]] = [SqlEvidence, MemoryEvidence]
    links: list[type[Links]] = [SqlLinks, MemoryLinks]
    leases: list[type[Leases]] = [SqlLeases, MemoryLeases]
    jobs: list[type[Jobs]] = [SqlJobs, MemoryJobs]
    runs: list[type[TrainingRuns]] = [SqlTrainingRuns, MemoryTrainingRuns]
    ports = (
        inboxes, ledgers, outboxes, histories, consents, audits, personal, retention, values, cases,
        memories, vectors, links, notes, evidence, leases, jobs, runs,
    )  # fmt: skip

    assert all(len(implementations) == 2 for implementations in ports)
