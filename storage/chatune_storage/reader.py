"""Reads of many callers, gathered: a statement costs the same for one conversation as for many."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from chatune_storage.coalescer import Coalescer
from chatune_storage.database import Database

Unit = TypeVar("Unit")
Answer = TypeVar("Answer")
_BATCH = 512

Look = Callable[[Connection, Sequence[Unit]], Sequence[Answer]]
"""Answers many units in as few statements as possible; one answer for each, in order."""


@dataclass(frozen=True, slots=True)
class _Question:
    look: Look[Any, Any]
    unit: Any


class Reader:
    """Runs reads that come with every turn. Each sees what was committed before it was asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._questions: Coalescer[_Question, Any] = Coalescer(self._flush, _BATCH)

    async def ask(self, look: Look[Unit, Answer], unit: Unit) -> Answer:
        """Return what `look` answers for `unit`."""
        answer: Answer = await self._questions.submit(_Question(look, unit))
        return answer

    async def _flush(self, questions: Sequence[_Question]) -> Sequence[object]:
        return await self._database.read(lambda connection: _answers(connection, questions))


def _answers(connection: Connection, questions: Sequence[_Question]) -> Sequence[object]:
    answers: list[object] = [None] * len(questions)
    groups: dict[Look[Any, Any], list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        groups[question.look].append(place)
    for look, places in groups.items():
        found = look(connection, [questions[place].unit for place in places])
        for place, answer in zip(places, found, strict=True):
            answers[place] = answer
    return answers
