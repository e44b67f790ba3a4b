"""Replies and effects as rows, gathered by table."""

from collections.abc import Mapping
from typing import Any, assert_never

from sqlalchemy import Connection, Table, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from chatune_core.messages import ConversationId, Reply, Turn, UserId
from chatune_core.outcomes import (
    AnswerRated,
    ConversationReset,
    Effect,
    GenerationMade,
    ModelChosen,
    Outcome,
    TurnSaid,
)
from chatune_storage.codec import prompt_text, reply_text, sampling_text
from chatune_storage.keys import PersonKey
from chatune_storage.tables import (
    WAITING,
    choices,
    generations,
    microseconds,
    outbox,
    ratings,
    turns,
)

REPLY = "outbox.payload"
TURN_TEXT = "turns.text"
PROMPT, COMPLETION = "generations.prompt", "generations.completion"
REASON = "ratings.reason"
Row = dict[str, Any]


class EffectRows:
    """The rows of several outcomes; `keys` has the key of every user in them."""

    def __init__(self, keys: Mapping[UserId, PersonKey], now: int) -> None:
        self._keys, self._now = keys, now
        self.replies: list[Row] = []
        self.turns: list[Row] = []
        self.generations: list[Row] = []
        self.votes: dict[tuple[str, int], Row] = {}
        self.models: dict[ConversationId, str] = {}
        self.resets: list[ConversationId] = []
        self.lines: set[ConversationId] = set()
        """Conversations with a new reply."""

    def add(self, outcome: Outcome) -> None:
        """Gather what the outcome leaves behind."""
        for effect in outcome.effects:
            self._add(effect)
        if outcome.reply is not None:
            self._reply(outcome.reply)

    def _add(self, effect: Effect) -> None:
        match effect:
            case TurnSaid(turn=turn):
                self.turns.append(self._turn(turn))
            case GenerationMade():
                self.generations.append(self._generation(effect))
            case AnswerRated():
                key = self._keys[effect.user]
                self.votes[effect.answers, key.id] = self._vote(effect, key)
            case ConversationReset(conversation=conversation):
                self._reset(conversation)
            case ModelChosen(conversation=conversation, model=model):
                self.models[conversation] = model
            case _:
                assert_never(effect)

    def _reply(self, reply: Reply) -> None:
        key = self._keys[reply.user]
        self.lines.add(reply.conversation)
        self.replies.append(
            {
                "answers": reply.answers,
                "line": reply.conversation,
                "person_id": key.id,
                "payload": key.seal(REPLY, reply.answers, reply_text(reply)),
                "state": WAITING,
                "attempt": 0,
                "free_at": self._now,
            }
        )

    def _turn(self, turn: Turn) -> Row:
        key = self._keys[turn.user]
        return {
            "event": turn.event,
            "conversation": turn.conversation,
            "person_id": key.id,
            "role": turn.role,
            "text": key.seal(TURN_TEXT, f"{turn.role}|{turn.event}", turn.text),
            "at": microseconds(turn.at),
        }

    def _generation(self, made: GenerationMade) -> Row:
        key = self._keys[made.user]
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
        }

    def _vote(self, vote: AnswerRated, key: PersonKey) -> Row:
        return {
            "answers": vote.answers,
            "person_id": key.id,
            "score": vote.score,
            "reason": key.seal(REASON, vote.answers, vote.reason) if vote.reason else None,
            "at": microseconds(vote.at),
        }

    def _reset(self, conversation: ConversationId) -> None:
        self.resets.append(conversation)
        self.turns = [row for row in self.turns if row["conversation"] != conversation]
        for row in self.generations:
            row["since_reset"] &= row["conversation"] != conversation


class EffectSql:
    """Writes gathered rows: what goes first, then what comes."""

    def __init__(self, dialect: str) -> None:
        chosen = sqlite if dialect == "sqlite" else postgresql
        made, voted = chosen.insert(generations), chosen.insert(ratings)
        chose = chosen.insert(choices)
        self._reply = chosen.insert(outbox).on_conflict_do_nothing()
        self._generation = made.on_conflict_do_update(
            index_elements=["event"],
            set_={
                column: made.excluded[column] for column in _replaced(generations, "id", "event")
            },
        )
        self._vote = voted.on_conflict_do_update(
            index_elements=["answers", "person_id"],
            set_={column: voted.excluded[column] for column in ("score", "reason", "at")},
        )
        self._model = chose.on_conflict_do_update(
            index_elements=["conversation"], set_={"model": chose.excluded.model}
        )

    def write(self, connection: Connection, rows: EffectRows) -> None:
        """Write everything that was gathered."""
        for conversation in rows.resets:
            connection.execute(delete(turns).where(turns.c.conversation == conversation))
            earlier = update(generations).where(generations.c.conversation == conversation)
            connection.execute(earlier.values(since_reset=False))
        withdrawn = [row for row in rows.votes.values() if row["score"] == 0]
        for row in withdrawn:
            connection.execute(
                delete(ratings)
                .where(ratings.c.answers == row["answers"])
                .where(ratings.c.person_id == row["person_id"])
            )
        models = [{"conversation": c, "model": model} for c, model in rows.models.items()]
        for statement, gathered in (
            (insert(turns), rows.turns),
            (self._generation, rows.generations),
            (self._vote, [row for row in rows.votes.values() if row["score"] != 0]),
            (self._model, models),
            (self._reply, rows.replies),
        ):
            if gathered:
                connection.execute(statement, gathered)


def _replaced(table: Table, *kept: str) -> list[str]:
    return [column.name for column in table.columns if column.name not in kept]
