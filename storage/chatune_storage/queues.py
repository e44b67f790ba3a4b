"""The statements of the two queue tables: claim, renew, rest, end, let the next one go.

Every `state` is written into the text: SQLite uses a partial index only if it sees the constant.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from sqlalchemy import Connection

from chatune_core.messages import ConversationId
from chatune_storage.statements import Among, Rows, Statement, Values
from chatune_storage.tables import CLAIMED, ENDED, READY, RESTING, WAITING

Key = TypeVar("Key", str, bytes)

# One walk of an index for each platform: sorting all that is ready would take longer the more waits.
_SQLITE_READY = f"""
  SELECT seq FROM (
    SELECT seq FROM {{table}} INDEXED BY {{table}}_{{index}}
    WHERE state = {READY} {{of_platform}} ORDER BY seq LIMIT :limit)
  UNION ALL"""
_SQLITE_CLAIM = f"""
UPDATE {{table}} SET state = {CLAIMED}, attempt = attempt + 1, free_at = :until WHERE seq IN (
  {{ready}}
  SELECT seq FROM (
    SELECT seq FROM {{table}} INDEXED BY {{table}}_timed
    WHERE state IN ({CLAIMED}, {RESTING}) AND free_at <= :now {{of_platforms}}
    ORDER BY seq LIMIT :limit)
  ORDER BY seq LIMIT :limit)
