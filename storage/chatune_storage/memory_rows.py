"""Memories as rows, and what happens to them as statements."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from chatune_core.memory.chains import Chain, heirs
from chatune_core.memory.notes import Note
from chatune_core.memory.places import MemoryPreferences
from chatune_core.memory.values import Kind, Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.outcomes import (
    MemoriesUnlearned,
    MemoryChanged,
    MemoryEdited,
    MemoryLearned,
    MemoryNoted,
    MemoryPreferencesChanged,
)
from chatune_storage.keys import PersonKey
from chatune_storage.links import circle_of
from chatune_storage.tables import memories, memory_notes, memory_people, microseconds, moment

SAID, VECTOR, NOTED = "memories.said", "memories.vector", "memory_notes.said"
Row = dict[str, Any]

_EDIT = (
    update(memories)
    .where(memories.c.memory == bindparam("of_memory"))
    .where(memories.c.person_id == bindparam("of_person"))
)
_later = memories.alias()
_FOLLOW = (
    update(memories)
    .where(memories.c.memory == bindparam("of_memory"))
    .values(
        superseded_by=bindparam("heir"),
        valid_to=select(_later.c.valid_from)
        .where(_later.c.memory == bindparam("heir"))
        .scalar_subquery(),
    )
)
_UNNOTE = delete(memory_notes)
_NEW = {"revision": 1, "paused": False, "everywhere": False, "only_in": "[]"}


class MemorySql:
    """Writes changes of memories."""

    def __init__(self, dialect: str) -> None:
        chosen = sqlite if dialect == "sqlite" else postgresql
        person = chosen.insert(memory_people)
        self._note = chosen.insert(memory_notes).on_conflict_do_nothing()
        self._change = person.on_conflict_do_update(
            index_elements=["person_id"], set_={"revision": memory_people.c.revision + 1}
        )
        self._prefer = person.on_conflict_do_update(
            index_elements=["person_id"],
            set_={name: person.excluded[name] for name in ("paused", "everywhere", "only_in")},
        )

    def write(
        self,
        connection: Connection,
        changes: Sequence[MemoryChanged],
        keys: Mapping[UserId, PersonKey],
    ) -> None:
        """Write all changes; `keys` has the key of every user in them."""
        # Those of one person stay in their order, and people come in one order everywhere, or two
        # processes that change the same ones deadlock.
        for change in sorted(changes, key=lambda change: keys[user_of(change)].id):
            self._write(connection, change, keys[user_of(change)])

    def _write(self, connection: Connection, change: MemoryChanged, key: PersonKey) -> None:
        match change:
            case MemoryLearned(memory=memory, supersedes=earlier):
                connection.execute(insert(memories), _row(memory, key))
                self._supersede(connection, memory, earlier, key)
                self.changed(connection, [key.id])
            case MemoryEdited(memory=memory):
                where = {"of_memory": memory.id, "of_person": key.id}
                connection.execute(_EDIT.values(_edited(memory, key)), where)
                self.changed(connection, [key.id])
            case MemoryNoted(note=note):
                connection.execute(self._note, _note_row(note, key))
            case MemoriesUnlearned(source=source):
                mine = memory_notes.c.person_id == key.id
                connection.execute(_UNNOTE.where(memory_notes.c.event == source, mine))
                self.unlearn(
                    connection, (memories.c.source == source) & (memories.c.person_id == key.id)
                )
            case MemoryPreferencesChanged(preferences=preferences):
                for person in sorted(connection.execute(circle_of(key.id)).scalars()):
                    row = _NEW | _preferred(preferences) | {"person_id": person}
                    connection.execute(self._prefer, row)
            case _:
                assert_never(change)

    def changed(self, connection: Connection, persons: Sequence[int]) -> None:
        """Let everyone know that what is remembered of these is not what it was."""
        if persons:
            rows = [_NEW | {"person_id": person} for person in sorted(set(persons))]
            connection.execute(self._change, rows)

    def unlearn(self, connection: Connection, unwanted: ColumnElement[bool]) -> int:
        """Remove memories, and let what they took the place of be so again; return how many."""
        found = connection.execute(select(memories.c.memory, memories.c.person_id).where(unwanted))
        gone = {MemoryId(row[0]): row[1] for row in found}
        for person in sorted(set(gone.values())):
            chain = chain_of(connection, memories.c.person_id.in_(circle_of(person)))
            for memory, heir in heirs(gone, chain).items():
                connection.execute(_FOLLOW, {"of_memory": memory, "heir": heir})
        if gone:
            connection.execute(delete(memories).where(memories.c.memory.in_(gone)))
            self.changed(connection, list(gone.values()))
        return len(gone)

    def _supersede(
        self, connection: Connection, memory: Memory, earlier: Sequence[MemoryId], key: PersonKey
    ) -> None:
        if earlier:
            replaced = update(memories).where(
                memories.c.memory.in_(earlier), memories.c.person_id.in_(circle_of(key.id))
            )
            ended = {"superseded_by": memory.id, "valid_to": microseconds(memory.valid_from)}
            connection.execute(replaced.values(ended))


def user_of(change: MemoryChanged) -> UserId:
    """Return whose memories change."""
    match change:
        case MemoryLearned(memory=memory) | MemoryEdited(memory=memory):
            return memory.user
        case MemoryNoted(note=note):
            return note.user
        case MemoriesUnlearned(user=user) | MemoryPreferencesChanged(user=user):
            return user
        case _:
            assert_never(change)


def chain_of(connection: Connection, theirs: ColumnElement[bool]) -> Chain:
    """Return what took the place of which, of the memories that `theirs` chooses."""
    rows = connection.execute(select(memories.c.memory, memories.c.superseded_by).where(theirs))
    return {MemoryId(row[0]): row[1] for row in rows}


def memory_from(row: RowMapping, key: PersonKey) -> Memory:
    """Return the memory of one row."""
    id = MemoryId(row["memory"])
    text, kind, slot, polarity, confidence = _said(row, key)
    ended, superseded_by = row["valid_to"], row["superseded_by"]
    return Memory(
        id=id,
        user=key.user,
        text=text,
        kind=Kind(kind),
        source=EventKey(row["source"]),
        learned_at=moment(row["learned_at"]),
        valid_from=moment(row["valid_from"]),
        place=ConversationId(row["place"]),
        slot=slot,
        polarity=polarity,
        valid_to=None if ended is None else moment(ended),
        superseded_by=None if superseded_by is None else MemoryId(superseded_by),
        confidence=confidence,
        private=row["private"],
        pinned=row["pinned"],
    )


def text_from(row: RowMapping, key: PersonKey) -> str:
    """Return what the memory of one row says."""
    return str(_said(row, key)[0])


def _said(row: RowMapping, key: PersonKey) -> list[Any]:
    said: list[Any] = json.loads(key.open(SAID, row["memory"], row["said"]))
    return said


def note_from(row: RowMapping, key: PersonKey) -> Note:
    """Return the note of one row."""
    event = EventKey(row["event"])
    text = key.open(NOTED, event, row["said"])
    place, private = ConversationId(row["place"]), bool(row["private"])
    return Note(event, key.user, place, moment(row["at"]), private, text)


def _note_row(note: Note, key: PersonKey) -> Row:
    return {
        "event": note.event,
        "person_id": key.id,
        "place": note.place,
        "at": microseconds(note.at),
        "private": note.private,
        "said": key.seal(NOTED, note.event, note.text),
    }


def preferences_from(row: Mapping[Any, Any]) -> MemoryPreferences:
    """Return what a person said, from their row in `memory_people`."""
    only_in = tuple(ConversationId(place) for place in json.loads(row["only_in"]))
    return MemoryPreferences(bool(row["paused"]), bool(row["everywhere"]), only_in)


def _preferred(preferences: MemoryPreferences) -> Row:
    return {
        "paused": preferences.paused,
        "everywhere": preferences.everywhere,
        "only_in": json.dumps(preferences.only_in),
    }


def _row(memory: Memory, key: PersonKey) -> Row:
    return _edited(memory, key) | {
        "memory": memory.id,
        "person_id": key.id,
        "source": memory.source,
        "place": memory.place,
        "learned_at": microseconds(memory.learned_at),
    }


def _edited(memory: Memory, key: PersonKey) -> Row:
    said = [memory.text, memory.kind.value, memory.slot, memory.polarity, memory.confidence]
    return {
        "said": key.seal(SAID, memory.id, json.dumps(said)),
        "valid_from": microseconds(memory.valid_from),
        "valid_to": None if memory.valid_to is None else microseconds(memory.valid_to),
        "superseded_by": memory.superseded_by,
        "private": memory.private,
        "pinned": memory.pinned,
        # It was made of what the memory said before.
        "vector": None,
        "vector_by": None,
    }
