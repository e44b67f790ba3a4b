"""Consents, audit log, export, erasure and retention, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from chatune_core.messages import ConversationId, Inbound, Reply, Turn, UserId
from chatune_core.ports import AuditEntry
from chatune_core.privacy import ErasureReceipt, PersonalRecord, Purpose
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.queues import MemoryOutbox
from chatune_storage.memory.records import Records
from chatune_storage.personal import STORES, Decision, mentions, readable, without_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Key = TypeVar("Key")
Value = TypeVar("Value")
_AUDIT_KEPT = 10_000


class MemoryConsents:
    """See Consents. Nothing outlives the process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.decisions: dict[UserId, list[Decision]] = {}

    async def allows(self, user: UserId, purpose: Purpose) -> bool:
        """See Consents.allows."""
        return self.allowed(user, purpose)

    def allowed(self, user: UserId, purpose: Purpose) -> bool:
        """Return the person's last decision on `purpose`, False without one."""
        decisions = reversed(self.decisions.get(user, []))
        return next((d.granted for d in decisions if d.purpose is purpose), False)

    async def record(self, user: UserId, purpose: Purpose, granted: bool, source: str) -> None:
        """See Consents.record."""
        decision = Decision(user, purpose, granted, source, self._now())
        self.decisions.setdefault(user, []).append(decision)


class MemoryAuditLog:
    """See AuditLog. The newest 10,000 entries are kept; nothing outlives the process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.log: deque[AuditEntry] = deque(maxlen=_AUDIT_KEPT)

    async def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, str | int | float | bool]
    ) -> None:
        """See AuditLog.append."""
        self.log.append(AuditEntry(self._now(), actor, action, subject, dict(details)))

    async def entries(self, limit: int) -> Sequence[AuditEntry]:
        """See AuditLog.entries."""
        return list(islice(reversed(self.log), max(0, limit)))


class MemoryPersonalData:
    """See PersonalData."""

    def __init__(
        self,
        inbox: ClaimQueue[Inbound],
        replies: ClaimQueue[Reply],
        outbox: MemoryOutbox,
        records: Records,
        consents: MemoryConsents,
        audit: MemoryAuditLog,
        now: Callable[[], datetime],
    ) -> None:
        self._inbox, self._replies, self._outbox, self._records = inbox, replies, outbox, records
        self._consents, self._audit, self._now = consents, audit, now

    async def export(self, user: UserId) -> Sequence[PersonalRecord]:
        """See PersonalData.export."""
        return [PersonalRecord(store, readable(value)) for store, value in self._about(user)]

    def _about(self, user: UserId) -> Iterator[tuple[str, DataclassInstance]]:
        records = self._records
        yield from (("inbox", event) for event in self._inbox.items() if event.user == user)
        yield from (("outbox", reply) for reply in self._replies.items() if reply.user == user)
        parked = self._outbox.parked.values()
        yield from (("outbox", item.reply) for item in parked if item.reply.user == user)
        turns = (turn for line in records.turns.values() for turn in line)
        yield from (("turns", turn) for turn in turns if turn.user == user)
        made = records.generations.values()
        yield from (("generations", item) for item in made if item.user == user)
        yield from (("ratings", vote) for vote in records.ratings.values() if vote.user == user)
        yield from (("consents", item) for item in self._consents.decisions.get(user, []))
        yield from (("audit", entry) for entry in self._audit.log if mentions(entry, user))

    async def erase(self, user: UserId) -> ErasureReceipt:
        """See PersonalData.erase."""
        removed = dict.fromkeys(STORES, 0)
        removed |= self._erase_queues(user)
        removed |= self._erase_records(user)
        removed["consents"] = len(self._consents.decisions.pop(user, []))
        for place, entry in enumerate(self._audit.log):
            if mentions(entry, user):
                self._audit.log[place] = without_name(entry, user)
                removed["audit"] += 1
        return ErasureReceipt(user, self._now(), removed)

    def _erase_queues(self, user: UserId) -> dict[str, int]:
        outbox = self._outbox
        events = self._inbox.drop(lambda event: event.user == user)
        replies = len(self._replies.drop(lambda reply: reply.user == user))
        replies += _drop(outbox.parked, lambda _, item: item.reply.user == user)
        replies += _drop(outbox.shown, lambda _, shown: shown[1] == user)
        return {"inbox": len(events), "outbox": replies}

    def _erase_records(self, user: UserId) -> dict[str, int]:
        records = self._records
        gone = {key for key, made in records.generations.items() if made.user == user}
        places = {records.generations[key].conversation for key in gone}
        places |= {
            turn.conversation
            for turns in records.turns.values()
            for turn in turns
            if turn.user == user
        }
        removed = {
            "turns": _drop_turns(records, lambda turn: turn.user == user),
            "generations": _drop(records.generations, lambda key, _: key in gone),
            "ratings": _drop(records.ratings, lambda key, _: key[1] == user or key[0] in gone),
        }
        for place in places & records.answers.keys():
            records.answers[place] = [key for key in records.answers[place] if key not in gone]
        removed["quotes"] = self._drop_quotes(places)
        return removed

    def _drop_quotes(self, places: set[ConversationId]) -> int:
        made = self._records.generations
        quoting = [key for key, item in made.items() if item.conversation in places and item.prompt]
        for key in quoting:
            made[key] = replace(made[key], prompt=())
        left = {item.conversation for item in made.values()} | self._records.turns.keys()
        for alone in places - left:
            self._records.models.pop(alone, None)
        return len(quoting)


class MemoryRetention:
    """See Retention. Ended events and delivered replies hold no text in the first place."""

    def __init__(
        self,
        records: Records,
        outbox: MemoryOutbox,
        consents: MemoryConsents,
        now: Callable[[], datetime],
    ) -> None:
        self._records, self._outbox = records, outbox
        self._consents, self._now = consents, now

    async def purge(self, older_than: timedelta) -> Mapping[str, int]:
        """See Retention.purge.

        Texts of generations stay while their person allows training, reasons of ratings while
        theirs allows feedback. Where an old answer is shown is forgotten with it.
        """
        before = self._now() - older_than
        _drop(self._outbox.shown, lambda _, shown: shown[2] < before)
        return {
            "inbox": 0,
            "outbox": _drop(self._outbox.parked, lambda _, item: item.at < before),
            "turns": _drop_turns(self._records, lambda turn: turn.at < before),
            "generations": self._purge_generations(before),
            "ratings": self._purge_reasons(before),
        }

    def _purge_generations(self, before: datetime) -> int:
        made = self._records.generations
        old = [
            key
            for key, item in made.items()
            if item.at < before
            and (item.prompt or item.completion)
            and not self._consents.allowed(item.user, Purpose.TRAINING)
        ]
        for key in old:
            made[key] = replace(made[key], prompt=(), completion="")
        return len(old)

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


def _drop(table: dict[Key, Value], unwanted: Callable[[Key, Value], bool]) -> int:
    doomed = [key for key, value in table.items() if unwanted(key, value)]
    for key in doomed:
        del table[key]
    return len(doomed)


def _drop_turns(records: Records, unwanted: Callable[[Turn], bool]) -> int:
    removed = 0
    for conversation, turns in list(records.turns.items()):
        kept = [turn for turn in turns if not unwanted(turn)]
        removed += len(turns) - len(kept)
        if kept:
            records.turns[conversation] = kept
        else:
            del records.turns[conversation]
    return removed
