"""Where people decide about a candidate that keeps to every limit: a card with two buttons."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command, command_from
from chatune_core.errors import InvalidInput
from chatune_core.forms import Form
from chatune_core.generation.requests import LoraId
from chatune_core.learning.gate import GateReport
from chatune_core.learning.report import summary
from chatune_core.learning.report_html import as_html
from chatune_core.messages import (
    ActionTaken,
    Button,
    CommandInvoked,
    ConversationId,
    EventKey,
    File,
    UserId,
)
from chatune_core.moderation.cards import moment
from chatune_core.moderation.excerpts import code
from chatune_core.outcomes import Audited, AuditEntry
from chatune_core.ports import KeyValues

APPROVE, REJECT = "lora-approve", "lora-reject"
COMMAND = "lora-approval"
NOT_HERE = (
    "Only operators decide about new versions, in the conversation where they are told of them."
)
DECIDED = "That was decided already."
NOT_WAITING = "That version does not wait for approval any more."
NO_REPORT = "There is no report on that version any more."
_SYSTEM = UserId("system:learning")
_ID = 64


class Decide(Protocol):
    """Carries out what people decide."""

    async def __call__(self, lora: LoraId, approved: bool, by: UserId) -> bool:
        """Let the candidate go on, or not; return whether it now stands so.

        Repeating it gives the same answer. False: it had been decided otherwise, or is gone.
        """
        ...


class Approval:
    """Fulfils `Part`.

    A press counts in the operators' conversation and its threads alone, whoever presses: the
    platform decides who is in it.
    """

    def __init__(
        self,
        conversation: ConversationId,
        reports: Callable[[LoraId], Awaitable[GateReport | None]],
        decide: Decide,
        decided: KeyValues,
        now: Callable[[], datetime],
    ) -> None:
        """Take what finds the report on a version; `decided` keeps which press decided."""
        self._conversation, self._reports = conversation, reports
        self._decide, self._decided, self._now = decide, decided, now

    def announcement(self, lora: LoraId) -> CommandInvoked:
        """Return the event that brings the card on `lora` before the operators, once."""
        key = EventKey(f"{self._conversation}:{lora}:approval")
        return CommandInvoked(key, self._conversation, _SYSTEM, self._now(), COMMAND, lora)

    def commands(self) -> Sequence[Command]:
        """See Part.commands."""
        words = "Show how a version was judged, and decide about it."
        return (command_from(COMMAND, words, self._shown, hidden=True),)

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {APPROVE: self._approved, REJECT: self._rejected}

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {}

    async def _shown(self, context: Context, version: str) -> Answer:
        self._admit(context)
        lora = LoraId(version.strip())
        report = await self._reports(lora)
        if report is None:
            return Answer(NO_REPORT)
        open_ = await self._decided.get(_name(lora)) is None
        return Answer(
            f"**New version {code(lora, _ID)}**\n{summary(report)}",
            buttons=_buttons(lora) if open_ else (),
            files=(File(f"{lora}.html", as_html(report, lora).encode(), "text/html"),),
        )

    async def _approved(self, context: Context, value: str) -> Answer:
        return await self._pressed(context, LoraId(value), True)

    async def _rejected(self, context: Context, value: str) -> Answer:
        return await self._pressed(context, LoraId(value), False)

    async def _pressed(self, context: Context, lora: LoraId, approved: bool) -> Answer:
        self._admit(context)
        event, by = context.event, context.user
        if await self._decided.get(_name(lora)) not in (None, event.key):
            raise InvalidInput(DECIDED)
        if not await self._decide(lora, approved, by):
            raise InvalidInput(NOT_WAITING)
        # Kept after it is done: who dies in between decides the same once more.
        await self._decided.put(_name(lora), event.key)
        word = "approved" if approved else "rejected"
        line = f"{word.capitalize()} by {code(by, _ID)}, {moment(self._now())}."
        entry = AuditEntry(
            self._now(), by, f"lora {word}", lora, {"conversation": self._conversation}
        )
        return Answer(
            f"**New version {code(lora, _ID)}**\n{line}",
            effects=(Audited(entry),),
            replaces=event.message if isinstance(event, ActionTaken) else None,
        )

    def _admit(self, context: Context) -> None:
        here = context.conversation
        if here != self._conversation and not here.startswith(f"{self._conversation}:"):
            raise InvalidInput(NOT_HERE)


def _name(lora: LoraId) -> str:
    return f"learning:approval:{lora}"


def _buttons(lora: LoraId) -> tuple[Button, ...]:
    return Button(APPROVE, "Approve", lora), Button(REJECT, "Reject", lora)
