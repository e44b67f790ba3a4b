"""The outbox in a database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from anyio import CancelScope

from chatune_core.messages import EventKey, MessageKey
from chatune_core.ports import ReplyLease
from chatune_storage.codec import reply_from
from chatune_storage.effects import REPLY
from chatune_storage.keyring import Keyring
from chatune_storage.queues import HELD
from chatune_storage.statements import Statement
from chatune_storage.tables import ENDED
from chatune_storage.writer import Transaction, Writer

_MICROSECOND = timedelta(microseconds=1)
# An ended reply keeps its line, so that it is found when the workspace goes.
_DELIVERED = (
    f"UPDATE outbox SET state = {ENDED}, ended_at = :now, payload = NULL "
    f"WHERE answers = :key AND {HELD}"
)
_PARKED = (
    f"UPDATE outbox SET state = {ENDED}, ended_at = :now, parked_because = :reason "
    f"WHERE answers = :key AND {HELD}"
)
_SHOWN = (
    "INSERT INTO shown (message, answers) SELECT CAST(:message AS text), answers FROM outbox "
    f"WHERE answers = :key AND {HELD} "
    "ON CONFLICT (message) DO UPDATE SET answers = excluded.answers"
)


@dataclass(frozen=True, slots=True)
class _Ending:
    """What became of a lease: shown as messages, parked for a reason, or given back."""

    lease: ReplyLease
    messages: tuple[MessageKey, ...] = ()
    reason: str = ""
    after: int = 0


class SqlOutbox:
    """See Outbox."""

    def __init__(
        self, writer: Writer, keyring: Keyring, dialect: str, lease_for: timedelta
    ) -> None:
        self._writer, self._keyring = writer, keyring
        self._lease_for = lease_for // _MICROSECOND
        self._delivered = Statement(dialect, _DELIVERED)
        self._parked = Statement(dialect, _PARKED)
        self._shown = Statement(dialect, _SHOWN)

    async def lease(self, limit: int) -> Sequence[ReplyLease]:
        """See Outbox.lease."""
        return await self._writer.claim(self._lease, limit, self._give_back)

    async def delivered(self, lease: ReplyLease, messages: Sequence[MessageKey]) -> None:
        """See Outbox.delivered."""
        ending = _Ending(lease, tuple(messages))
        await self._writer.change(self._deliver_all, ending, lines=(lease.reply.conversation,))

    async def release(self, lease: ReplyLease, after: timedelta) -> None:
        """See Outbox.release."""
        await self._writer.change(_release_all, _Ending(lease, after=after // _MICROSECOND))

    async def park(self, lease: ReplyLease, reason: str) -> None:
        """See Outbox.park."""
        ending = _Ending(lease, reason=reason)
        await self._writer.change(self._park_all, ending, lines=(lease.reply.conversation,))

    def _lease(
        self, transaction: Transaction, limits: Sequence[int]
    ) -> Sequence[Sequence[ReplyLease]]:
        return [self._lease_up_to(transaction, limit) for limit in limits]

    def _lease_up_to(self, transaction: Transaction, limit: int) -> Sequence[ReplyLease]:
        connection, now = transaction.connection, transaction.now
        claimed = transaction.queues.outbox.claim(connection, limit, now, now + self._lease_for)
        keys = self._keyring.of_rows(connection, {row.person_id for row in claimed})
        leases = []
        for row in claimed:
            key = keys[row.person_id]
            said = key.open(REPLY, row.key, row.payload)
            leases.append(ReplyLease(reply_from(EventKey(row.key), key.user, said), row.attempt))
        return leases

    def _deliver_all(self, transaction: Transaction, endings: Sequence[_Ending]) -> Sequence[None]:
        # Of two reports on one claim at once the first counts.
        first = {(e.lease.reply.answers, e.lease.attempt): e for e in reversed(endings)}
        rows = [_named(transaction, ending) for ending in first.values()]
        shown = [
            {**row, "message": message}
            for row, ending in zip(rows, first.values(), strict=True)
            for message in ending.messages
        ]
        self._shown.run(transaction.connection, shown)
        self._delivered.run(transaction.connection, rows)
        return [None] * len(endings)

    def _park_all(self, transaction: Transaction, endings: Sequence[_Ending]) -> Sequence[None]:
        rows = [_named(transaction, ending) | {"reason": ending.reason} for ending in endings]
        self._parked.run(transaction.connection, rows)
        return [None] * len(endings)

    async def _give_back(self, leases: Sequence[ReplyLease]) -> None:
        with CancelScope(shield=True):
            for lease in leases:
                await self.release(lease, timedelta())


def _named(transaction: Transaction, ending: _Ending) -> dict[str, object]:
    transaction.outbox_lines.add(ending.lease.reply.conversation)
    transaction.inbox_lines.add(ending.lease.reply.conversation)  # its next event waited for this
    return {
        "key": ending.lease.reply.answers,
        "attempt": ending.lease.attempt,
        "now": transaction.now,
    }


def _release_all(transaction: Transaction, endings: Sequence[_Ending]) -> Sequence[None]:
    now = transaction.now
    rests = [
        (ending.lease.reply.answers, ending.lease.attempt, now + ending.after) for ending in endings
    ]
    transaction.queues.outbox.rest(transaction.connection, rests)
    return [None] * len(endings)
