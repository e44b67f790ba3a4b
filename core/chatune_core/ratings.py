"""What people think of an answer: good, bad, again, or what it should have been.

A command means the last answer of the conversation; a button, a reaction or a form the one that it
is under.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Field, Form
from chatune_core.messages import (
    ActionTaken,
    EventKey,
    FormSubmitted,
    ReactionChanged,
)
from chatune_core.outcomes import (
    AnswerCorrected,
    AnswerRated,
    Effect,
    RatingWithdrawn,
    TurnReplaced,
)
from chatune_core.pipeline import Pipeline
from chatune_core.ports import History
from chatune_core.settings import CoreSettings

CORRECT = Form(
    "correct",
    "Correct this answer",
    (Field("text", "What should the answer have been?", multiline=True),),
)
_SCORES = {
    "👍": 1,
    "+1": 1,
    "thumbsup": 1,
    "👎": -1,
    "-1": -1,
    "thumbsdown": -1,
}
_SKIN_TONES = dict.fromkeys(range(0x1F3FB, 0x1F400))
_UNKNOWN = "I do not know that answer any more."


class Ratings:
    """Ratings, corrections and second tries."""

    def __init__(
        self,
        history: History,
        pipeline: Pipeline,
        settings: CoreSettings,
        now: Callable[[], datetime],
    ) -> None:
        self._history, self._pipeline = history, pipeline
        self._settings, self._now = settings, now

    def commands(self) -> list[Command]:
        """See Part.commands."""
        return [
            command_from("good", "Rate the last answer as good.", self._good, private=True),
            command_from("bad", "Rate the last answer as bad.", self._bad, private=True),
            command_from("again", "Have the last question answered again.", self._again),
            command_from(
                "correct", "Say what the last answer should have been.", self._correct, private=True
            ),
        ]

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {
            "good": self._pressed_good,
            "bad": self._pressed_bad,
            "again": self._pressed_again,
        }

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {CORRECT.name: (CORRECT, self._corrected)}

    async def _pressed_good(self, context: Context, value: str) -> Answer:
        return self._rated(context, await self._answer_above(context), 1)

    async def _pressed_bad(self, context: Context, value: str) -> Answer:
        return self._rated(context, await self._answer_above(context), -1)

    async def _pressed_again(self, context: Context, value: str) -> Answer:
        answered = await self._answer_above(context)
        return await self._pipeline.again(context.event, answered, context.stop)

    async def _corrected(self, context: Context, value: str, fields: Mapping[str, str]) -> Answer:
        answered = await self._answer_above(context)
        return await self._correction(context, answered, fields["text"])

    async def reacted(self, reaction: ReactionChanged) -> tuple[Effect, ...]:
        """Return the vote in a reaction; none for other emoji, and under other messages."""
        plain = reaction.emoji.translate(_SKIN_TONES).partition("::")[0]
        score = _SCORES.get(plain)
        if score is None:
            return ()
        answered = await self._history.answer_shown_as(reaction.message)
        if answered is None:
            return ()
        if reaction.added:
            return (AnswerRated(answered, reaction.user, score, self._now()),)
        return (RatingWithdrawn(answered, reaction.user, score),)

    async def _good(self, context: Context, reason: str = "") -> Answer:
        return self._rated(context, await self._last(context), 1, reason)

    async def _bad(self, context: Context, reason: str = "") -> Answer:
        return self._rated(context, await self._last(context), -1, reason)

    async def _again(self, context: Context) -> Answer:
        return await self._pipeline.again(context.event, await self._last(context), context.stop)

    async def _correct(self, context: Context, text: str) -> Answer:
        return await self._correction(context, await self._last(context), text)

    async def _last(self, context: Context) -> EventKey:
        answered = await self._history.last_answer(context.conversation)
        if answered is None:
            raise InvalidInput("There is no answer to rate yet.")
        return answered

    async def _answer_above(self, context: Context) -> EventKey:
        event = context.event
        if not isinstance(event, ActionTaken | FormSubmitted):
            return await self._last(context)  # typed, where there are no buttons
        answered = await self._history.answer_shown_as(event.message)
        if answered is None:
            raise InvalidInput(_UNKNOWN)
        return answered

    def _rated(self, context: Context, answered: EventKey, score: int, reason: str = "") -> Answer:
        rating = AnswerRated(answered, context.user, score, self._now(), reason)
        word = "good" if score > 0 else "bad"
        return Answer(f"Thank you. Rated as {word}.", private=True, effects=(rating,))

    async def _correction(self, context: Context, answered: EventKey, text: str) -> Answer:
        """Record the correction.

        The history is the asker's alone to put right, and there it is the newest answer to the
        question that stands.
        """
        if not text.strip():
            raise InvalidInput("That correction was empty.")
        effects: list[Effect] = [AnswerCorrected(answered, context.user, text, self._now())]
        if answered == await self._history.last_answer(context.conversation):
            effects += await self._put_right(context, answered, text)
        return Answer("Thank you. I noted your correction.", private=True, effects=tuple(effects))

    async def _put_right(self, context: Context, answered: EventKey, text: str) -> list[Effect]:
        root = await self._history.question_of(answered) or answered
        limit = self._settings.history_turns
        turns = await self._history.recent(context.conversation, limit)
        return [
            TurnReplaced(replace(turn, text=text))
            for turn in turns
            if (turn.event, turn.role, turn.user) == (root, "assistant", context.user)
        ]
