"""What was said, in memory: the records, and their history."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

from chatune_core.messages import ConversationId, EventKey, MessageKey, Turn, UserId
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerMissed,
    AnswerPreferred,
    AnswerRated,
    ConversationReset,
    GenerationMade,
    MessageErased,
    ModelChosen,
    PreferenceWithdrawn,
    RatingWithdrawn,
    TurnReplaced,
    TurnSaid,
)
from chatune_storage.memory.cases import MemoryCases
from chatune_storage.memory.queues import MemoryOutbox

Key = TypeVar("Key")
Value = TypeVar("Value")
Recorded = (
    TurnSaid
    | TurnReplaced
    | GenerationMade
    | AnswerMissed
    | AnswerRated
    | RatingWithdrawn
    | AnswerCorrected
    | AnswerPreferred
    | PreferenceWithdrawn
    | ConversationReset
    | MessageErased
    | ModelChosen
)
"""The effects that concern what was said, and nothing else."""


class Records:
    """The effects of every committed outcome."""

    def __init__(self) -> None:
        self.turns: dict[ConversationId, list[Turn]] = {}
        self.generations: dict[EventKey, GenerationMade] = {}
        self.answers: dict[ConversationId, list[EventKey]] = {}
        """Events with a generated answer since the last reset, oldest first."""
        self.missed: dict[EventKey, AnswerMissed] = {}
        self.ratings: dict[tuple[EventKey, UserId], AnswerRated] = {}
        self.corrections: dict[tuple[EventKey, UserId], AnswerCorrected] = {}
        self.preferred_answers: dict[tuple[EventKey, UserId], AnswerPreferred] = {}
        """By question and person."""
        self.models: dict[ConversationId, str] = {}
        self.cases = MemoryCases()

    def apply(self, effect: Recorded) -> None:
        """Record one effect."""
        match effect:
            case TurnSaid(turn=turn):
                self.turns.setdefault(turn.conversation, []).append(turn)
            case TurnReplaced(turn=turn):
                self._replace(turn)
            case GenerationMade() | AnswerMissed():
                self._answer(effect)
            case (
                AnswerRated()
                | RatingWithdrawn()
                | AnswerCorrected()
                | AnswerPreferred()
                | PreferenceWithdrawn()
            ):
                self._judge(effect)
            case MessageErased(conversation=conversation, event=event):
                self._erase(conversation, event)
                self.cases.forget_message(MessageKey(event))
            case ConversationReset(conversation=conversation):
                self.turns.pop(conversation, None)
                self.answers.pop(conversation, None)
            case ModelChosen(conversation=conversation, model=model):
                self.models[conversation] = model
            case _:
                assert_never(effect)

    def _answer(self, effect: GenerationMade | AnswerMissed) -> None:
        if isinstance(effect, AnswerMissed):
            self.missed.setdefault(effect.event, effect)
            return
        self.generations[effect.event] = effect
        self.answers.setdefault(effect.conversation, []).append(effect.event)

    def _prefer(self, effect: AnswerPreferred | PreferenceWithdrawn) -> None:
        made = self.generations.get(effect.chosen)
        place = (made.question if made else effect.chosen, effect.user)
        if isinstance(effect, AnswerPreferred):
            self.preferred_answers[place] = effect
            return
        given = self.preferred_answers.get(place)
        if given is not None and given.chosen == effect.chosen:
            del self.preferred_answers[place]

    def _judge(
        self,
        effect: AnswerRated
        | RatingWithdrawn
        | AnswerCorrected
        | AnswerPreferred
        | PreferenceWithdrawn,
    ) -> None:
        if isinstance(effect, AnswerPreferred | PreferenceWithdrawn):
            return self._prefer(effect)
        place = (effect.answers, effect.user)
        match effect:
            case RatingWithdrawn(score=score):
                given = self.ratings.get(place)
                if given is not None and given.score == score:
                    del self.ratings[place]
            case AnswerRated():
                self.ratings[place] = effect
            case AnswerCorrected():
                self.corrections[place] = effect

    def _replace(self, turn: Turn) -> None:
        turns = self.turns.get(turn.conversation, [])
        for place, said in enumerate(turns):
            if (said.event, said.role) == (turn.event, turn.role):
                turns[place] = turn

    def _erase(self, conversation: ConversationId, event: EventKey) -> None:
        made = self.generations
        answers = {key for key, item in made.items() if event in (key, item.question)}
        turns = [turn for line in self.turns.values() for turn in line]
        times = [turn.at for turn in turns if turn.event == event]
        times += [made[key].at for key in answers]
        if not times:
            return
        since = min(times)
        self.drop_turns(lambda turn: turn.event == event or turn.event in answers)
        for key, item in made.items():
            if key in answers:
                made[key] = replace(item, prompt=(), completion="")
            elif item.conversation == conversation and item.at >= since:
                made[key] = replace(item, prompt=())
        for place, vote in self.ratings.items():
            if place[0] in answers:
                self.ratings[place] = replace(vote, reason="")
        drop(self.corrections, lambda place, _: place[0] in answers)

    def has_text(self, answer: EventKey) -> bool:
        """Return whether all text of the generated answer is kept."""
        made = self.generations.get(answer)
        return made is not None and bool(made.prompt and made.completion)

    def drop_turns(self, unwanted: Callable[[Turn], bool]) -> int:
        """Forget these turns; return how many there were."""
        removed = 0
        for conversation, turns in list(self.turns.items()):
            kept = [turn for turn in turns if not unwanted(turn)]
            removed += len(turns) - len(kept)
            if kept:
                self.turns[conversation] = kept
            else:
                del self.turns[conversation]
        return removed


def drop(table: dict[Key, Value], unwanted: Callable[[Key, Value], bool]) -> int:
    """Forget these rows of `table`; return how many there were."""
    doomed = [key for key, value in table.items() if unwanted(key, value)]
    for key in doomed:
        del table[key]
    return len(doomed)


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
        if shown is None or shown.answers not in self._records.generations:
            return None
        return shown.answers

    async def question_of(self, answer: EventKey) -> EventKey | None:
        """See History.question_of."""
        made = self._records.generations.get(answer)
        return None if made is None else made.question

    async def answers_beside(self, answer: EventKey) -> Sequence[EventKey]:
        """See History.answers_beside."""
        question = await self.question_of(answer)
        return [key for key, made in self._records.generations.items() if made.question == question]

    async def answer_text(self, answer: EventKey) -> str | None:
        """See History.answer_text."""
        made = self._records.generations.get(answer)
        return (made.completion or None) if made is not None else None

    async def vote_of(self, user: UserId, answer: EventKey) -> int | None:
        """See History.vote_of."""
        vote = self._records.ratings.get((answer, user))
        return None if vote is None else vote.score

    async def chosen_model(self, conversation: ConversationId) -> str | None:
        """See History.chosen_model."""
        return self._records.models.get(conversation)
