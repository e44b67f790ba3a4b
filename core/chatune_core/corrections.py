"""What an answer should have been: the bot's text, changed by a person."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Field, Form
from chatune_core.judged import JudgedAnswers
from chatune_core.messages import EventKey, MessageKey
from chatune_core.outcomes import AnswerCorrected, Effect
from chatune_core.ports import History

CORRECT = Form(
    "correct",
    "Correct this answer",
    (Field("text", "What should the answer have been?", multiline=True),),
)


class Corrections:
    """A form that begins with the answer, so that changing it is enough; and a command."""

    def __init__(
        self, history: History, judged: JudgedAnswers, now: Callable[[], datetime]
    ) -> None:
        self._history, self._judged, self._now = history, judged, now

    def commands(self) -> list[Command]:
        """See Part.commands."""
        return [
            command_from(
                "correct", "Say what the last answer should have been.", self._correct, private=True
            )
        ]

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {}

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {CORRECT.name: (CORRECT, self._corrected)}

    async def opened(self, form: Form, message: MessageKey) -> Form:
        """Return `form` with the answer that `message` shows in it, where it is for that."""
        if form.name != CORRECT.name:
            return form
        answered = await self._history.answer_shown_as(message)
        text = await self._history.answer_text(answered) if answered is not None else None
        fields = tuple(replace(field, value=(text or "").strip()) for field in form.fields)
        return replace(form, fields=fields)

    async def _corrected(self, context: Context, value: str, fields: Mapping[str, str]) -> Answer:
        return await self._noted(context, await self._judged.above(context), fields["text"])

    async def _correct(self, context: Context, text: str) -> Answer:
        return await self._noted(context, await self._judged.last(context), text)

    async def _noted(self, context: Context, answered: EventKey, text: str) -> Answer:
        """Record the correction; in the history it is the newest answer to a question that stands."""
        if not text.strip():
            raise InvalidInput("That correction was empty.")
        if text.strip() == (await self._history.answer_text(answered) or "").strip():
            raise InvalidInput("That is what the answer says already; nothing was noted.")
        effects: list[Effect] = [AnswerCorrected(answered, context.user, text, self._now())]
        if answered == await self._history.last_answer(context.conversation):
            effects += await self._judged.put_right(context, answered, text)
        return Answer("Thank you. I noted your correction.", private=True, effects=tuple(effects))
