"""What people think of answers, for training, from a database."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    case,
    cast,
    func,
    null,
    or_,
    select,
    union,
    union_all,
)

from chatune_core.learning.ports import Gathered, JudgedAnswer
from chatune_core.learning.rows import LeftOut
from chatune_core.messages import ConversationId, EventKey, UserId
from chatune_core.outcomes import AnswerCorrected, AnswerPreferred, AnswerRated
from chatune_storage.codec import prompt_from
from chatune_storage.database import Database
from chatune_storage.effects import COMPLETION, CORRECTION, PROMPT
from chatune_storage.evidence_conditions import (
    Permitted,
    agrees,
    all_agree,
    has_texts,
    is_attributed,
)
from chatune_storage.keyring import Keyring
from chatune_storage.keys import PersonKey
from chatune_storage.tables import (
    corrections,
    generations,
    heard,
    links,
    moment,
    preferred_answers,
    ratings,
)

_CHUNK = 500
_one, _other = generations.alias("one"), generations.alias("other")
_TEXTS = (
    "event", "conversation", "person_id", "at", "model", "lora", "question", "prompt", "completion",
)  # fmt: skip


class SqlEvidence:
    """See Evidence."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database, self._keyring = database, keyring

    async def gathered(self, *, platforms_permitted: bool) -> Gathered:
        """See Evidence.gathered."""
        permitted = Permitted(self._database.dialect, platforms_permitted=platforms_permitted)
        return await self._database.read(lambda c: _Reading(c, self._keyring, permitted).gathered())

    async def counted(self) -> Mapping[str, int]:
        """See Evidence.counted."""
        return await self._database.read(_counted)


