"""Taking people out of a database, down to the bytes of its file."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from anyio import to_thread
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    case,
    delete,
    exists,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.sql.dml import Delete
from sqlalchemy.sql.selectable import CompoundSelect

from chatune_core.errors import RetryLater
from chatune_core.outcomes import AuditEntry
from chatune_storage.audit_chain import AuditChain
from chatune_storage.audit_rows import unname
from chatune_storage.database import Database
from chatune_storage.failures import translated
from chatune_storage.lora_rows import mark_stale, taught_by, taught_with
from chatune_storage.personal import MODERATORS, STORES
from chatune_storage.queues import Queues
from chatune_storage.tables import (
    ENDED,
    choices,
    consents,
    corrections,
    generations,
    heard,
    inbox,
    link_codes,
    links,
    lora_people,
    memories,
    memory_notes,
    memory_people,
    memory_uses,
    missed_answers,
    moderation_cases,
    outbox,
    people,
    preferred_answers,
    ratings,
    turns,
)

_CHUNK = 1 << 20
_LOOKED_FOR = 64  # traces; rewriting the file is quicker than to look for more
_People = Select[int]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows per store, byte strings that must not be left in the file, what the audit log says."""

    removed: Mapping[str, int]
    traces: Sequence[bytes]
    entries: Sequence[AuditEntry]


def erase_people(
    connection: Connection,
    queues: Queues,
    chain: AuditChain,
    theirs: ColumnElement[bool],
    named: Callable[[str], bool],
    now: int,
) -> Erased:
    """Remove every row about the people that `theirs` chooses, and their names from the audit log.

    Of an event nothing stays but the hash of its key, so that the platform's second delivery of
    it is still known. Prompts of others go where one of them took part, for they may repeat their
    words.
    """
    removed = dict.fromkeys(STORES, 0)
    entries: list[AuditEntry] = []
    # Locked, so that no row is written with these keys while their rows are taken away.
    wrapped = select(people.c.wrapped_key).where(theirs).order_by(people.c.id).with_for_update()
    traces = connection.execute(wrapped).scalars().all()
    if traces:
        persons = select(people.c.id).where(theirs)
        removed |= _empty_queues(connection, queues, persons, now)
        entries = _taught(connection, persons, now)
        removed["models"] = len(entries)
        removed |= _remove_records(connection, persons)
        removed["keys"] = connection.execute(delete(people).where(theirs)).rowcount
    removed["audit"] = unname(connection, chain, named)
    return Erased(removed, traces, entries)


def ended_event(now: int) -> dict[str, object]:
    """Return what an erased event's row becomes; no claim on it stands."""
    gone = dict.fromkeys(("line", "person_id", "payload", "platform"))
    return {"state": ENDED, "attempt": 0, "ended_at": now, **gone}


def _empty_queues(
    connection: Connection, queues: Queues, persons: _People, now: int
) -> dict[str, int]:
    theirs, replies = inbox.c.person_id.in_(persons), outbox.c.person_id.in_(persons)
    waiting = (
        select(inbox.c.line)
        .where(theirs)
        .union(select(outbox.c.line).where(replies, outbox.c.state < ENDED))
    )
    lines = [line for line in connection.execute(waiting).scalars() if line is not None]
    queues.lock_lines(connection, lines)
    ended = update(inbox).where(theirs).values(ended_event(now))
    removed = {
        "inbox": connection.execute(ended).rowcount,
        "outbox": connection.execute(delete(outbox).where(replies)).rowcount,
    }
    queues.inbox.promote(connection, lines)
    queues.outbox.promote(connection, lines)
    return removed


