"""What outcomes leave behind, in memory: ledger and history."""

from collections.abc import Sequence
from typing import assert_never

from chatune_core.messages import ConversationId, EventKey, Inbound, MessageKey, Reply, Turn, UserId
from chatune_core.outcomes import (
    AnswerRated,
    ConversationReset,
    Effect,
    GenerationMade,
    ModelChosen,
    Outcome,
    TurnSaid,
)
from chatune_core.ports import EventLease
from chatune_storage.memory.claims import ClaimQueue
from chatune_storage.memory.queues import MemoryOutbox


class Records:
    """The effects of every committed outcome."""

    def __init__(self) -> None:
        self.turns: dict[ConversationId, list[Turn]] = {}
        self.generations: dict[EventKey, GenerationMade] = {}
        self.answers: dict[ConversationId, list[EventKey]] = {}
        """Events with a generated answer since the last reset, oldest first."""
        self.ratings: dict[tuple[EventKey, UserId], AnswerRated] = {}
        self.models: dict[ConversationId, str] = {}

    def apply(self, effect: Effect) -> None:
        """Record one effect."""
        match effect:
            case TurnSaid(turn=turn):
                self.turns.setdefault(turn.conversation, []).append(turn)
            case GenerationMade():
                self.generations[effect.event] = effect
                self.answers.setdefault(effect.conversation, []).append(effect.event)
            case AnswerRated(score=0):
                self.ratings.pop((effect.answers, effect.user), None)
            case AnswerRated():
                self.ratings[effect.answers, effect.user] = effect
            case ConversationReset(conversation=conversation):
                self.turns.pop(conversation, None)
                self.answers.pop(conversation, None)
            case ModelChosen(conversation=conversation, model=model):
                self.models[conversation] = model
            case _:
                assert_never(effect)


class MemoryLedger:
    """See Ledger. Nothing outlives the process."""

    def __init__(
        self, inbox: ClaimQueue[Inbound], outbox: ClaimQueue[Reply], records: Records
    ) -> None:
        self._inbox, self._outbox, self._records = inbox, outbox, records

    async def commit(self, lease: EventLease, outcome: Outcome) -> bool:
        """See Ledger.commit."""
        key = lease.event.key
        entry = self._inbox.held(key, lease.attempt)
        if entry is None:
            return self._inbox.ended_by(key, lease.attempt)
        self._inbox.end(entry)
        for effect in outcome.effects:
            self._records.apply(effect)
        reply = outcome.reply
        if reply is not None:
            self._outbox.add(reply.answers, reply.conversation, reply)
        return True


class MemoryHistory:
    """See History. Nothing outlives the process."""

    def __init__(self, records: Records, outbox: MemoryOutbox) -> None:
        self._records, self._outbox = records, outbox

    async def recent(self, conversation: ConversationId, limit: int) -> Sequence[Turn]:
        """See History.recent."""
        turns = self._records.turns.get(conversation, [])
        return turns[max(0, len(turns) - limit) :]

    async def last_answer(self, conversation: ConversationId) -> EventKey | None:
        """See History.last_answer."""
        answers = self._records.answers.get(conversation)
        return answers[-1] if answers else None

    async def answer_shown_as(self, message: MessageKey) -> EventKey | None:
        """See History.answer_shown_as."""
        shown = self._outbox.shown.get(message)
        if shown is None or shown[0] not in self._records.generations:
            return None
        return shown[0]

    async def chosen_model(self, conversation: ConversationId) -> str | None:
        """See History.chosen_model."""
        return self._records.models.get(conversation)
