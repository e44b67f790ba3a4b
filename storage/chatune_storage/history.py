"""What was said, from a database."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, or_, select

from chatune_core.messages import ConversationId, EventKey, MessageKey, Turn, UserId
from chatune_storage.database import Database
from chatune_storage.effects import COMPLETION, TURN_TEXT
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.reader import Reader
from chatune_storage.statements import Among, Statement
from chatune_storage.tables import generations, moment, people, ratings, shown

TURN_COLUMNS = ("event", "conversation", "person_id", "role", "text", "at")
_COLUMNS = ", ".join(f"t.{name}" for name in TURN_COLUMNS)
# Both walk the end of each conversation alone, however long it is.
_SQLITE_RECENT = f"""
SELECT {_COLUMNS} FROM json_each(:conversations) AS asked CROSS JOIN turns AS t
ON t.conversation = asked.value AND t.id >= coalesce(
  (SELECT id FROM turns WHERE conversation = asked.value ORDER BY id DESC LIMIT 1 OFFSET :limit - 1),
  0)
ORDER BY t.id
"""
_POSTGRES_RECENT = f"""
SELECT {_COLUMNS} FROM json_array_elements_text(CAST(:conversations AS json)) AS asked(value)
CROSS JOIN LATERAL (
  SELECT * FROM turns WHERE conversation = asked.value ORDER BY id DESC LIMIT :limit) AS t
ORDER BY t.id
"""


class SqlHistory:
    """See History."""

    def __init__(self, database: Database, reader: Reader, keyring: Keyring) -> None:
        self._database, self._reader, self._keyring = database, reader, keyring
        sqlite = database.dialect == "sqlite"
        recent = _SQLITE_RECENT if sqlite else _POSTGRES_RECENT
        self._recent = Statement(database.dialect, recent)
        self._chosen = Among(
            database.dialect,
            "conversation",
            "SELECT conversation, model FROM choices WHERE {among}",
        )

    async def recent(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """See History.recent."""
        if limit <= 0:
            return []
        return await self._reader.ask(self._recent_of_all, (conversation, limit))

    def _recent_of_all(
        self, connection: Connection, asked: Sequence[tuple[ConversationId, int]]
    ) -> Sequence[Sequence[Turn]]:
        by_limit: dict[int, set[ConversationId]] = defaultdict(set)
        for conversation, limit in asked:
            by_limit[limit].add(conversation)
        turns = {
            (conversation, limit): spoken
            for limit, conversations in by_limit.items()
            for conversation, spoken in self._turns(connection, conversations, limit).items()
        }
        return [turns.get(each, []) for each in asked]

    def _turns(
        self, connection: Connection, conversations: Iterable[ConversationId], limit: int
    ) -> Mapping[ConversationId, list[Turn]]:
        asked = {"conversations": json.dumps(list(conversations)), "limit": limit}
        rows = self._recent.rows(connection, asked)
        keys = self._keyring.of_rows(connection, {row[2] for row in rows})
        spoken: dict[ConversationId, list[Turn]] = defaultdict(list)
        for row in rows:
            # A person may have been erased since the rows were read.
            if row[2] in keys:
                turn = turn_from(row, keys[row[2]])
                spoken[turn.conversation].append(turn)
        return spoken

    async def last_answer(self, conversation: ConversationId) -> EventKey | None:
        """See History.last_answer."""
        newest = (
            select(generations.c.event)
            .where(generations.c.conversation == conversation, generations.c.since_reset)
            .order_by(generations.c.id.desc())
            .limit(1)
        )
        event = await self._database.read(lambda c: c.execute(newest).scalar())
        return None if event is None else EventKey(event)

    async def answer_shown_as(self, message: MessageKey) -> EventKey | None:
        """See History.answer_shown_as."""
        answer = (
            select(shown.c.answers)
            .join(generations, generations.c.event == shown.c.answers)
            .where(shown.c.message == message)
        )
        event = await self._database.read(lambda c: c.execute(answer).scalar())
        return None if event is None else EventKey(event)

    async def question_of(self, answer: EventKey) -> EventKey | None:
        """See History.question_of."""
        question = select(func.coalesce(generations.c.question, generations.c.event))
        asked = question.where(generations.c.event == answer)
        event = await self._database.read(lambda c: c.execute(asked).scalar())
        return None if event is None else EventKey(event)

    async def answers_beside(self, answer: EventKey) -> Sequence[EventKey]:
        """See History.answers_beside."""
        question = select(func.coalesce(generations.c.question, generations.c.event))
        asked = question.where(generations.c.event == answer).scalar_subquery()
        beside = (
            select(generations.c.event)
            .where(or_(generations.c.event == asked, generations.c.question == asked))
            .order_by(generations.c.id)
        )
        events = await self._database.read(lambda c: c.execute(beside).scalars().all())
        return [EventKey(event) for event in events]

    async def answer_text(self, answer: EventKey) -> str | None:
        """See History.answer_text."""
        return await self._database.read(lambda c: self._text(c, answer))

    def _text(self, connection: Connection, answer: EventKey) -> str | None:
        made = select(generations.c.person_id, generations.c.completion)
        row = connection.execute(made.where(generations.c.event == answer)).first()
        if row is None or row.completion is None:
            return None
        key = self._keyring.of_rows(connection, [row.person_id]).get(row.person_id)
        return None if key is None else key.open(COMPLETION, answer, row.completion) or None

    async def vote_of(self, user: UserId, answer: EventKey) -> int | None:
        """See History.vote_of."""
        vote = (
            select(ratings.c.score)
            .join(people, people.c.id == ratings.c.person_id)
            .where(ratings.c.answers == answer, people.c.user_id == user)
        )
        return await self._database.read(lambda c: c.execute(vote).scalar())

    async def chosen_model(self, conversation: ConversationId) -> str | None:
        """See History.chosen_model."""
        return await self._reader.ask(self._chosen_of_all, conversation)

    def _chosen_of_all(
        self, connection: Connection, conversations: Sequence[ConversationId]
    ) -> Sequence[str | None]:
        rows = self._chosen.of(connection, set(conversations))
        models: dict[str, str] = {row[0]: row[1] for row in rows}
        return [models.get(conversation) for conversation in conversations]


def turn_from(row: Sequence[Any], key: PersonKey) -> Turn:
    """Return the turn of one row; the columns as in `TURN_COLUMNS`."""
    event, conversation, _, role, sealed, at = row
    said = key.open(TURN_TEXT, f"{role}|{event}", sealed)
    return Turn(event, conversation, key.user, role, said, moment(at))
