"""Forgetting what is remembered of a person, and whatever may repeat it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    false,
    func,
    or_,
    select,
    union,
    union_all,
    update,
)
from sqlalchemy.sql.dml import Delete, Update

from chatune_core.memory.chains import with_earlier
from chatune_core.memory.values import MemoryId
from chatune_core.messages import UserId
from chatune_core.outcomes import AuditEntry
from chatune_storage.links import persons_of
from chatune_storage.lora_rows import mark_stale, taught_with
from chatune_storage.memory_rows import MemorySql, chain_of
from chatune_storage.personal import FORGOTTEN
from chatune_storage.tables import (
    corrections,
    generations,
    heard,
    memories,
    memory_notes,
    memory_uses,
    people,
    ratings,
    turns,
)

_TRACE = 28  # a sealed text's nonce and tag-free beginning: no other text begins so
_made, _turns = generations.c, turns.c
Where = ColumnElement[bool]
Rekey = Callable[[Connection, Sequence[int]], Sequence[bytes]]
"""Gives persons fresh keys; returns what is left of the old ones."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Rows per store, byte strings that must not be left in the file, and who has another key."""

    removed: Mapping[str, int]
    traces: Sequence[bytes] = ()
    users: Sequence[UserId] = ()
    entries: Sequence[AuditEntry] = ()
    """For the audit log."""


