"""Writes of many callers, gathered into one transaction at a time."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from chatune_core.errors import RetryLater
from chatune_core.messages import UserId
from chatune_core.outcomes import AuditEntry
from chatune_storage.audit_chain import AuditChain
from chatune_storage.audit_rows import append
from chatune_storage.coalescer import Coalescer
from chatune_storage.database import Database
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.queues import Queues
from chatune_storage.tables import microseconds

Unit = TypeVar("Unit")
Result = TypeVar("Result")
_BATCH = 512
_TRIES = 2
# What is put and who is woken for it, what is committed and who sends it, become one transaction.
_GATHERING = 3


@dataclass(slots=True)
class Transaction:
    """What the parts of one transaction share. `lines` of a queue may have a new first row."""

    connection: Connection
    queues: Queues
    keyring: Keyring
    chain: AuditChain
    keys: Mapping[UserId, PersonKey]
    now: int
    """Microseconds since 1970."""
    inbox_lines: set[str] = field(default_factory=set)
    outbox_lines: set[str] = field(default_factory=set)
    entries: list[AuditEntry] = field(default_factory=list)
    """For the audit log, in order; they are written last."""


Apply = Callable[[Transaction, Sequence[Unit]], Sequence[Result]]
"""Does the same to many units in as few statements as possible; one result for each, in order."""


@dataclass(frozen=True, slots=True)
class _Job:
    apply: Apply[Any, Any]
    unit: Any
    users: tuple[UserId, ...]
    lines: tuple[str, ...]
    claims: bool


class Writer:
    """Runs everything that writes to the queues.

    What waits at one time becomes one transaction: first all changes, then the next row of each
    touched line is let go, then claims, which see all of it, then the audit log. Where one job of a transaction
    fails by itself, each is tried on its own.
    """

    def __init__(
        self,
        database: Database,
        queues: Queues,
        keyring: Keyring,
        chain: AuditChain,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._queues, self._keyring = database, queues, keyring
        self._chain, self._now = chain, now
        self._jobs: Coalescer[_Job, Any] = Coalescer(self._flush, _BATCH, _GATHERING)

    async def change(
        self,
        apply: Apply[Unit, Result],
        unit: Unit,
        users: Iterable[UserId] = (),
        lines: Iterable[str] = (),
    ) -> Result:
        """Apply a change that needs the keys of `users` and may alter who is first in `lines`."""
        job = _Job(apply, unit, tuple(users), tuple(lines), claims=False)
        result: Result = await self._jobs.submit(job)
        return result

    async def claim(
        self,
        apply: Apply[Unit, Result],
        unit: Unit,
        abandoned: Callable[[Result], Awaitable[None]],
    ) -> Result:
        """Apply a claim after the changes; give it to `abandoned` if the caller is cancelled."""
        job = _Job(apply, unit, (), (), claims=True)
        result: Result = await self._jobs.submit(job, abandoned)
        return result

    async def _flush(self, jobs: Sequence[_Job]) -> Sequence[object]:
        """Return a result or an error for each job."""
        try:
            return await self._together(jobs)
        except RetryLater:
            raise
        except Exception as error:  # noqa: BLE001 - each caller raises its own
            if len(jobs) == 1:
                return [error]
            return [(await self._flush([job]))[0] for job in jobs]

    async def _together(self, jobs: Sequence[_Job]) -> Sequence[object]:
        for remaining in reversed(range(_TRIES)):
            try:
                return await self._database.write(lambda connection: self._run(connection, jobs))
            except IntegrityError:
                # Most likely a key that was erased elsewhere and is remembered here.
                self._keyring.forget(user for job in jobs for user in job.users)
                if not remaining:
                    raise
        raise AssertionError("the last try returns or raises")

    def _run(self, connection: Connection, jobs: Sequence[_Job]) -> Sequence[object]:
        lines = [line for job in jobs for line in job.lines]
        self._queues.lock_lines(connection, lines)
        users = [user for job in jobs for user in job.users]
        keys = self._keyring.of_users(connection, users) if users else {}
        now = microseconds(self._now())
        transaction = Transaction(connection, self._queues, self._keyring, self._chain, keys, now)
        results: list[object] = [None] * len(jobs)
        self._apply(transaction, jobs, results, claims=False)
        self._queues.inbox.promote(connection, transaction.inbox_lines)
        self._queues.outbox.promote(connection, transaction.outbox_lines)
        self._apply(transaction, jobs, results, claims=True)
        if transaction.entries:
            append(connection, self._chain, transaction.entries)
        return results

    def _apply(
        self, transaction: Transaction, jobs: Sequence[_Job], results: list[object], claims: bool
    ) -> None:
        groups: dict[Apply[Any, Any], list[int]] = defaultdict(list)
        for place, job in enumerate(jobs):
            if job.claims is claims:
                groups[job.apply].append(place)
        for apply, places in groups.items():
            answers = apply(transaction, [jobs[place].unit for place in places])
            for place, answer in zip(places, answers, strict=True):
                results[place] = answer
