"""How people take the answers of a LoRA, from a database."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, and_, case, func, select

from chatune_core.generation.requests import LoraId
from chatune_core.learning.live import Arm, LiveVote
from chatune_core.messages import ConversationId, UserId
from chatune_storage.database import Database
from chatune_storage.tables import (
    generations,
    microseconds,
    missed_answers,
    moment,
    people,
    ratings,
)


class SqlLiveAnswers:
    """See LiveAnswers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def arm(self, model: str, lora: LoraId | None, since: datetime) -> Arm:
        """See LiveAnswers.arm."""
        made = _of_arm(generations, model, lora, since)
        missed = _of_arm(missed_answers, model, lora, since)
        return await self._database.read(lambda c: _read(c, made, missed))


def _of_arm(table: Table, model: str, lora: LoraId | None, since: datetime) -> ColumnElement[bool]:
    recent = table.c.at >= microseconds(since)
    if lora is not None:
        return and_(recent, table.c.lora == lora)
    return and_(recent, table.c.lora.is_(None), table.c.model == model)


def _read(connection: Connection, made: ColumnElement[bool], missed: ColumnElement[bool]) -> Arm:
    tokens = generations.c.completion_tokens
    late = case((generations.c.finish == "deadline", 1), else_=0)
    sums = (func.sum(tokens), func.sum(tokens * tokens), func.sum(late))
    totals = connection.execute(select(func.count(), *sums).where(made)).one()
    answers, tokens_sum, squares, late_ones = (int(number or 0) for number in totals)
    why = select(missed_answers.c.why, func.count()).where(missed).group_by(missed_answers.c.why)
    lost: dict[str, int] = {row[0]: row[1] for row in connection.execute(why)}
    votes = (
        select(people.c.user_id, generations.c.conversation, ratings.c.score, ratings.c.at)
        .join(ratings, ratings.c.answers == generations.c.event)
        .join(people, people.c.id == ratings.c.person_id)
        .where(made)
        .order_by(ratings.c.at, generations.c.id, people.c.id)
    )
    return Arm(
        tuple(
            LiveVote(UserId(user), ConversationId(place), score > 0, moment(at))
            for user, place, score, at in connection.execute(votes)
        ),
        answers,
        tokens_sum,
        squares,
        late_ones,
        withheld=lost.pop("withheld", 0),
        lost=sum(lost.values()),
    )
