"""Export and erasure of one person, in a database."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, RowMapping, Select, Table, or_, select

from chatune_core.generation.requests import LoraId
from chatune_core.memory.values import MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.moderation.cases import Case
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerMissed,
    AnswerPreferred,
    AnswerRated,
    GenerationMade,
)
from chatune_core.privacy import ErasureReceipt, PersonalRecord, Purpose
from chatune_storage.audit_chain import AuditChain, entry_from
from chatune_storage.audit_rows import SAID, append
from chatune_storage.cases import case_from
from chatune_storage.codec import event_from, prompt_from, reply_from, sampling_from
from chatune_storage.database import Database
from chatune_storage.effects import COMPLETION, CORRECTION, PROMPT, REASON, REPLY
from chatune_storage.erasure import Erased, erase_people, scrub
from chatune_storage.history import TURN_COLUMNS, turn_from
from chatune_storage.inbox import PAYLOAD
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.links import circle_of
from chatune_storage.memory_rows import memory_from, note_from, preferences_from
from chatune_storage.personal import (
    MODERATORS,
    Decision,
    HeardIn,
    case_record,
    mentions,
    readable,
)
from chatune_storage.queues import Queues
from chatune_storage.tables import (
    audit,
    consents,
    corrections,
    generations,
    heard,
    inbox,
    lora_people,
    lora_versions,
    memories,
    memory_notes,
    memory_people,
    memory_uses,
    microseconds,
    missed_answers,
    moderation_cases,
    moment,
    outbox,
    people,
    preferred_answers,
    ratings,
    shown,
    turns,
)


class SqlPersonalData:
    """See PersonalData."""

    def __init__(
        self,
        database: Database,
        queues: Queues,
        keyring: Keyring,
        chain: AuditChain,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._queues = database, queues
        self._keyring, self._chain, self._now = keyring, chain, now

    async def export(self, user: UserId) -> Sequence[PersonalRecord]:
        """See PersonalData.export."""
        return await self._database.read(lambda c: list(self._records(c, user)))

    def _records(self, connection: Connection, user: UserId) -> Iterator[PersonalRecord]:
        key = self._keyring.known(connection, user)
        if key is not None:
            messages, uses = _messages(connection, key), _uses(connection, key)
            for table, record in (
                (inbox, _event),
                (outbox, partial(_reply, messages)),
                (turns, _turn),
                (generations, partial(_generation, uses)),
                (heard, _heard),
                (missed_answers, _missed),
                (ratings, _rating),
                (corrections, _correction),
                (preferred_answers, _preference),
            ):
                for row in _rows(connection, table, key):
                    yield PersonalRecord(table.name, record(row, key))
            for case in self._cases(connection, key):
                yield PersonalRecord("cases", case_record(case, user))
            yield from self._remembered(connection, key)
            yield from self._agreed(connection, key)
        for row in connection.execute(select(*SAID).order_by(audit.c.id)).mappings():
            entry = entry_from(row)
            if mentions(entry, user.__eq__):
                yield PersonalRecord("audit", readable(entry))

    def _remembered(self, connection: Connection, key: PersonKey) -> Iterator[PersonalRecord]:
        for row in _rows(connection, memories, key):
            yield PersonalRecord("memories", readable(memory_from(row, key)))
        for row in _rows(connection, memory_notes, key):
            yield PersonalRecord("memory_notes", readable(note_from(row, key)))
        for row in _rows(connection, memory_people, key):
            yield PersonalRecord("memory_preferences", readable(preferences_from(row)))
        linked = select(people.c.user_id).where(people.c.id.in_(circle_of(key.id)))
        for other in connection.execute(linked.order_by(people.c.user_id)).scalars():
            if other != key.user:
                yield PersonalRecord("links", {"linked": other})

    def _agreed(self, connection: Connection, key: PersonKey) -> Iterator[PersonalRecord]:
        for row in connection.execute(_taught(key)).mappings():
            yield PersonalRecord("models", dict(row))
        for row in _rows(connection, consents, key):
            yield PersonalRecord("consents", _decision(row, key))

    def _cases(self, connection: Connection, key: PersonKey) -> Sequence[Case]:
        """Return the cases about the person, and those in which they are a moderator."""
        columns = (moderation_cases.c[name] for name in ("person_id", *MODERATORS))
        naming = select(moderation_cases).where(or_(*(column == key.id for column in columns)))
        rows = connection.execute(naming.order_by(moderation_cases.c.id)).mappings().all()
        keys = self._keyring.of_rows(connection, {row["person_id"] for row in rows} | {key.id})
        return [case_from(row, keys) for row in rows if row["person_id"] in keys]

    async def erase(self, user: UserId) -> ErasureReceipt:
        """See PersonalData.erase."""
        now = self._now()
        erased = await self._database.write(lambda c: self._erase(c, user, microseconds(now)))
        self._keyring.forget([user])
        await scrub(self._database, [user.encode("utf-8", "surrogatepass"), *erased.traces])
        return ErasureReceipt(user, now, erased.removed)

    def _erase(self, connection: Connection, user: UserId, now: int) -> Erased:
        theirs = people.c.user_id == user
        erased = erase_people(connection, self._queues, self._chain, theirs, user.__eq__, now)
        if erased.entries:
            append(connection, self._chain, erased.entries)
        return erased


def _rows(connection: Connection, table: Table, key: PersonKey) -> Sequence[RowMapping]:
    theirs = select(table).where(table.c.person_id == key.id)
    return connection.execute(theirs).mappings().all()


def _taught(key: PersonKey) -> Select[tuple[str, str, int]]:
    """Return the versions that learned from the person, and from how many rows of theirs."""
    return (
        select(lora_versions.c.lora.label("version"), lora_versions.c.model, lora_people.c.rows)
        .join(lora_people, lora_people.c.version_id == lora_versions.c.id)
        .where(lora_people.c.person_id == key.id)
        .order_by(lora_versions.c.id)
    )


def _event(row: RowMapping, key: PersonKey) -> dict[str, object]:
    return readable(event_from(key.open(PAYLOAD, row["key_hash"].hex(), row["payload"])))


def _messages(connection: Connection, key: PersonKey) -> Mapping[str, list[str]]:
    """Return the messages of each reply to the person."""
    rows = connection.execute(
        select(shown.c.answers, shown.c.message)
        .join(outbox, outbox.c.answers == shown.c.answers)
        .where(outbox.c.person_id == key.id)
        .order_by(shown.c.message)
    )
    messages = defaultdict[str, list[str]](list)
    for answers, message in rows:
        messages[answers].append(message)
    return messages


def _reply(messages: Mapping[str, list[str]], row: RowMapping, key: PersonKey) -> dict[str, object]:
    answers = EventKey(row["answers"])
    if row["payload"] is None:
        return {"answers": answers, "shown_as": messages.get(answers, [])}
    return readable(reply_from(answers, key.user, key.open(REPLY, answers, row["payload"])))


def _turn(row: RowMapping, key: PersonKey) -> dict[str, object]:
    return readable(turn_from([row[name] for name in TURN_COLUMNS], key))


def _uses(connection: Connection, key: PersonKey) -> Mapping[str, list[MemoryId]]:
    """Return the memories that each answer to the person used."""
    rows = connection.execute(
        select(memory_uses.c.event, memory_uses.c.memory)
        .join(generations, generations.c.event == memory_uses.c.event)
        .where(generations.c.person_id == key.id)
        .order_by(memory_uses.c.event, memory_uses.c.place)
    )
    uses = defaultdict[str, list[MemoryId]](list)
    for event, memory in rows:
        uses[event].append(MemoryId(memory))
    return uses


def _generation(
    uses: Mapping[str, list[MemoryId]], row: RowMapping, key: PersonKey
) -> dict[str, object]:
    event, prompt, completion = row["event"], row["prompt"], row["completion"]
    made = GenerationMade(
        event=EventKey(event),
        conversation=ConversationId(row["conversation"]),
        user=key.user,
        at=moment(row["at"]),
        model=row["model"],
        lora=row["lora"],
        sampling=sampling_from(row["sampling"]),
        seed=int(row["seed"]),
        prompt=() if prompt is None else prompt_from(key.open(PROMPT, event, prompt)),
        completion="" if completion is None else key.open(COMPLETION, event, completion),
        finish=row["finish"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        queued_s=row["queued_s"],
        first_token_s=row["first_token_s"],
        total_s=row["total_s"],
        question=EventKey(row["question"] or event),
        memories=tuple(uses.get(event, ())),
        heard=() if row["heard"] is None else (key.user,),
    )
    return readable(made)


def _heard(row: RowMapping, key: PersonKey) -> dict[str, object]:
    return readable(HeardIn(EventKey(row["event"]), key.user))


def _missed(row: RowMapping, key: PersonKey) -> dict[str, object]:
    event, place = EventKey(row["event"]), ConversationId(row["conversation"])
    at, lora = moment(row["at"]), None if row["lora"] is None else LoraId(row["lora"])
    return readable(AnswerMissed(event, place, key.user, at, row["model"], lora, row["why"]))


def _rating(row: RowMapping, key: PersonKey) -> dict[str, object]:
    answers, reason = EventKey(row["answers"]), row["reason"]
    said = "" if reason is None else key.open(REASON, answers, reason)
    return readable(AnswerRated(answers, key.user, row["score"], moment(row["at"]), said))


def _correction(row: RowMapping, key: PersonKey) -> dict[str, object]:
    answers = EventKey(row["answers"])
    text = key.open(CORRECTION, answers, row["text"])
    return readable(AnswerCorrected(answers, key.user, text, moment(row["at"])))


def _preference(row: RowMapping, key: PersonKey) -> dict[str, object]:
    answers = EventKey(row["chosen"]), EventKey(row["rejected"])
    return readable(AnswerPreferred(*answers, key.user, row["how"], moment(row["at"])))


def _decision(row: RowMapping, key: PersonKey) -> dict[str, object]:
    purpose, at = Purpose(row["purpose"]), moment(row["at"])
    return readable(Decision(key.user, purpose, row["granted"], row["source"], at))
