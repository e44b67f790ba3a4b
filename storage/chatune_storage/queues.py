"""The statements of the two queue tables: claim, renew, rest, end, let the next one go.

Every `state` is written into the text: SQLite uses a partial index only if it sees the constant.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from sqlalchemy import BindParameter, Connection, TextClause, bindparam, text

from chatune_storage.tables import CLAIMED, ENDED, READY, RESTING, WAITING

Key = TypeVar("Key", str, bytes)

_SQLITE_CLAIM = f"""
UPDATE {{table}} SET state = {CLAIMED}, attempt = attempt + 1, free_at = :until WHERE seq IN (
  SELECT seq FROM (
    SELECT seq FROM {{table}} INDEXED BY {{table}}_ready
    WHERE state = {READY} ORDER BY seq LIMIT :limit)
  UNION ALL
  SELECT seq FROM (
    SELECT seq FROM {{table}} INDEXED BY {{table}}_timed
    WHERE state IN ({CLAIMED}, {RESTING}) AND free_at <= :now ORDER BY seq LIMIT :limit)
  ORDER BY seq LIMIT :limit)
RETURNING seq, {{key}}, person_id, attempt, payload
"""
# `seq + 0` keeps the planner from walking the whole table in the order of its primary key.
_POSTGRES_CLAIM = f"""
WITH ready AS (
  SELECT seq FROM {{table}} WHERE state = {READY} ORDER BY seq LIMIT :limit
  FOR UPDATE SKIP LOCKED
), lapsed AS (
  SELECT seq FROM {{table}} WHERE state IN ({CLAIMED}, {RESTING}) AND free_at <= :now
  ORDER BY seq + 0 LIMIT :limit FOR UPDATE SKIP LOCKED
), picked AS (
  SELECT seq FROM ready UNION ALL SELECT seq FROM lapsed ORDER BY seq LIMIT :limit
)
UPDATE {{table}} AS q SET state = {CLAIMED}, attempt = attempt + 1, free_at = :until
FROM picked WHERE q.seq = picked.seq
RETURNING q.seq, q.{{key}}, q.person_id, q.attempt, q.payload
"""
# In one order everywhere, or two transactions with the same lines deadlock.
_LOCK_LINES = text(
    "SELECT pg_advisory_xact_lock(number) FROM (SELECT DISTINCT hashtextextended(line, 0) AS number"
    " FROM unnest(CAST(:lines AS text[])) AS line ORDER BY number) AS numbers"
)
HELD = f"attempt = :attempt AND state = {CLAIMED}"
"""A row whose claim number `:attempt` still stands."""


@dataclass(frozen=True, slots=True)
class Claimed(Generic[Key]):
    """A row as it was claimed."""

    seq: int
    key: Key
    person_id: int
    attempt: int
    payload: bytes


class Queue(Generic[Key]):
    """One queue table; rows are named by `key`, a column with a unique index."""

    def __init__(self, dialect: str, table: str, key: str) -> None:
        claim = _SQLITE_CLAIM if dialect == "sqlite" else _POSTGRES_CLAIM
        self._claim = text(claim.format(table=table, key=key))
        self._rest = text(
            f"UPDATE {table} SET state = {RESTING}, free_at = :free_at WHERE {key} = :key AND {HELD}"
        )
        self._promote = among(
            dialect,
            "line",
            f"UPDATE {table} SET state = {READY} WHERE state = {WAITING} AND seq IN ("
            f"SELECT min(seq) FROM {table} WHERE {{among}} AND state < {ENDED} GROUP BY line)",
        )

    def claim(
        self, connection: Connection, limit: int, now: int, until: int
    ) -> Sequence[Claimed[Key]]:
        """Claim up to `limit` rows until the time `until`, oldest first."""
        found = connection.execute(self._claim, {"limit": limit, "now": now, "until": until})
        return sorted((Claimed(*row) for row in found), key=attrgetter("seq"))

    def rest(self, connection: Connection, rests: Sequence[tuple[Key, int, int]]) -> None:
        """Give claims back: key, attempt, and the time before which the row is not claimable."""
        rows = [{"key": key, "attempt": attempt, "free_at": at} for key, attempt, at in rests]
        connection.execute(self._rest, rows)

    def promote(self, connection: Connection, lines: Iterable[str]) -> None:
        """Let the first row of each line be claimed."""
        keys = list(lines)
        if keys:
            connection.execute(self._promote, {"keys": keys})


@dataclass(frozen=True, slots=True)
class Queues:
    """Both queues of a database; `dialect` is "sqlite" or "postgresql"."""

    dialect: str
    inbox: Queue[bytes]
    outbox: Queue[str]

    def lock_lines(self, connection: Connection, lines: Sequence[str]) -> None:
        """Have one transaction at a time decide who is first in these lines.

        SQLite has one writer anyway.
        """
        if lines and self.dialect == "postgresql":
            connection.execute(_LOCK_LINES, {"lines": lines})


def queues_of(dialect: str) -> Queues:
    """Return the queues in the SQL of `dialect`."""
    return Queues(dialect, Queue(dialect, "inbox", "key_hash"), Queue(dialect, "outbox", "answers"))


def among(dialect: str, column: str, statement: str) -> TextClause:
    """Return `statement` with `{among}` asking that `column` is one of the list `:keys`."""
    if dialect == "sqlite":
        one_of: BindParameter[object] = bindparam("keys", expanding=True)
        return text(statement.format(among=f"{column} IN :keys")).bindparams(one_of)
    # One text whatever the length, so that the server's prepared statement is used again.
    return text(statement.format(among=f"{column} = ANY(:keys)"))


def by_attempt(claims: Iterable[tuple[Key, int]]) -> Mapping[int, list[Key]]:
    """Group claims by their number, which is 1 for nearly all."""
    groups = defaultdict[int, list[Key]](list)
    for key, attempt in claims:
        groups[attempt].append(key)
    return groups
