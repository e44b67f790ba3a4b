"""The registry of LoRAs, in memory."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from chatune_core.generation.requests import LoraId
from chatune_core.learning.versions import LoraState, LoraVersion, Served, Sources
from chatune_core.messages import EventKey, UserId
from chatune_core.privacy import PersonalRecord, Purpose
from chatune_storage.lora_moves import Move, added, checked, moved, replaced
from chatune_storage.lora_rows import stale_entry
from chatune_storage.memory.logs import MemoryAuditLog, MemoryConsents
from chatune_storage.memory.records import Records


class LoraRecords:
    """Every version, and what those that are not stale learned from."""

    def __init__(self, audit: MemoryAuditLog, now: Callable[[], datetime]) -> None:
        self.audit, self.now = audit, now
        self.versions: dict[LoraId, LoraVersion] = {}
        self.sources: dict[LoraId, Sources] = {}

    def forget_people(self, gone: Callable[[UserId], bool], because: str) -> int:
        """Mark what learned from people who are `gone`; return how many versions that is."""
        return self._mark(lambda sources: any(map(gone, sources.people)), because)

    def withdrawn(self, people: Collection[UserId]) -> None:
        """Mark what learned from people who no longer agree to training."""
        self.forget_people(people.__contains__, "a consent was withdrawn")

    def forget_answers(self, known: Callable[[EventKey], bool], because: str) -> int:
        """Mark what learned from answers that are not `known`; return how many versions that is."""
        return self._mark(lambda sources: not all(map(known, sources.answers)), because)

    def records_of(self, user: UserId) -> Iterator[PersonalRecord]:
        """Return which versions learned from the person, and from how many rows of theirs."""
        for lora, sources in self.sources.items():
            if user in sources.people:
                model, rows = self.versions[lora].model, sources.people[user]
                yield PersonalRecord("models", {"version": lora, "model": model, "rows": rows})

    def _mark(self, taken_back: Callable[[Sources], bool], because: str) -> int:
        stale = [lora for lora, sources in self.sources.items() if taken_back(sources)]
        for lora in stale:
            version = self.versions[lora]
            self.versions[lora] = replace(version, stale=True)
            del self.sources[lora]
            entry = stale_entry(lora, version.model, version.state, because, self.now())
            self.audit.add(entry)
        return len(stale)


class MemoryLoraRegistry:
    """See LoraRegistry. Nothing outlives the process."""

    def __init__(self, loras: LoraRecords, records: Records, consents: MemoryConsents) -> None:
        self._loras, self._records, self._consents = loras, records, consents

    async def add(self, version: LoraVersion, sources: Sources, by: str = "system") -> None:
        """See LoraRegistry.add."""
        checked(version, sources)
        loras = self._loras
        if version.id in loras.versions:
            return
        loras.versions[version.id], loras.sources[version.id] = version, sources
        loras.audit.add(added(version, by, loras.now()))
        why = "taken back while it was trained"
        loras.forget_people(lambda u: not self._consents.allowed(u, Purpose.TRAINING), why)
        loras.forget_answers(self._records.has_text, why)

    async def find(self, lora: LoraId) -> LoraVersion | None:
        """See LoraRegistry.find."""
        return self._loras.versions.get(lora)

    async def versions(self, model: str | None = None) -> Sequence[LoraVersion]:
        """See LoraRegistry.versions."""
        newest = reversed(self._loras.versions.values())
        return [version for version in newest if model in (None, version.model)]

    async def served(self, model: str) -> Served:
        """See LoraRegistry.served."""
        found = {version.state: version for version in await self.versions(model)}
        return Served(found.get(LoraState.ACTIVE), found.get(LoraState.CANARY))

    async def move(
        self,
        lora: LoraId,
        was: Collection[LoraState],
        to: LoraState,
        reason: str,
        share: float = 0.0,
        by: str = "system",
    ) -> bool:
        """See LoraRegistry.move."""
        move, now = Move(lora, frozenset(was), to, reason, share, by), self._loras.now()
        version = self._loras.versions.get(lora)
        if version is None or not move.may(version):
            return False
        of_model = await self.versions(version.model)
        for each, after, entry in (*replaced(of_model, move, now), moved(version, move, now)):
            self._loras.versions[each.id] = after
            self._loras.audit.add(entry)
        return True
