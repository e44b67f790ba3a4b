"""Which of several answers to one question a person prefers: after "again", and side by side."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Form
from chatune_core.judged import JudgedAnswers, second_of
from chatune_core.messages import ActionTaken, Button, EventKey
from chatune_core.outcomes import AnswerPreferred, Effect, PreferenceWithdrawn
from chatune_core.pipeline import Pipeline
from chatune_core.ports import History

KEEP = (
    Button("keep-this", "Keep this one"),
    Button("keep-earlier", "The one before was better"),
)
"""Under an answer that was asked for again."""
_FORGOTTEN = "I do not know the other answer any more."


class Preferences:
    """Second tries, and choices between two answers."""

    def __init__(
        self,
        history: History,
        judged: JudgedAnswers,
        pipeline: Pipeline,
        now: Callable[[], datetime],
    ) -> None:
        self._history, self._judged = history, judged
        self._pipeline, self._now = pipeline, now

    def commands(self) -> list[Command]:
        """See Part.commands."""
        return [command_from("again", "Have the last question answered again.", self._again)]

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {
            "again": self._pressed_again,
            "keep-this": self._keep_this,
            "keep-earlier": self._keep_earlier,
            "choose-first": self._choose_first,
            "choose-second": self._choose_second,
            "choose-none": self._choose_none,
        }

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {}

    async def _pressed_again(self, context: Context, value: str) -> Answer:
        return await self._answered_again(context, await self._judged.above(context))

    async def _again(self, context: Context) -> Answer:
        return await self._answered_again(context, await self._judged.newest(context))

    async def _answered_again(self, context: Context, answered: EventKey) -> Answer:
        answer = await self._pipeline.again(context.event, answered, context.stop)
        return replace(answer, buttons=KEEP) if answer.rateable else answer

    async def _keep_this(self, context: Context, value: str) -> Answer:
        earlier, later = await self._one_after_the_other(context)
        return await self._preferred(context, later, earlier, "again", "I keep this one.")

    async def _keep_earlier(self, context: Context, value: str) -> Answer:
        earlier, later = await self._one_after_the_other(context)
        said = "I go on from the one before."
        return await self._preferred(context, earlier, later, "again", said)

    async def _choose_first(self, context: Context, value: str) -> Answer:
        first, second = await self._side_by_side(context)
        return await self._preferred(context, first, second, "choice", "I keep the first.")

    async def _choose_second(self, context: Context, value: str) -> Answer:
        first, second = await self._side_by_side(context)
        return await self._preferred(context, second, first, "choice", "I keep the second.")

    async def _choose_none(self, context: Context, value: str) -> Answer:
        first, second = await self._side_by_side(context)
        both = [PreferenceWithdrawn(key, context.user) for key in (first, second)]
        text = "Thank you. I go on from the first."
        back = await self._standing(context, first)
        return Answer(text, private=True, effects=(*both, *back))

    async def _preferred(
        self,
        context: Context,
        chosen: EventKey,
        rejected: EventKey,
        how: Literal["choice", "again"],
        said: str,
    ) -> Answer:
        preferred = AnswerPreferred(chosen, rejected, context.user, how, self._now())
        stands = await self._standing(context, chosen)
        return Answer(f"Thank you. {said}", private=True, effects=(preferred, *stands))

    async def _standing(self, context: Context, chosen: EventKey) -> list[Effect]:
        """Return what makes the history say the chosen answer, where it says one of its question."""
        text = await self._history.answer_text(chosen)
        if text is None:
            raise InvalidInput(_FORGOTTEN)
        last = await self._history.last_answer(context.conversation)
        if last not in await self._history.answers_beside(chosen):
            return []
        return await self._judged.put_right(context, chosen, text.strip())

    async def _one_after_the_other(self, context: Context) -> tuple[EventKey, EventKey]:
        later = await self._judged.above(context)
        answers = await self._judged.in_turn(later)
        if later not in answers[1:]:
            raise InvalidInput(_FORGOTTEN)
        return answers[answers.index(later) - 1], later

    async def _side_by_side(self, context: Context) -> tuple[EventKey, EventKey]:
        typed = not isinstance(context.event, ActionTaken)
        above = self._judged.newest if typed else self._judged.above
        first = await above(context)
        if not await self._judged.are_two(first):
            raise InvalidInput(_FORGOTTEN)
        return first, second_of(first)
