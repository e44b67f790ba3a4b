"""Which answer a person means, and what the history says after they judged it."""

from dataclasses import replace

from chatune_core.bots import Context
from chatune_core.errors import InvalidInput
from chatune_core.messages import ActionTaken, EventKey, FormSubmitted
from chatune_core.outcomes import Effect, TurnReplaced
from chatune_core.ports import History

LONGEST_VALUE = 64  # characters of a button's value
_SECOND = "#2"
_UNKNOWN = "I do not know that answer any more."


def second_of(event: EventKey) -> EventKey:
    """Return the key of the second of two answers that were made for `event` side by side."""
    return EventKey(f"{event}{_SECOND}")


class JudgedAnswers:
    """Looks up answers that people judge."""

    def __init__(self, history: History, turns: int) -> None:
        """Let `turns` be how far back an answer in the history is put right."""
        self._history, self._turns = history, turns

    async def newest(self, context: Context) -> EventKey:
        """Return the newest answer of the conversation.

        Raises:
            InvalidInput: there is none.
        """
        answered = await self._history.last_answer(context.conversation)
        if answered is None:
            raise InvalidInput("There is no answer to rate yet.")
        return answered

    async def last(self, context: Context) -> EventKey:
        """Return the newest answer: a command means that one.

        Raises:
            InvalidInput: there is none, or two stand side by side.
        """
        answered = await self.newest(context)
        if await self.are_two(answered):
            raise InvalidInput("There are two answers: say first which of them is better.")
        return answered

    async def above(self, context: Context, value: str = "") -> EventKey:
        """Return the answer that a button or a form is about.

        That is the one under which it was, or `value` where the button said so itself; where
        there are no buttons, it was typed and means the newest.

        Raises:
            InvalidInput: it is not known any more.
        """
        event = context.event
        if not isinstance(event, ActionTaken | FormSubmitted):
            return await self.last(context)
        answered = EventKey(value) if value else await self._history.answer_shown_as(event.message)
        if answered is None:
            raise InvalidInput(_UNKNOWN)
        return answered

    async def are_two(self, answered: EventKey) -> bool:
        """Return whether the answer was made with a second one beside it."""
        return second_of(answered) in await self._history.answers_beside(answered)

    async def in_turn(self, answered: EventKey) -> tuple[EventKey, ...]:
        """Return the answers to one question that were made one after the other, oldest first."""
        beside = await self._history.answers_beside(answered)
        return tuple(key for key in beside if not key.endswith(_SECOND))

    async def put_right(self, context: Context, answered: EventKey, text: str) -> list[Effect]:
        """Return what makes the history say `text` where it says what was answered.

        The history is the asker's alone to put right.
        """
        root = await self._history.question_of(answered) or answered
        turns = await self._history.recent(context.conversation, self._turns)
        return [
            TurnReplaced(replace(turn, text=text))
            for turn in turns
            if (turn.event, turn.role, turn.user) == (root, "assistant", context.user)
        ]
