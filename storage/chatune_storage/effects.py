"""Replies and effects as rows, gathered by table."""

from collections.abc import Mapping
from typing import Any, assert_never

from sqlalchemy import (
    Connection,
    Insert,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from chatune_core.messages import ConversationId, EventKey, Reply, Turn, UserId
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerMissed,
    AnswerPreferred,
    AnswerRated,
    AuditEntry,
    CaseAppealed,
    CaseChanged,
    CaseClaimed,
    CaseDecided,
    CaseOpened,
    ConsentChanged,
    GenerationMade,
    MemoriesUnlearned,
    MemoryChanged,
    MemoryEdited,
    MemoryLearned,
    MemoryNoted,
    MemoryPreferencesChanged,
    ModelChosen,
    PreferenceWithdrawn,
    RatingWithdrawn,
    TurnReplaced,
    TurnSaid,
)
from chatune_storage.case_rows import CaseSql
from chatune_storage.codec import prompt_text, reply_text, sampling_text
from chatune_storage.consent_rows import record_decisions
from chatune_storage.keys import PersonKey
from chatune_storage.memory_rows import MemorySql
from chatune_storage.personal import Decision
from chatune_storage.queues import platform_of
from chatune_storage.statements import Statement
from chatune_storage.tables import (
    WAITING,
    choices,
    corrections,
    generations,
    heard,
    memory_uses,
    microseconds,
    missed_answers,
    outbox,
    preferred_answers,
    ratings,
    turns,
)

REPLY = "outbox.payload"
TURN_TEXT = "turns.text"
PROMPT, COMPLETION = "generations.prompt", "generations.completion"
REASON, CORRECTION = "ratings.reason", "corrections.text"
Row = dict[str, Any]
Written = (
    TurnSaid
    | TurnReplaced
    | GenerationMade
    | AnswerMissed
    | AnswerRated
    | RatingWithdrawn
    | AnswerCorrected
    | AnswerPreferred
    | PreferenceWithdrawn
    | ModelChosen
    | CaseChanged
    | MemoryChanged
    | ConsentChanged
)
"""The effects that leave rows, unlike those that take rows away."""