class Forgetting:
    """See Memories.forget."""

    def __init__(self, dialect: str, rekey: Rekey) -> None:
        self._sql, self._rekey = MemorySql(dialect), rekey

    def run(
        self,
        connection: Connection,
        user: UserId,
        wanted: Collection[MemoryId] | None,
        now: int,
    ) -> Forgotten:
        """Forget, in the open transaction."""
        # Locked, so that nothing is written with these keys meanwhile.
        theirs = select(people.c.id, people.c.user_id).where(people.c.id.in_(persons_of(user)))
        found = connection.execute(theirs.order_by(people.c.id).with_for_update()).all()
        persons, users = [row[0] for row in found], [UserId(row[1]) for row in found]
        if not persons:
            return Forgotten(dict.fromkeys(FORGOTTEN, 0))
        if wanted is None:
            removed, entries = _forget(connection, _everything(connection, persons), now)
            self._sql.changed(connection, persons)
            return Forgotten(removed, self._rekey(connection, persons), users, entries)
        chain = chain_of(connection, memories.c.person_id.in_(persons))
        doomed = with_earlier(wanted, chain)
        if not doomed:
            return Forgotten(dict.fromkeys(FORGOTTEN, 0))
        reach = _around(connection, persons, doomed)
        traces = list(_traces(connection, reach))
        removed, entries = _forget(connection, reach, now)
        self._sql.changed(connection, persons)
        return Forgotten(removed, traces, entries=entries)


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far a forgetting goes. `judged` chooses votes and corrections besides those of `answers`.

    `quotes` choose generations whose prompts may repeat something of it.
    """

    memories: Where
    notes: Where
    turns: Where
    answers: Where
    judged: Callable[[Any], Where]
    quotes: Sequence[Where]


def _everything(connection: Connection, persons: Sequence[int]) -> _Reach:
    """Return all that these persons and the bot said to each other."""
    places = union(
        select(_turns.conversation).where(_turns.person_id.in_(persons)),
        select(_made.conversation).where(_made.person_id.in_(persons)),
    )
    quoting = select(heard.c.event).where(heard.c.person_id.in_(persons))
    return _Reach(
        memories.c.person_id.in_(persons),
        memory_notes.c.person_id.in_(persons),
        _turns.person_id.in_(persons),
        _made.person_id.in_(persons),
        lambda table: table.c.person_id.in_(persons),
        [
            _made.event.in_(quoting),
            *(_made.conversation == place for place in connection.execute(places).scalars()),
        ],
    )


def _around(connection: Connection, persons: Sequence[int], doomed: set[MemoryId]) -> _Reach:
    """Return these memories, the messages that they are from, and the answers that used them."""
    ours = memories.c.memory.in_(doomed)
    sources = connection.execute(select(memories.c.source).where(ours)).scalars().all()
    used = select(memory_uses.c.event).where(memory_uses.c.memory.in_(doomed))
    answers = and_(
        _made.person_id.in_(persons),
        or_(_made.event.in_(used), _made.event.in_(sources), _made.question.in_(sources)),
    )
    # The answer to a question that was asked again stands in the history under the question.
    asked = select(func.coalesce(_made.question, _made.event)).where(answers)
    answered = connection.execute(asked).scalars().all()
    said = and_(
        _turns.person_id.in_(persons),
        or_(
            _turns.event.in_(sources),
            and_(_turns.event.in_(answered), _turns.role == "assistant"),
        ),
    )
    answer_events = connection.execute(select(_made.event).where(answers)).scalars().all()
    chosen = _made.event.in_(answer_events)
    noted = and_(memory_notes.c.person_id.in_(persons), memory_notes.c.event.in_(sources))
    return _Reach(
        ours, noted, said, chosen, lambda table: false(), _since(connection, said, chosen)
    )


def _since(connection: Connection, said: Where, answers: Where) -> list[Where]:
    """Return the prompts of each place since the first of these: they may repeat them."""
    when = union_all(
        select(_turns.conversation, _turns.at).where(said),
        select(_made.conversation, _made.at).where(answers),
    ).subquery()
    first = select(when.c.conversation, func.min(when.c.at)).group_by(when.c.conversation)
    return [
        and_(_made.conversation == place, _made.at >= at) for place, at in connection.execute(first)
    ]


def _traces(connection: Connection, reach: _Reach) -> Iterator[bytes]:
    for column, chosen in (
        (memories.c.said, reach.memories),
        (memories.c.vector, reach.memories),
        (memory_notes.c.said, reach.notes),
        (_turns.text, reach.turns),
        (_made.completion, reach.answers),
        *((_made.prompt, quoting) for quoting in (reach.answers, *reach.quotes)),
    ):
        for sealed in connection.execute(select(column).where(chosen)).scalars():
            if sealed is not None:
                yield bytes(sealed[:_TRACE])


def _forget(
    connection: Connection, reach: _Reach, now: int
) -> tuple[dict[str, int], list[AuditEntry]]:
    """Remove it all; return rows per store, as far as there was text in them."""
    taught = taught_with(or_(reach.answers, *reach.quotes))
    entries = mark_stale(connection, taught, "what was said was forgotten", now)
    known = select(memories.c.memory).where(reach.memories)
    answered = select(_made.event).where(reach.answers)
    connection.execute(delete(memory_uses).where(memory_uses.c.memory.in_(known)))
    texts = or_(_made.prompt.is_not(None), _made.completion.is_not(None))
    statements: dict[str, Delete | Update] = {
        "memories": delete(memories).where(reach.memories),
        "memory_notes": delete(memory_notes).where(reach.notes),
        "ratings": update(ratings)
        .where(or_(reach.judged(ratings), ratings.c.answers.in_(answered)))
        .where(ratings.c.reason.is_not(None))
        .values(reason=None),
        "corrections": delete(corrections).where(
            or_(reach.judged(corrections), corrections.c.answers.in_(answered))
        ),
        "turns": delete(turns).where(reach.turns),
        "generations": update(generations)
        .where(reach.answers, texts)
        .values(prompt=None, completion=None),
    }
    removed = {store: connection.execute(each).rowcount for store, each in statements.items()}
    quoting = update(generations).where(_made.prompt.is_not(None)).values(prompt=None)
    removed["quotes"] = sum(connection.execute(quoting.where(q)).rowcount for q in reach.quotes)
    return removed | {"models": len(entries)}, entries
