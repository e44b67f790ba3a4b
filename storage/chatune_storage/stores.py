"""The storage ports of one database, together."""

from dataclasses import dataclass

from chatune_core.learning.ports import Evidence, LiveAnswers, LoraRegistry
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


@dataclass(frozen=True, slots=True)
class Stores:
    """Every storage port, over one and the same data."""

    inbox: Inbox
    ledger: Ledger
    outbox: Outbox
    history: History
    consents: Consents
    audit: AuditLog
    personal_data: PersonalData
    retention: Retention
    key_values: KeyValues
    cases: Cases
    memories: Memories
    vectors: Vectors
    notes: Notes
    links: Links
    leases: Leases
    jobs: Jobs
    training_runs: TrainingRuns
    loras: LoraRegistry
    live_answers: LiveAnswers
    evidence: Evidence
