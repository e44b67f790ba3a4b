"""What was said, from a database."""

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, select

from chatune_core.messages import ConversationId, EventKey, MessageKey, Turn
from chatune_storage.database import Database
from chatune_storage.effects import TURN_TEXT
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.tables import choices, generations, moment, outbox, turns


class SqlHistory:
    """See History."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    async def recent(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """See History.recent."""
        return await self._database.read(lambda c: self._recent(c, conversation, limit))

    def _recent(
        self, connection: Connection, conversation: ConversationId, limit: int
    ) -> Sequence[Turn]:
        newest = (
            select(turns)
            .where(turns.c.conversation == conversation)
            .order_by(turns.c.id.desc())
            .limit(max(0, limit))
        )
        rows = connection.execute(newest).mappings().all()
        keys = self._keyring.of_rows(connection, {row["person_id"] for row in rows})
        # A person may have been erased since the rows were read.
        known = [row for row in reversed(rows) if row["person_id"] in keys]
        return [turn_from(row, keys[row["person_id"]]) for row in known]

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
        shown = (
            select(outbox.c.answers)
            .join(generations, generations.c.event == outbox.c.answers)
            .where(outbox.c.message == message)
            .order_by(outbox.c.seq.desc())
            .limit(1)
        )
        event = await self._database.read(lambda c: c.execute(shown).scalar())
        return None if event is None else EventKey(event)

    async def chosen_model(self, conversation: ConversationId) -> str | None:
        """See History.chosen_model."""
        chosen = select(choices.c.model).where(choices.c.conversation == conversation)
        return await self._database.read(lambda c: c.execute(chosen).scalar())


def turn_from(row: RowMapping, key: PersonKey) -> Turn:
    """Return the turn of one row."""
    event, role = EventKey(row["event"]), row["role"]
    text = key.open(TURN_TEXT, f"{role}|{event}", row["text"])
    conversation = ConversationId(row["conversation"])
    return Turn(event, conversation, key.user, role, text, moment(row["at"]))