class EffectRows:
    """The rows of several outcomes; `keys` has the key of every user in them."""

    def __init__(self, keys: Mapping[UserId, PersonKey], now: int) -> None:
        self.keys, self.now = keys, now
        self.replies: list[Row] = []
        self.turns: list[Row] = []
        self.replaced_turns: dict[tuple[str, EventKey, str], Row] = {}
        self.generations: list[Row] = []
        self.votes: dict[tuple[str, int], Row] = {}
        self.withdrawn: dict[tuple[str, int], tuple[int, ...]] = {}
        """Scores that go, by answer and person."""
        self.corrections: dict[tuple[str, int], Row] = {}
        self.preferences: list[Row] = []
        """Given and taken back, in order."""
        self.models: dict[ConversationId, str] = {}
        self.cases: list[CaseChanged] = []
        self.memories: list[MemoryChanged] = []
        self.uses: list[Row] = []
        self.missed: list[Row] = []
        self.heard: list[Row] = []
        self.decisions: list[Decision] = []

    def add(self, effect: Written) -> None:
        """Gather what the effect leaves behind."""
        match effect:
            case TurnSaid(turn=turn):
                self.turns.append(self._turn(turn))
            case TurnReplaced(turn=turn):
                self._replace(turn)
            case GenerationMade():
                self.generations.append(self._generation(effect))
                self.uses += _uses(effect)
                self.heard += self._others(effect)
            case AnswerMissed():
                self.missed.append(_missed(effect, self.keys[effect.user]))
            case AnswerRated() | RatingWithdrawn() | AnswerCorrected():
                self._judge(effect)
            case AnswerPreferred() | PreferenceWithdrawn():
                self.preferences.append(_preference(effect, self.keys[effect.user]))
            case ModelChosen(conversation=conversation, model=model):
                self.models[conversation] = model
            case _:
                self._change(effect)

    def _change(self, effect: CaseChanged | MemoryChanged | ConsentChanged) -> None:
        match effect:
            case CaseOpened() | CaseClaimed() | CaseDecided() | CaseAppealed():
                self.cases.append(effect)
            case ConsentChanged(user=user, purpose=purpose, granted=granted, source=source, at=at):
                self.decisions.append(Decision(user, purpose, granted, source, at))
            case (
                MemoryLearned()
                | MemoryEdited()
                | MemoriesUnlearned()
                | MemoryPreferencesChanged()
                | MemoryNoted()
            ):
                self.memories.append(effect)
            case _:
                assert_never(effect)

    def answer(self, reply: Reply) -> None:
        """Gather a reply to be sent."""
        key = self.keys[reply.user]
        self.replies.append(
            {
                "answers": reply.answers,
                "line": reply.conversation,
                "person_id": key.id,
                "payload": key.seal(REPLY, reply.answers, reply_text(reply)),
                "state": WAITING,
                "attempt": 0,
                "free_at": self.now,
                "platform": platform_of(reply.conversation),
            }
        )

    def _turn(self, turn: Turn) -> Row:
        key = self.keys[turn.user]
        return {
            "event": turn.event,
            "conversation": turn.conversation,
            "person_id": key.id,
            "role": turn.role,
            "text": key.seal(TURN_TEXT, f"{turn.role}|{turn.event}", turn.text),
            "at": microseconds(turn.at),
        }

    def _replace(self, turn: Turn) -> None:
        place = (turn.conversation, turn.event, turn.role)
        row = self._turn(turn)
        gathered = [row for row in self.turns if _place(row) == place]
        for earlier in gathered:
            earlier.update(row)
        if not gathered:
            self.replaced_turns[place] = row

    def _generation(self, made: GenerationMade) -> Row:
        key = self.keys[made.user]
        return {
            "event": made.event,
            "conversation": made.conversation,
            "person_id": key.id,
            "at": microseconds(made.at),
            "model": made.model,
            "lora": made.lora,
            "sampling": sampling_text(made.sampling),
            "seed": str(made.seed),
            "prompt": key.seal(PROMPT, made.event, prompt_text(made.prompt)),
            "completion": key.seal(COMPLETION, made.event, made.completion),
            "finish": made.finish,
            "prompt_tokens": made.prompt_tokens,
            "completion_tokens": made.completion_tokens,
            "queued_s": made.queued_s,
            "first_token_s": made.first_token_s,
            "total_s": made.total_s,
            "since_reset": True,
            "question": None if made.question == made.event else made.question,
            "heard": len(made.heard) or None,
        }

    def _others(self, made: GenerationMade) -> list[Row]:
        people = (self.keys[user].id for user in made.heard if user != made.user)
        return [{"event": made.event, "person_id": person} for person in people]

    def _judge(self, effect: AnswerRated | RatingWithdrawn | AnswerCorrected) -> None:
        key = self.keys[effect.user]
        match effect:
            case AnswerRated():
                self.votes[effect.answers, key.id] = self._vote(effect, key)
            case RatingWithdrawn():
                self._withdraw(effect)
            case AnswerCorrected():
                self.corrections[effect.answers, key.id] = self._correction(effect, key)

    def _withdraw(self, effect: RatingWithdrawn) -> None:
        place = (effect.answers, self.keys[effect.user].id)
        given = self.votes.get(place)
        if given is None:
            self.withdrawn[place] = (*self.withdrawn.get(place, ()), effect.score)
        elif given["score"] == effect.score:
            # It would have replaced whatever is stored.
            del self.votes[place]
            self.withdrawn[place] = (1, -1)

    def _vote(self, vote: AnswerRated, key: PersonKey) -> Row:
        return {
            "answers": vote.answers,
            "person_id": key.id,
            "score": vote.score,
            "reason": key.seal(REASON, vote.answers, vote.reason) if vote.reason else None,
            "at": microseconds(vote.at),
        }

    def _correction(self, correction: AnswerCorrected, key: PersonKey) -> Row:
        return {
            "answers": correction.answers,
            "person_id": key.id,
            "text": key.seal(CORRECTION, correction.answers, correction.text),
            "at": microseconds(correction.at),
        }