def _remove_records(connection: Connection, persons: _People) -> dict[str, int]:
    answered = select(generations.c.event).where(generations.c.person_id.in_(persons))
    places = connection.execute(_part_taken(persons)).scalars().all()
    quoting = select(heard.c.event).where(heard.c.person_id.in_(persons))
    # Those of conversations that were begun anew since, above all: no turn tells of them any more.
    quoted = (
        update(generations)
        .where(generations.c.event.in_(quoting), generations.c.prompt.is_not(None))
        .where(generations.c.person_id.not_in(persons))
        .values(prompt=None)
    )
    quotes_taken = connection.execute(quoted).rowcount
    statements = {
        "ratings": delete(ratings).where(
            or_(ratings.c.person_id.in_(persons), ratings.c.answers.in_(answered))
        ),
        "corrections": delete(corrections).where(
            or_(corrections.c.person_id.in_(persons), corrections.c.answers.in_(answered))
        ),
        "preferred_answers": delete(preferred_answers).where(
            or_(
                preferred_answers.c.person_id.in_(persons),
                preferred_answers.c.chosen.in_(answered),
                preferred_answers.c.rejected.in_(answered),
            )
        ),
        "turns": delete(turns).where(turns.c.person_id.in_(persons)),
        "heard": delete(heard).where(heard.c.person_id.in_(persons)),
        "generations": delete(generations).where(generations.c.person_id.in_(persons)),
        "missed_answers": delete(missed_answers).where(missed_answers.c.person_id.in_(persons)),
        "consents": delete(consents).where(consents.c.person_id.in_(persons)),
    }
    removed = {store: connection.execute(each).rowcount for store, each in statements.items()}
    removed["cases"] = _remove_cases(connection, persons)
    removed |= _remove_memories(connection, persons)
    quotes = (
        update(generations)
        .where(generations.c.conversation == bindparam("place"), generations.c.prompt.is_not(None))
        .values(prompt=None)
    )
    removed["quotes"] = quotes_taken + sum(
        connection.execute(quotes, {"place": p}).rowcount for p in places
    )
    for place in places:
        connection.execute(_forsaken_choice(place))
    return removed


def _part_taken(persons: _People) -> CompoundSelect[str]:
    return union(
        select(turns.c.conversation).where(turns.c.person_id.in_(persons)),
        select(generations.c.conversation).where(generations.c.person_id.in_(persons)),
    )


def _taught(connection: Connection, persons: _People, now: int) -> list[AuditEntry]:
    """Mark versions that learned from the persons, or from a prompt that may repeat their words."""
    heard_in = select(heard.c.event).where(heard.c.person_id.in_(persons))
    taught = union(
        taught_by(lora_people.c.person_id.in_(persons)),
        taught_with(generations.c.conversation.in_(_part_taken(persons))),
        taught_with(generations.c.event.in_(heard_in)),
    )
    return mark_stale(connection, taught, "a person was erased", now)


def _remove_memories(connection: Connection, persons: _People) -> dict[str, int]:
    theirs = select(memories.c.memory).where(memories.c.person_id.in_(persons))
    connection.execute(delete(memory_uses).where(memory_uses.c.memory.in_(theirs)))

    def removed(*tables: Table) -> int:
        statements = (delete(table).where(table.c.person_id.in_(persons)) for table in tables)
        return sum(connection.execute(statement).rowcount for statement in statements)

    return {
        "memories": removed(memories),
        "memory_notes": removed(memory_notes),
        "memory_preferences": removed(memory_people),
        "links": removed(links, link_codes),
    }


def _remove_cases(connection: Connection, persons: _People) -> int:
    """Remove cases about the persons and, from others, their names; return how many cases that was."""
    theirs = delete(moderation_cases).where(moderation_cases.c.person_id.in_(persons))
    columns = [moderation_cases.c[name] for name in MODERATORS]
    unnamed = (
        update(moderation_cases)
        .where(or_(*(column.in_(persons) for column in columns)))
        .values({c: case((c.in_(persons), null()), else_=c) for c in columns})
    )
    return sum(connection.execute(each).rowcount for each in (theirs, unnamed))


def _forsaken_choice(place: str) -> Delete:
    """The model chosen for a conversation in which nobody else has a part."""
    return delete(choices).where(
        choices.c.conversation == place,
        ~exists().where(turns.c.conversation == place),
        ~exists().where(generations.c.conversation == place),
    )


async def scrub(database: Database, traces: Sequence[bytes]) -> None:
    """Make sure that no trace is left in the files of an SQLite database.

    Deleted rows are overwritten as they go (secure_delete), but copies may stay in the
    write-ahead log, and in the slack of pages that were split or joined; only the second needs
    the whole file rewritten.
    """
    file = database.file
    if file is None or not traces:
        return
    try:
        # Held, so that nobody in this process writes meanwhile.
        with translated():
            async with database.writer.held():
                await database.read(_checkpoint)
                many = len(traces) > _LOOKED_FOR
                if many or await to_thread.run_sync(_holds, file, traces):
                    await database.read(lambda c: c.exec_driver_sql("VACUUM"))
                    await database.read(_checkpoint)
    except RetryLater as error:
        _log.warning("Traces of an erased person may remain in %s: %s", file, error)


def _checkpoint(connection: Connection) -> None:
    busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    if busy:
        raise RetryLater("another process is reading the database", timedelta(seconds=1))


def _holds(file: Path, traces: Sequence[bytes]) -> bool:
    overlap = max(len(trace) for trace in traces)
    with file.open("rb") as database:
        tail = b""
        while chunk := database.read(_CHUNK):
            window = tail + chunk
            if any(trace in window for trace in traces):
                return True
            tail = window[-overlap:]
    return False
