"""Appeals: the author of a message asks for a moderator, or for another one."""

from collections.abc import Mapping
from dataclasses import replace

from chatune_core.bots import Context
from chatune_core.commands import Answer
from chatune_core.errors import InvalidInput
from chatune_core.forms import Field, Form
from chatune_core.moderation.cases import Case, CaseState
from chatune_core.moderation.desk import Desk
from chatune_core.moderation.notices import APPEAL, decided, is_final
from chatune_core.moderation.watching import Watching
from chatune_core.outcomes import CaseAppealed

FORM = Form(APPEAL, "Appeal", (Field("reason", "Why was that wrong?", multiline=True),))
NOT_YOURS = "Only the author of a message can appeal."
OPEN = "Your appeal is with the moderators already."
NOBODY_THERE = "Nobody decides about appeals there at present."
THANKS = "Thank you. A moderator will look at it, and you will be told."


class Appeals:
    """Takes appeals in: once against what was done by itself, once against a first moderator."""

    def __init__(self, desk: Desk, watching: Watching) -> None:
        self._desk, self._watching = desk, watching

    async def submitted(self, context: Context, value: str, fields: Mapping[str, str]) -> Answer:
        """Open an appeal, and bring it before the moderators.

        Raises:
            InvalidInput: there is nothing to appeal against, or not for this person.
        """
        case = await self._desk.case(value)
        _admit(case, context)
        watch = self._watching.at(case.conversation)
        if watch is None or watch.review is None:
            raise InvalidInput(NOBODY_THERE)
        reason = fields["reason"]
        shown = await self._desk.card(_appealed(case, reason))
        return Answer(
            THANKS,
            private=True,
            effects=(
                CaseAppealed(case.id, context.user, reason),
                self._desk.posted(context, shown, watch.review, case),
                await self._desk.record(context, case, "appealed"),
            ),
        )


def _admit(case: Case, context: Context) -> None:
    if case.user != context.user:
        raise InvalidInput(NOT_YOURS)
    if case.state is CaseState.APPEALED:
        raise InvalidInput(OPEN)
    if case.state is CaseState.UNDONE or is_final(case):
        raise InvalidInput(decided(case))


def _appealed(case: Case, reason: str) -> Case:
    """Return the case as it stands once the appeal is recorded."""
    return replace(
        case,
        state=CaseState.APPEALED,
        appeal=reason,
        first_decided_by=case.decided_by or case.first_decided_by,
        claimed_by=None,
        decided_by=None,
        decided_at=None,
    )