class _Reading:
    """One pass. What was said is read by queries that ask for consent themselves."""

    def __init__(self, connection: Connection, keyring: Keyring, permitted: Permitted) -> None:
        self._connection, self._keyring, self._permitted = connection, keyring, permitted

    def gathered(self) -> Gathered:
        judged = self._connection.execute(_judged_events()).scalars().all()
        answers = {each.answer: each for some in _chunks(judged) for each in self._answers(some)}
        votes = defaultdict[EventKey, list[AnswerRated]](list)
        corrected = defaultdict[EventKey, list[AnswerCorrected]](list)
        preferences: list[AnswerPreferred] = []
        for some in _chunks(answers):
            for vote in self._votes(some):
                votes[vote.answers].append(vote)
            for correction in self._corrections(some):
                corrected[correction.answers].append(correction)
            preferences += [each for each in self._preferences(some) if each.rejected in answers]
        wanted = {*votes, *corrected}
        wanted |= {key for each in preferences for key in (each.chosen, each.rejected)}
        found = [
            replace(answers[key], votes=tuple(votes[key]), corrections=tuple(corrected[key]))
            for key in wanted
        ]
        found.sort(key=lambda each: (each.at, each.answer))
        preferences.sort(key=lambda each: (each.at, each.user))
        return Gathered(found, preferences, self._withheld(), self._same_person(found, preferences))

    def _answers(self, some: Sequence[str]) -> Iterator[JudgedAnswer]:
        query = select(*(_one.c[name] for name in _TEXTS)).where(self._permitted.usable(_one))
        rows = self._connection.execute(query.where(_one.c.event.in_(some))).all()
        others = self._others(some)
        persons = {row.person_id for row in rows}.union(*others.values())
        keys = self._keyring.of_rows(self._connection, persons)
        for row in rows:
            people = {row.person_id, *others[row.event]}
            # A person may have been erased since the rows were read.
            if people <= keys.keys():
                yield _answer(row, keys, people)

    def _votes(self, some: Sequence[str]) -> Iterator[AnswerRated]:
        table = ratings.c
        # The reason is not read.
        wanted = select(table.answers, table.person_id, table.score, table.at)
        for row, key in self._said(wanted, table.answers, table.person_id, some):
            yield AnswerRated(EventKey(row.answers), key.user, row.score, moment(row.at))

    def _corrections(self, some: Sequence[str]) -> Iterator[AnswerCorrected]:
        table = corrections.c
        for row, key in self._said(select(corrections), table.answers, table.person_id, some):
            text = key.open(CORRECTION, row.answers, row.text)
            yield AnswerCorrected(EventKey(row.answers), key.user, text, moment(row.at))

    def _preferences(self, some: Sequence[str]) -> Iterator[AnswerPreferred]:
        table = preferred_answers.c
        for row, key in self._said(select(preferred_answers), table.chosen, table.person_id, some):
            answers = EventKey(row.chosen), EventKey(row.rejected)
            yield AnswerPreferred(*answers, key.user, row.how, moment(row.at))

    def _said(
        self,
        wanted: Select[Any],
        answer: ColumnElement[Any],
        person: ColumnElement[Any],
        some: Sequence[str],
    ) -> Iterator[tuple[Row[Any], PersonKey]]:
        """Yield what may be read of `wanted` about `some` answers, oldest first, with its person's key."""
        may = self._permitted
        query = wanted.where(answer.in_(some), agrees(person), may.allows(person))
        rows = self._connection.execute(query).all()
        keys = self._keyring.of_rows(self._connection, {row.person_id for row in rows})
        known = [(row, keys[row.person_id]) for row in rows if row.person_id in keys]
        yield from sorted(known, key=lambda each: (each[0].at, each[1].user))

    def _others(self, some: Sequence[str]) -> Mapping[str, set[int]]:
        others = defaultdict[str, set[int]](set)
        query = select(heard.c.event, heard.c.person_id).where(heard.c.event.in_(some))
        for event, person in self._connection.execute(query):
            others[event].add(person)
        return others

    def _withheld(self) -> Mapping[LeftOut, int]:
        judged = _judgements().subquery("judged")
        reason = self._reason(judged.c.person_id, judged.c.other).label("reason")
        query = (
            select(reason, func.count())
            .select_from(judged)
            .outerjoin(_one, _one.c.event == judged.c.answers)
            .outerjoin(_other, _other.c.event == judged.c.other)
            .group_by(reason)
        )
        rows = self._connection.execute(query).all()
        return {LeftOut[row[0]]: row[1] for row in rows if row[0] is not None}

    def _reason(self, person: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
        may, sides = self._permitted, (_one, _other)

        def all_of(condition: Any) -> ColumnElement[bool]:  # noqa: ANN401 - of an answer that is there
            return and_(*(or_(side.c.event.is_(None), condition(side)) for side in sides))

        gone = or_(_one.c.event.is_(None), and_(other.is_not(None), _other.c.event.is_(None)))
        return case(
            (~and_(agrees(person), all_of(all_agree)), LeftOut.NOT_AGREED.name),
            (~and_(may.allows(person), all_of(may.all_allow)), LeftOut.NOT_PERMITTED.name),
            (or_(gone, ~all_of(has_texts)), LeftOut.FORGOTTEN.name),
            (~all_of(is_attributed), LeftOut.UNATTRIBUTED.name),
            else_=null(),
        )

    def _same_person(
        self, answers: Sequence[JudgedAnswer], preferences: Sequence[AnswerPreferred]
    ) -> Mapping[UserId, UserId]:
        people = {each.user for each in preferences}.union(*(each.people for each in answers))
        for answer in answers:
            people.update(vote.user for vote in answer.votes)
            people.update(each.user for each in answer.corrections)
        circles = defaultdict[str, list[UserId]](list)
        rows = self._connection.execute(select(links.c.person_id, links.c.circle)).all()
        keys = self._keyring.of_rows(self._connection, {row.person_id for row in rows})
        for row in rows:
            if row.person_id in keys and keys[row.person_id].user in people:
                circles[row.circle].append(keys[row.person_id].user)
        several = [circle for circle in circles.values() if len(circle) > 1]
        return {user: min(circle) for circle in several for user in circle}


def _answer(row: Row[Any], keys: Mapping[int, PersonKey], people: set[int]) -> JudgedAnswer:
    key, event = keys[row.person_id], EventKey(row.event)
    return JudgedAnswer(
        answer=event,
        question=EventKey(row.question or event),
        conversation=ConversationId(row.conversation),
        asker=key.user,
        people=frozenset(keys[person].user for person in people),
        at=moment(row.at),
        model=row.model,
        lora=row.lora,
        prompt=prompt_from(key.open(PROMPT, event, row.prompt)),
        completion=key.open(COMPLETION, event, row.completion),
    )


def _chunks(events: Iterable[str]) -> Iterator[Sequence[str]]:
    """Yield the events in parts: what a planner takes for few rows must not be many."""
    in_order = sorted(events)
    return (in_order[at : at + _CHUNK] for at in range(0, len(in_order), _CHUNK))


def _judged_events() -> Any:  # noqa: ANN401 - a union has no type that says more
    return union(
        select(ratings.c.answers),
        select(corrections.c.answers),
        select(preferred_answers.c.chosen),
        select(preferred_answers.c.rejected),
    )


def _judgements() -> Any:  # noqa: ANN401 - a union has no type that says more
    none = cast(null(), Text)
    return union_all(
        select(ratings.c.answers, none.label("other"), ratings.c.person_id),
        select(corrections.c.answers, none, corrections.c.person_id),
        select(
            preferred_answers.c.chosen, preferred_answers.c.rejected, preferred_answers.c.person_id
        ),
    )


def _counted(connection: Connection) -> Mapping[str, int]:
    score, how = ratings.c.score, preferred_answers.c.how
    kinds = {
        "good": select(func.count()).where(score == 1),
        "bad": select(func.count()).where(score == -1),
        "corrections": select(func.count()).select_from(corrections),
        "choices": select(func.count()).where(how == "choice"),
        "agains": select(func.count()).where(how == "again"),
    }
    return {kind: connection.execute(query).scalar_one() for kind, query in kinds.items()}