RETURNING seq, {{key}}, person_id, attempt, payload
"""
_POSTGRES_READY = f"""
  SELECT seq FROM (
    SELECT seq FROM {{table}}
    WHERE state = {READY} {{of_platform}} ORDER BY seq LIMIT :limit
    FOR UPDATE SKIP LOCKED) AS {{index}}_{{number}}
  UNION ALL"""
# Materialized: run twice, a part that skips what is locked gives other rows.
# `seq + 0` keeps the planner from walking the whole table in the order of its primary key.
_POSTGRES_CLAIM = f"""
WITH lapsed AS (
  SELECT seq FROM {{table}}
  WHERE state IN ({CLAIMED}, {RESTING}) AND free_at <= :now {{of_platforms}}
  ORDER BY seq + 0 LIMIT :limit FOR UPDATE SKIP LOCKED
), picked AS MATERIALIZED ({{ready}}
  SELECT seq FROM lapsed ORDER BY seq LIMIT :limit
)
UPDATE {{table}} AS q SET state = {CLAIMED}, attempt = attempt + 1, free_at = :until
FROM picked WHERE q.seq = picked.seq
RETURNING q.seq, q.{{key}}, q.person_id, q.attempt, q.payload
"""
# In one order everywhere, or two transactions with the same lines deadlock.
_LOCK_LINES = (
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
    """One queue table; rows are named by `key`, a column with a unique index.

    Only rows of `platforms` are claimed, or all if that is None. No row of a line is let go while
    the table `behind` has an unfinished one in it.
    """

    def __init__(
        self,
        dialect: str,
        table: str,
        key: str,
        platforms: Collection[str] | None,
        behind: str = "",
    ) -> None:
        names = sorted(set(platforms or ()))
        self._platforms = {f"platform_{number}": name for number, name in enumerate(names)}
        self._claims = platforms is None or bool(names)
        self._claim = _claim(dialect, table, key, self._platforms)
        self._rest = Statement(
            dialect,
            f"UPDATE {table} SET state = {RESTING}, free_at = :free_at WHERE {key} = :key AND {HELD}",
        )
        self._promote = Among(
            dialect,
            "line",
            f"UPDATE {table} SET state = {READY} WHERE state = {WAITING} AND seq IN ("
            f"SELECT min(seq) FROM {table} WHERE {{among}} AND state < {ENDED} GROUP BY line)"
            + (_nothing_open(behind, table) if behind else "")
            + " RETURNING seq",
        )
        self._abandon = Statement(
            dialect, f"UPDATE {table} SET free_at = 0 WHERE state = {CLAIMED}"
        )

    def claim(
        self, connection: Connection, limit: int, now: int, until: int
    ) -> Sequence[Claimed[Key]]:
        """Claim up to `limit` rows until the time `until`, oldest first."""
        if not self._claims:
            return []
        asked = {"limit": limit, "now": now, "until": until, **self._platforms}
        found = self._claim.rows(connection, asked)
        return sorted((Claimed(*row) for row in found), key=attrgetter("seq"))

    def rest(self, connection: Connection, rests: Sequence[tuple[Key, int, int]]) -> None:
        """Give claims back: key, attempt, and the time before which the row is not claimable."""
        rows = ({"key": key, "attempt": attempt, "free_at": at} for key, attempt, at in rests)
        self._rest.run(connection, rows)

    def abandon(self, connection: Connection) -> None:
        """Let every claim run out at once: those who made them are known to be dead."""
        self._abandon.run(connection, [{}])

    def promote(self, connection: Connection, lines: Collection[str]) -> None:
        """Let the first row of each line be claimed."""
        if lines:
            self._promote.of(connection, lines)


@dataclass(frozen=True, slots=True)
class Queues:
    """Both queues of a database; `dialect` is "sqlite" or "postgresql"."""

    dialect: str
    inbox: Queue[bytes]
    outbox: Queue[str]
    lock: Statement

    def lock_lines(self, connection: Connection, lines: Sequence[str]) -> None:
        """Have one transaction at a time decide who is first in these lines.

        SQLite has one writer anyway.
        """
        if lines and self.dialect == "postgresql":
            self.lock.run(connection, [{"lines": lines}])


def queues_of(dialect: str, platforms: Collection[str] | None = None) -> Queues:
    """Return the queues in the SQL of `dialect`; only rows of `platforms` are claimed."""
    return Queues(
        dialect,
        Queue(dialect, "inbox", "key_hash", platforms, behind="outbox"),
        Queue(dialect, "outbox", "answers", platforms),
        Statement(dialect, _LOCK_LINES),
    )


def _nothing_open(table: str, waiting: str) -> str:
    return (
        f" AND NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.line = {waiting}.line"
        f" AND {table}.state < {ENDED})"
    )


def platform_of(conversation: ConversationId) -> str:
    """Return the platform that the conversation is on."""
    return conversation.partition(":")[0]


def _claim(dialect: str, table: str, key: str, platforms: Iterable[str]) -> Statement:
    """Return the claim of rows of the platforms bound to these names, or of all if there are none."""
    ready, claim = _SQLITE_READY, _SQLITE_CLAIM
    if dialect == "postgresql":
        ready, claim = _POSTGRES_READY, _POSTGRES_CLAIM
    names = [f":{name}" for name in platforms]
    parts = [{"index": "platform", "of_platform": f"AND platform = {name}"} for name in names]
    if not names:
        parts = [{"index": "ready", "of_platform": ""}]
    walks = [ready.format(table=table, number=number, **part) for number, part in enumerate(parts)]
    of_platforms = f"AND platform IN ({', '.join(names)})" if names else ""
    ready = "".join(walks)
    claim = claim.format(table=table, key=key, ready=ready, of_platforms=of_platforms)
    return Statement(dialect, claim)


class Held(Generic[Key]):
    """A change to rows of `table` whose claims still stand; `returning` names its columns."""

    def __init__(self, dialect: str, table: str, key: str, change: str, returning: str) -> None:
        self._each = dialect == "sqlite"  # where a statement travels nowhere
        which = f"{key} = :key" if self._each else f"{key} = ANY(:keys)"
        changed = f"UPDATE {table} SET {change} WHERE {which} AND {HELD} RETURNING {returning}"
        self._change = Statement(dialect, changed)

    def rows(
        self, connection: Connection, claims: Iterable[tuple[Key, int]], values: Values
    ) -> Rows:
        """Change the rows of these claims, each a key and an attempt; return those that stood."""
        asked: Iterable[Values]
        if self._each:
            asked = ({"key": key, "attempt": attempt, **values} for key, attempt in claims)
        else:
            groups = _by_attempt(claims).items()
            asked = ({"keys": keys, "attempt": attempt, **values} for attempt, keys in groups)
        return [row for each in asked for row in self._change.rows(connection, each)]


def _by_attempt(claims: Iterable[tuple[Key, int]]) -> Mapping[int, list[Key]]:
    """Group claims by their number, which is 1 for nearly all."""
    groups: dict[int, list[Key]] = defaultdict(list)
    for key, attempt in claims:
        groups[attempt].append(key)
    return groups
