"""What people think of an answer: good, bad and why.

A command means the last answer of the conversation; a button or a reaction the one that it is
under. One vote a person and answer: a later one replaces it, and pressing the same again takes it back.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Field, Form
from chatune_core.judged import LONGEST_VALUE, JudgedAnswers
from chatune_core.messages import ActionTaken, Button, EventKey, ReactionChanged, UserId
from chatune_core.outcomes import (
    AnswerPreferred,
    AnswerRated,
    Effect,
    PreferenceWithdrawn,
    RatingWithdrawn,
)
from chatune_core.ports import History

WHY = Form(
    "say-why",
    "Why is it bad?",
    (Field("text", "What is wrong with this answer?", multiline=True),),
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
_WORDS = {1: "good", -1: "bad"}
_TAKEN_BACK = "Taken back: your rating of this answer is gone."


class Ratings:
    """Votes on answers."""

    def __init__(
        self, history: History, judged: JudgedAnswers, now: Callable[[], datetime]
    ) -> None:
        self._history, self._judged, self._now = history, judged, now

    def commands(self) -> list[Command]:
        """See Part.commands."""
        return [
            command_from("good", "Rate the last answer as good.", self._good, private=True),
            command_from("bad", "Rate the last answer as bad.", self._bad, private=True),
            command_from(
                "unrate", "Take your rating of the last answer back.", self._unrate, private=True
            ),
        ]

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {"good": self._pressed_good, "bad": self._pressed_bad}

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {WHY.name: (WHY, self._explained)}

    async def reacted(self, reaction: ReactionChanged) -> tuple[Effect, ...]:
        """Return the vote in a reaction; none for other emoji, and under other messages.

        A thumb under two answers side by side says nothing about either.
        """
        plain = reaction.emoji.translate(_SKIN_TONES).partition("::")[0]
        score = _SCORES.get(plain)
        if score is None:
            return ()
        answered = await self._history.answer_shown_as(reaction.message)
        if answered is None or await self._judged.are_two(answered):
            return ()
        if reaction.added:
            return await self._vote(answered, reaction.user, score)
        return await self._withdrawal(answered, reaction.user, score)

    async def _pressed_good(self, context: Context, value: str) -> Answer:
        return await self._pressed(context, 1)

    async def _pressed_bad(self, context: Context, value: str) -> Answer:
        return await self._pressed(context, -1)

    async def _pressed(self, context: Context, score: int) -> Answer:
        answered = await self._judged.above(context)
        if not isinstance(context.event, ActionTaken):
            return await self._rated(context, answered, score)
        if await self._history.vote_of(context.user, answered) == score:
            return await self._taken_back(context.user, answered, score)
        buttons: tuple[Button, ...] = ()
        if score < 0 and len(answered) <= LONGEST_VALUE:
            buttons = (Button(WHY.name, "Say why", answered),)
        hint = "Press the same button again to take that back."
        return await self._rated(context, answered, score, hint=hint, buttons=buttons)

    async def _good(self, context: Context, reason: str = "") -> Answer:
        return await self._rated(context, await self._judged.last(context), 1, reason)

    async def _bad(self, context: Context, reason: str = "") -> Answer:
        answered = await self._judged.last(context)
        why = "" if reason else "/bad and a few words says why. "
        hint = f"{why}/unrate takes it back."
        return await self._rated(context, answered, -1, reason, hint=hint)

    async def _explained(self, context: Context, value: str, fields: Mapping[str, str]) -> Answer:
        if not (reason := fields["text"].strip()):
            raise InvalidInput("That was empty. The answer stays rated as bad.")
        answered = await self._judged.above(context, value)
        effects = await self._vote(answered, context.user, -1, reason)
        return Answer("Thank you. Noted why it is bad.", private=True, effects=effects)

    async def _unrate(self, context: Context) -> Answer:
        answered = await self._judged.last(context)
        score = await self._history.vote_of(context.user, answered)
        if score is None:
            raise InvalidInput("You have not rated the last answer.")
        return await self._taken_back(context.user, answered, score)

    async def _rated(
        self,
        context: Context,
        answered: EventKey,
        score: int,
        reason: str = "",
        *,
        hint: str = "/unrate takes it back.",
        buttons: tuple[Button, ...] = (),
    ) -> Answer:
        before = await self._history.vote_of(context.user, answered)
        changed = before is not None and before != score
        what = "Changed to" if changed else "Rated as"
        text = f"Thank you. {what} {_WORDS[score]}. {hint}"
        effects = await self._vote(answered, context.user, score, reason)
        return Answer(text, private=True, effects=effects, buttons=buttons)

    async def _taken_back(self, user: UserId, answered: EventKey, score: int) -> Answer:
        effects = await self._withdrawal(answered, user, score)
        return Answer(_TAKEN_BACK, private=True, effects=effects)

    async def _vote(
        self, answered: EventKey, user: UserId, score: int, reason: str = ""
    ) -> tuple[Effect, ...]:
        """Return the vote, and what it says about another answer to the same question.

        Whoever asked again and finds one of the answers good prefers it to the one that it was
        shown after, or before; whoever finds both good prefers neither.
        """
        rated = AnswerRated(answered, user, score, self._now(), reason)
        answers = await self._judged.in_turn(answered)
        if len(answers) < 2 or answered not in answers:
            return (rated,)
        if score < 0:
            return (rated, PreferenceWithdrawn(answered, user))
        place = answers.index(answered)
        other = answers[place - 1] if place else answers[1]
        if await self._history.vote_of(user, other) == score:
            return (rated, PreferenceWithdrawn(other, user))
        return (rated, AnswerPreferred(answered, other, user, "again", self._now()))

    async def _withdrawal(self, answered: EventKey, user: UserId, score: int) -> tuple[Effect, ...]:
        withdrawn = RatingWithdrawn(answered, user, score)
        if score < 0 or len(await self._judged.in_turn(answered)) < 2:
            return (withdrawn,)
        return (withdrawn, PreferenceWithdrawn(answered, user))
