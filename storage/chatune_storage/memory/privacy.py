"""Export, erasure and retention, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chatune_core.messages import Inbound, Reply, UserId
from chatune_core.privacy import ErasureReceipt, PersonalRecord, Purpose
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.erasure import Erasure
from chatune_storage.memory.logs import MemoryAuditLog, MemoryConsents
from chatune_storage.memory.loras import LoraRecords
from chatune_storage.memory.queues import MemoryOutbox
from chatune_storage.memory.records import Records, drop
from chatune_storage.memory.remembered import Remembered
from chatune_storage.personal import HeardIn, case_record, readable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class MemoryPersonalData:
    """See PersonalData."""

    def __init__(
        self,
        inbox: ClaimQueue[Inbound],
        replies: ClaimQueue[Reply],
        outbox: MemoryOutbox,
        records: Records,
        remembered: Remembered,
        consents: MemoryConsents,
        audit: MemoryAuditLog,
        erasure: Erasure,
        loras: LoraRecords,
        now: Callable[[], datetime],
    ) -> None:
        self._inbox, self._replies, self._outbox, self._records = inbox, replies, outbox, records
        self._consents, self._audit, self._erasure, self._now = consents, audit, erasure, now
        self._remembered, self._loras = remembered, loras

    async def export(self, user: UserId) -> Sequence[PersonalRecord]:
        """See PersonalData.export."""
        said = [PersonalRecord(store, readable(value)) for store, value in self._said_by(user)]
        cases = self._records.cases.naming(user)
        decisions = self._consents.decisions.get(user, [])
        return [
            *said,
            *(PersonalRecord("cases", case_record(case, user)) for case in cases),
            *self._remembered.records_of(user),
            *self._loras.records_of(user),
            *(PersonalRecord("consents", readable(decision)) for decision in decisions),
            *(PersonalRecord("audit", readable(e)) for e in self._audit.about(user.__eq__)),
        ]

    def _said_by(self, user: UserId) -> Iterator[tuple[str, DataclassInstance]]:
        records = self._records
        yield from (("inbox", event) for event in self._inbox.items() if event.user == user)
        yield from (("outbox", reply) for reply in self._replies.items() if reply.user == user)
        parked = self._outbox.parked.values()
        yield from (("outbox", item.reply) for item in parked if item.reply.user == user)
        turns = (turn for line in records.turns.values() for turn in line)
        yield from (("turns", turn) for turn in turns if turn.user == user)
        made = records.generations.values()
        for item in made:
            if item.user == user:
                # Who else was heard is about them.
                own = tuple(other for other in item.heard if other == user)
                yield "generations", replace(item, heard=own)
        quoting = (item for item in made if user in item.heard and user != item.user)
        yield from (("heard", HeardIn(item.event, user)) for item in quoting)
        missed = records.missed.values()
        yield from (("missed_answers", item) for item in missed if item.user == user)
        yield from (("ratings", vote) for vote in records.ratings.values() if vote.user == user)
        corrected = records.corrections.values()
        yield from (("corrections", item) for item in corrected if item.user == user)
        preferred = records.preferred_answers.values()
        yield from (("preferred_answers", item) for item in preferred if item.user == user)

    async def erase(self, user: UserId) -> ErasureReceipt:
        """See PersonalData.erase."""
        return ErasureReceipt(user, self._now(), self._erasure.erase_people(user.__eq__))


class MemoryRetention:
    """See Retention. Ended events and delivered replies hold no text in the first place."""

    def __init__(
        self,
        records: Records,
        remembered: Remembered,
        outbox: MemoryOutbox,
        consents: MemoryConsents,
        now: Callable[[], datetime],
    ) -> None:
        self._records, self._remembered, self._outbox = records, remembered, outbox
        self._consents, self._now = consents, now

    async def purge(self, older_than: timedelta) -> Mapping[str, int]:
        """See Retention.purge.

        Texts of generations stay while everyone allows training whose words are in them, texts of
        cases while their person does, reasons of ratings and corrections while theirs allows feedback. Where an old answer is shown is forgotten with it.
        """
        before = self._now() - older_than
        drop(self._outbox.shown, lambda _, shown: shown.until < before)
        return {
            "inbox": 0,
            "outbox": drop(self._outbox.parked, lambda _, item: item.at < before),
            "turns": self._records.drop_turns(lambda turn: turn.at < before),
            "generations": self._purge_generations(before),
            "ratings": self._purge_reasons(before),
            "corrections": drop(
                self._records.corrections,
                lambda _, item: (
                    item.at < before and not self._consents.allowed(item.user, Purpose.FEEDBACK)
                ),
            ),
            "missed_answers": drop(self._records.missed, lambda _, item: item.at < before),
            "memory_notes": drop(self._remembered.notes, lambda _, note: note.at < before),
            "cases": self._records.cases.forget_before(
                before, lambda user: self._consents.allowed(user, Purpose.TRAINING)
            ),
        }

    def _purge_generations(self, before: datetime) -> int:
        made = self._records.generations
        old = [
            key
            for key, item in made.items()
            if item.at < before
            and (item.prompt or item.completion)
            and not (item.heard and self._all_allow({item.user, *item.heard}))
        ]
        for key in old:
            made[key] = replace(made[key], prompt=(), completion="")
        return len(old)

    def _all_allow(self, people: Iterable[UserId]) -> bool:
        return all(self._consents.allowed(user, Purpose.TRAINING) for user in people)

    def _purge_reasons(self, before: datetime) -> int:
        ratings = self._records.ratings
        old = [
            key
            for key, vote in ratings.items()
            if vote.at < before
            and vote.reason
            and not self._consents.allowed(vote.user, Purpose.FEEDBACK)
        ]
        for key in old:
            ratings[key] = replace(ratings[key], reason="")
        return len(old)