class EffectSql:
    """Writes gathered rows."""

    def __init__(self, dialect: str) -> None:
        chosen = sqlite if dialect == "sqlite" else postgresql
        made, voted = chosen.insert(generations).inline(), chosen.insert(ratings)
        chose, corrected = chosen.insert(choices), chosen.insert(corrections)
        answered = chosen.insert(outbox).inline().on_conflict_do_nothing()
        generated = made.on_conflict_do_update(
            index_elements=["event"],
            set_={column: made.excluded[column] for column in _columns(generations, "id", "event")},
        )
        later = ("seq", "ended_at", "parked_because")
        self._reply = Statement(dialect, answered, _columns(outbox, *later))
        self._generation = Statement(dialect, generated, _columns(generations, "id"))
        self._turn = Statement(dialect, insert(turns).inline(), _columns(turns, "id"))
        self._vote = voted.on_conflict_do_update(
            index_elements=["answers", "person_id"],
            set_={column: voted.excluded[column] for column in ("score", "reason", "at")},
        )
        self._correction = corrected.on_conflict_do_update(
            index_elements=["answers", "person_id"],
            set_={column: corrected.excluded[column] for column in ("text", "at")},
        )
        self._preference = _preferring(dialect)
        self._model = chose.on_conflict_do_update(
            index_elements=["conversation"], set_={"model": chose.excluded.model}
        )
        self._use = chosen.insert(memory_uses).on_conflict_do_nothing()
        self._missed = chosen.insert(missed_answers).on_conflict_do_nothing()
        self._heard = chosen.insert(heard).on_conflict_do_nothing()
        self._cases, self._memories = CaseSql(dialect), MemorySql(dialect)

    def write(self, connection: Connection, rows: EffectRows) -> list[AuditEntry]:
        """Write everything that was gathered.

        Returns:
            What the audit log says of it besides what it was told to say.
        """
        if rows.replaced_turns:
            replaced = [_replacing(row) for row in rows.replaced_turns.values()]
            connection.execute(_REPLACE, replaced)
        for (answers, person), scores in rows.withdrawn.items():
            connection.execute(
                delete(ratings)
                .where(ratings.c.answers == answers, ratings.c.person_id == person)
                .where(ratings.c.score.in_(scores))
            )
        models = [{"conversation": c, "model": model} for c, model in rows.models.items()]
        self._turn.run(connection, rows.turns)
        self._generation.run(connection, rows.generations)
        for statement, gathered in (
            (self._use, rows.uses),
            (self._heard, rows.heard),
            (self._missed, rows.missed),
            (self._vote, list(rows.votes.values())),
            (self._correction, list(rows.corrections.values())),
            (self._model, models),
        ):
            if gathered:
                connection.execute(statement, gathered)
        for preference in rows.preferences:
            given = "how" in preference
            connection.execute(self._preference if given else _NO_PREFERENCE, preference)
        self._reply.run(connection, rows.replies)
        self._cases.write(connection, rows.cases, rows.keys)
        self._memories.write(connection, rows.memories, rows.keys)
        return record_decisions(connection, rows.decisions, rows.keys, rows.now)


_REPLACE = (
    update(turns)
    .where(turns.c.event == bindparam("of_event"), turns.c.role == bindparam("of_role"))
    .where(turns.c.conversation == bindparam("of_conversation"))
)


_NO_PREFERENCE = (
    delete(preferred_answers)
    .where(preferred_answers.c.person_id == bindparam("of_person"))
    .where(preferred_answers.c.chosen == bindparam("of_chosen"))
)


def _preference(preferred: AnswerPreferred | PreferenceWithdrawn, key: PersonKey) -> Row:
    if isinstance(preferred, PreferenceWithdrawn):
        return {"of_person": key.id, "of_chosen": preferred.chosen}
    return {
        "person_id": key.id,
        "chosen": preferred.chosen,
        "rejected": preferred.rejected,
        "how": preferred.how,
        "at": microseconds(preferred.at),
        "answer": preferred.chosen,
    }


def _preferring(dialect: str) -> Insert:
    """Return the statement that writes a preference under the question of both answers."""
    answer = bindparam("answer", type_=Text)
    asked = select(func.coalesce(generations.c.question, generations.c.event))
    question = asked.where(generations.c.event == answer).scalar_subquery()
    chosen = sqlite if dialect == "sqlite" else postgresql
    preferred = chosen.insert(preferred_answers)
    columns = ("chosen", "rejected", "how", "at")
    replacing: Insert = preferred.on_conflict_do_update(
        index_elements=["question", "person_id"],
        set_={column: preferred.excluded[column] for column in columns},
    )
    return replacing.values(question=func.coalesce(question, answer))


def _missed(missed: AnswerMissed, key: PersonKey) -> Row:
    return {
        "event": missed.event,
        "conversation": missed.conversation,
        "person_id": key.id,
        "at": microseconds(missed.at),
        "model": missed.model,
        "lora": missed.lora,
        "why": missed.why,
    }


def _uses(made: GenerationMade) -> list[Row]:
    return [
        {"event": made.event, "place": place, "memory": memory}
        for place, memory in enumerate(made.memories)
    ]


def _place(row: Row) -> tuple[str, EventKey, str]:
    return row["conversation"], row["event"], row["role"]


def _replacing(row: Row) -> Row:
    """Return the row as `_REPLACE` takes it; a turn stays where it is and gets another text."""
    conversation, event, role = _place(row)
    where = {"of_conversation": conversation, "of_event": event, "of_role": role}
    return where | {name: row[name] for name in ("person_id", "text", "at")}


def _columns(table: Table, *left_out: str) -> list[str]:
    return [column.name for column in table.columns if column.name not in left_out]
