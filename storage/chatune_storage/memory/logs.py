"""Consents and audit log, in memory."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from chatune_core.messages import UserId
from chatune_core.outcomes import AuditEntry
from chatune_core.privacy import Purpose
from chatune_storage.personal import Decision

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
