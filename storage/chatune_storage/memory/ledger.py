"""The ledger in memory."""

from chatune_core.messages import Inbound, Reply
from chatune_core.outcomes import (
    Announced,
    Audited,
    CaseAppealed,
    CaseClaimed,
    CaseDecided,
    CaseOpened,
    ConsentChanged,
    Effect,
    MemoriesUnlearned,
    MemoryEdited,
    MemoryLearned,
    MemoryNoted,
    MemoryPreferencesChanged,
    MessageErased,
    Outcome,
    WorkspaceErased,
)
from chatune_core.ports import EventLease
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.erasure import Erasure
from chatune_storage.memory.logs import MemoryAuditLog, MemoryConsents
from chatune_storage.memory.loras import LoraRecords
from chatune_storage.memory.records import Records
from chatune_storage.memory.remembered import Remembered


class MemoryLedger:
    """See Ledger. Nothing outlives the process."""

    def __init__(
        self,
        inbox: ClaimQueue[Inbound],
        outbox: ClaimQueue[Reply],
        records: Records,
        remembered: Remembered,
        consents: MemoryConsents,
        audit: MemoryAuditLog,
        erasure: Erasure,
        loras: LoraRecords,
    ) -> None:
        self._inbox, self._outbox, self._records = inbox, outbox, records
        self._remembered, self._consents = remembered, consents
        self._audit, self._erasure, self._loras = audit, erasure, loras

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        """See Ledger.commit."""
        key = lease.event.key
        entry = self._inbox.held(key, lease.attempt)
        if entry is None:
            return self._inbox.ended_by(key, lease.attempt)
        self._inbox.end(entry)
        for effect in outcome.effects:
            self._apply(effect)
        for reply in outcome.replies:
            self._outbox.add(reply.answers, reply.conversation, reply)
        return True

    def _apply(self, effect: Effect) -> None:
        match effect:
            case WorkspaceErased(workspace=workspace):
                self._erasure.erase_workspace(workspace)
            case Audited(entry=entry):
                self._audit.add(entry)
            case CaseOpened() | CaseClaimed() | CaseDecided() | CaseAppealed():
                self._records.cases.apply(effect)
            case (
                MemoryLearned()
                | MemoryEdited()
                | MemoriesUnlearned()
                | MemoryPreferencesChanged()
                | MemoryNoted()
            ):
                self._remembered.apply(effect)
            case ConsentChanged():
                self._consents.decide(effect)
            case MessageErased(event=event):
                self._records.apply(effect)
                self._loras.forget_answers(self._records.has_text, "a message was deleted")
                self._remembered.unlearn(lambda memory: memory.source == event)
                self._remembered.notes.pop(event, None)
            case Announced():
                pass  # it is among the replies
            case _:
                self._records.apply(effect)
