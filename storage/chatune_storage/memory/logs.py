"""Consents and audit log, in memory."""

import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from chatune_core.messages import UserId
from chatune_core.outcomes import AuditEntry, ConsentChanged
from chatune_core.ports import Broken
from chatune_core.privacy import Purpose
from chatune_storage.audit_chain import START, AuditChain, Head, Row, entry_from
from chatune_storage.audit_check import Surroundings, end_of, first_misfit, misfit
from chatune_storage.keys import KEY_BYTES
from chatune_storage.memory.links import MemoryLinks
from chatune_storage.personal import Decision, mentions

_AUDIT_KEPT = 10_000


class MemoryConsents:
    """See Consents. Nothing outlives the process."""

    def __init__(
        self,
        links: MemoryLinks,
        now: Callable[[], datetime],
        withdrawn: Callable[[Collection[UserId]], None],
    ) -> None:
        """Tell `withdrawn` who no longer agrees to training, under every identity."""
        self._links, self._now, self._withdrawn = links, now, withdrawn
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
        self._add(Decision(user, purpose, granted, source, self._now()))

    def decide(self, change: ConsentChanged) -> None:
        """Record a decision that has a time."""
        self._add(Decision(change.user, change.purpose, change.granted, change.source, change.at))

    def _add(self, decision: Decision) -> None:
        circle = self._links.circle_of(decision.user)
        for user in circle:
            self.decisions.setdefault(user, []).append(replace(decision, user=user))
        if decision.purpose is Purpose.TRAINING and not decision.granted:
            self._withdrawn(circle)


class MemoryAuditLog:
    """See AuditLog. The newest 10,000 entries are kept; nothing outlives the process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._chain, self._head = AuditChain(secrets.token_bytes(KEY_BYTES)), Head(0, START)
        self.rows: deque[Row] = deque(maxlen=_AUDIT_KEPT)

    async def append(
        self, actor: str, action: str, subject: str, details: Mapping[str, str | int | float | bool]
    ) -> None:
        """See AuditLog.append."""
        self.add(AuditEntry(self._now(), actor, action, subject, dict(details)))

    def add(self, entry: AuditEntry) -> None:
        """Add an entry that has a time."""
        rows, self._head = self._chain.linked([entry], self._head)
        self.rows += rows

    async def entries(self, limit: int) -> Sequence[AuditEntry]:
        """See AuditLog.entries."""
        return [entry_from(row) for row in islice(reversed(self.rows), max(0, limit))]

    def about(self, named: Callable[[str], bool]) -> list[AuditEntry]:
        """Return the entries in which a name is `named`, oldest first."""
        return [entry for entry in map(entry_from, self.rows) if mentions(entry, named)]

    def unname(self, named: Callable[[str], bool]) -> int:
        """Take every name that is `named` out of the log; return in how many entries it was."""
        rows = [row for row in self.rows if mentions(entry_from(row), named)]
        for row in rows:
            row.update(self._chain.unnamed(row, named))
        return len(rows)

    async def verify(self) -> Broken | None:
        """See AuditLog.verify. It begins at the oldest entry that is kept."""
        first = self.rows[0] if self.rows else None
        dropped = self._head.number > _AUDIT_KEPT
        start = Head(first["id"] - 1, first["previous"]) if first and dropped else Head(0, START)
        reached, row = first_misfit(self._chain, self.rows, start)
        if row is None:
            return end_of(reached, self._head)
        hashes = [other["hash"] for other in self.rows]
        following = next(
            (other["previous"] for other in self.rows if other["id"] > row["id"]), None
        )
        same, before = hashes.count(row["hash"]), hashes.count(row["previous"])
        return misfit(self._chain, row, reached, Surroundings(self._head, following, same, before))
