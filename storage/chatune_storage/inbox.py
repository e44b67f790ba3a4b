"""The inbox in a database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from anyio import CancelScope
from sqlalchemy import Connection, text

from chatune_core.messages import EventKey, Inbound, StopRequested, line_of
from chatune_core.ports import EventLease, Standing
from chatune_storage.codec import event_from, event_text
from chatune_storage.keyring import Keyring
from chatune_storage.queues import Held, platform_of
from chatune_storage.statements import Statement, Values
from chatune_storage.tables import CLAIMED, ENDED, READY, WAITING
from chatune_storage.writer import Transaction, Writer

PAYLOAD = "inbox.payload"
_MICROSECOND = timedelta(microseconds=1)
# What an event is stored with, and PostgreSQL's types of it.
_TYPES = {
    "key_hash": "bytea",
    "line": "text",
    "person_id": "bigint",
    "payload": "bytea",
    "state": "smallint",
    "attempt": "integer",
    "free_at": "bigint",
    "stopping": "boolean",
    "platform": "text",
}
# A stop that was never stored means whatever runs now.
_STOP = text(
    f"UPDATE inbox SET stopping = :stopping WHERE state = {CLAIMED} AND seq = "
    f"(SELECT min(seq) FROM inbox WHERE line = :line AND state < {ENDED}) "
    f"AND seq < coalesce((SELECT seq FROM inbox WHERE key_hash = :stop), {2**63 - 1}) "
    "RETURNING key_hash, person_id, payload"
)


@dataclass(frozen=True, slots=True)
class _Release:
    key_hash: bytes
    attempt: int
    after: int


class SqlInbox:
    """See Inbox."""

    def __init__(
        self, writer: Writer, keyring: Keyring, dialect: str, lease_for: timedelta
    ) -> None:
        self._writer, self._keyring = writer, keyring
        self._lease_for = lease_for // _MICROSECOND
        self._insert = _Insert(dialect)
        self._renew: Held[bytes] = Held(
            dialect, "inbox", "key_hash", "free_at = :until", "key_hash, stopping"
        )

    async def put(self, event: Inbound) -> bool:
        """See Inbox.put."""
        line = line_of(event)
        lines = () if line is None else (line,)
        return await self._writer.change(self._put, event, (event.user,), lines)

    async def lease(self, limit: int) -> Sequence[EventLease]:
        """See Inbox.lease."""
        return await self._writer.claim(self._lease, limit, self._give_back)

    async def renew(self, leases: Sequence[EventLease]) -> Mapping[EventKey, Standing]:
        """See Inbox.renew."""
        if not leases:
            return {}
        return await self._writer.change(self._renew_all, leases)

    async def release(self, lease: EventLease, after: timedelta) -> None:
        """See Inbox.release."""
        key_hash = self._keyring.hashed(lease.event.key)
        release = _Release(key_hash, lease.attempt, after // _MICROSECOND)
        await self._writer.change(_release_all, release)

    async def request_stop(self, stop: StopRequested) -> EventKey | None:
        """See Inbox.request_stop."""
        return await self._writer.change(self._stop_all, stop)

    def _put(self, transaction: Transaction, events: Sequence[Inbound]) -> Sequence[bool]:
        rows: dict[bytes, dict[str, object]] = {}
        first: list[bytes | None] = []
        for event in events:
            key_hash = self._keyring.hashed(event.key)
            first.append(None if key_hash in rows else key_hash)
            if key_hash not in rows:
                rows[key_hash] = _row(transaction, event, key_hash)
        stored = self._insert.stored(transaction.connection, list(rows.values()))
        transaction.inbox_lines.update(
            line
            for event, key_hash in zip(events, first, strict=True)
            if key_hash in stored and (line := line_of(event)) is not None
        )
        return [key_hash in stored for key_hash in first]

    def _lease(
        self, transaction: Transaction, limits: Sequence[int]
    ) -> Sequence[Sequence[EventLease]]:
        return [self._lease_up_to(transaction, limit) for limit in limits]

    def _lease_up_to(self, transaction: Transaction, limit: int) -> Sequence[EventLease]:
        connection, now = transaction.connection, transaction.now
        until = now + self._lease_for
        claimed = transaction.queues.inbox.claim(connection, limit, now, until)
        keys = self._keyring.of_rows(connection, {row.person_id for row in claimed})
        return [
            EventLease(
                event_from(keys[row.person_id].open(PAYLOAD, row.key.hex(), row.payload)),
                row.attempt,
            )
            for row in claimed
        ]

    async def _give_back(self, leases: Sequence[EventLease]) -> None:
        with CancelScope(shield=True):
            for lease in leases:
                await self.release(lease, timedelta())

    def _renew_all(
        self, transaction: Transaction, asked: Sequence[Sequence[EventLease]]
    ) -> Sequence[Mapping[EventKey, Standing]]:
        return [self._renewed(transaction, leases) for leases in asked]

    def _renewed(
        self, transaction: Transaction, leases: Sequence[EventLease]
    ) -> Mapping[EventKey, Standing]:
        hashes = {self._keyring.hashed(lease.event.key): lease for lease in leases}
        standings = {lease.event.key: Standing.LOST for lease in leases}
        claims = ((key_hash, lease.attempt) for key_hash, lease in hashes.items())
        until = {"until": transaction.now + self._lease_for}
        for key_hash, stopping in self._renew.rows(transaction.connection, claims, until):
            standing = Standing.STOPPED if stopping else Standing.HELD
            standings[hashes[key_hash].event.key] = standing
        return standings

    def _stop_all(
        self, transaction: Transaction, stops: Sequence[StopRequested]
    ) -> Sequence[EventKey | None]:
        return [self._stopping(transaction, stop) for stop in stops]

    def _stopping(self, transaction: Transaction, stop: StopRequested) -> EventKey | None:
        asked = {
            "stopping": True,
            "line": stop.conversation,
            "stop": self._keyring.hashed(stop.key),
        }
        row = transaction.connection.execute(_STOP, asked).first()
        if row is None:
            return None
        key = self._keyring.of_rows(transaction.connection, [row[1]])[row[1]]
        return event_from(key.open(PAYLOAD, row[0].hex(), row[2])).key


class _Insert:
    """Adds events that are not there yet."""

    def __init__(self, dialect: str) -> None:
        # One by one where a statement travels nowhere, else all in one.
        self._each = dialect == "sqlite"
        source = ", ".join(f":{name}" for name in _TYPES)
        if not self._each:
            source = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _TYPES.items())
        rows = f"VALUES ({source})" if self._each else f"SELECT * FROM unnest({source})"
        self._statement = Statement(
            dialect,
            f"INSERT INTO inbox ({', '.join(_TYPES)}) {rows} "
            "ON CONFLICT DO NOTHING RETURNING key_hash",
        )

    def stored(self, connection: Connection, rows: Sequence[Values]) -> set[bytes]:
        """Return the key hashes of those that were added."""
        if not self._each:
            rows = [{name: [row[name] for row in rows] for name in _TYPES}]
        return {row[0] for each in rows for row in self._statement.rows(connection, each)}


def _row(transaction: Transaction, event: Inbound, key_hash: bytes) -> dict[str, object]:
    key = transaction.keys[event.user]
    line = line_of(event)
    return {
        "key_hash": key_hash,
        "line": line,
        "person_id": key.id,
        "payload": key.seal(PAYLOAD, key_hash.hex(), event_text(event)),
        "state": READY if line is None else WAITING,
        "attempt": 0,
        "free_at": transaction.now,
        "stopping": False,
        "platform": platform_of(event.conversation),
    }


def _release_all(transaction: Transaction, releases: Sequence[_Release]) -> Sequence[None]:
    now = transaction.now
    rests = [(item.key_hash, item.attempt, now + item.after) for item in releases]
    transaction.queues.inbox.rest(transaction.connection, rests)
    return [None] * len(releases)
