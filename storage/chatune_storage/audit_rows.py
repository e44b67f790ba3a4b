"""The rows of the audit log: lengthened under one lock, and the names in them taken out."""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import (
    Connection,
    LargeBinary,
    RowMapping,
    bindparam,
    cast,
    func,
    insert,
    select,
    text,
    update,
)

from chatune_core.outcomes import AuditEntry
from chatune_storage.audit_chain import SPOKEN, START, AuditChain, Head, entry_from
from chatune_storage.personal import mentions
from chatune_storage.tables import audit, settings

HEAD = "audit head"
"""The name of the log's head among the settings."""
SAID = [audit.c.id, *(audit.c[name] for name in SPOKEN)]
"""The columns that people read."""
COLUMNS = [
    cast(column, LargeBinary).label(column.name) if isinstance(column.type, LargeBinary) else column
    for column in audit.columns
]
"""All columns. Cast, because SQLite takes text where bytes belong, from other hands."""
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:lock)").bindparams(lock=0x6368_6174_6175_6469)
_CHUNK = 1000
_END = select(
    select(settings.c.value).where(settings.c.name == HEAD).scalar_subquery(),
    select(func.max(audit.c.id)).scalar_subquery(),
)
_MOVE_HEAD = update(settings).where(settings.c.name == HEAD)
_CHANGE = update(audit).where(audit.c.id == bindparam("of_id"))


def stored_end(connection: Connection) -> tuple[bytes | None, int]:
    """Return the head as it is stored, and the newest number that a row has (0 if none)."""
    stored, newest = connection.execute(_END).one()
    return stored, newest or 0


def append(connection: Connection, chain: AuditChain, entries: Sequence[AuditEntry]) -> None:
    """Add `entries` to the log: the last thing that a transaction does.

    From here to the commit the log waits for nobody else's locks, so nobody waits in a circle.

    What somebody did to the log behind the store's back stays to be seen: new rows follow the
    head, whatever stands behind it, and a head that was changed is never made good.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_AT_A_TIME)
    stored, newest = stored_end(connection)
    head = chain.opened(stored)
    if head is None:
        newest_hash = select(cast(audit.c.hash, LargeBinary)).where(audit.c.id == newest)
        after = Head(newest, connection.execute(newest_hash).scalar() or START)
    else:
        after = Head(max(head.number, newest), head.hash)
    rows, end = chain.linked(entries, after)
    connection.execute(insert(audit), rows)
    if head is not None:
        connection.execute(_MOVE_HEAD, {"value": chain.closed(end)})


def unname(connection: Connection, chain: AuditChain, named: Callable[[str], bool]) -> int:
    """Take every name that is `named` out of the log; return in how many entries there was one."""
    rows = connection.execute(select(*SAID)).mappings()
    ids = [row["id"] for row in rows if mentions(entry_from(row), named)]
    for row in _locked(connection, ids):
        connection.execute(_CHANGE, {"of_id": row["id"], **chain.unnamed(row, named)})
    return len(ids)


def _locked(connection: Connection, ids: Sequence[int]) -> Iterator[RowMapping]:
    """Yield the rows as they are now: another erasure may have changed them since."""
    for start in range(0, len(ids), _CHUNK):
        these = select(*COLUMNS).where(audit.c.id.in_(ids[start : start + _CHUNK]))
        locked = these.order_by(audit.c.id).with_for_update()
        yield from connection.execute(locked).mappings().all()
