"""What everybody needs who decides about cases: the case, its card, the record, the author."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from chatune_core.bots import Context
from chatune_core.errors import InvalidInput
from chatune_core.messages import ConversationId, EventKey, Reply, workspace_of
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.cards import Card, card, record_of
from chatune_core.moderation.cases import Case, CaseId, CaseState
from chatune_core.moderation.notices import appeal_button, decided, is_final
from chatune_core.outcomes import Announced, Audited, AuditEntry
from chatune_core.ports import Cases, Enforcer

UNKNOWN = "I do not know that case any more."
_MOST_CASES = 100


class Desk:
    """Reads cases, and words what is to be sent and recorded about them."""

    def __init__(
        self,
        cases: Cases,
        enforcers: Mapping[str, Enforcer],
        allowances: Allowances,
        now: Callable[[], datetime],
    ) -> None:
        self._cases, self._enforcers = cases, enforcers
        self.allowances, self.now = allowances, now

    async def case(self, value: str) -> Case:
        """Return the case as it stands now.

        Raises:
            InvalidInput: it is not known any more.
        """
        case = await self._cases.find(CaseId(value))
        if case is None:
            raise InvalidInput(UNKNOWN)
        return case

    async def others(self, case: Case) -> Sequence[Case]:
        """Return the newest cases of its author in its workspace, it included."""
        workspace = workspace_of(case.conversation)
        return await self._cases.of_person(case.user, workspace, _MOST_CASES)

    async def card(self, case: Case, note: str = "") -> Card:
        """Return the card of `case`, which may be about to change."""
        record = record_of(await self.others(case), case.id)
        allowed = await self.allowances.holds(workspace_of(case.conversation), case.id)
        return card(case, record, note, allowed=allowed)

    def enforcer(self, case: Case) -> Enforcer | None:
        """Return what the platform of `case` lets the bot do."""
        return self._enforcers.get(case.conversation.partition(":")[0])

    def posted(
        self, context: Context, shown: Card, review: ConversationId, case: Case
    ) -> Announced:
        """Return a new card, as what the event of `context` came to."""
        key = EventKey(f"{context.event.key}:card")
        return Announced(Reply(key, review, case.user, shown.text, buttons=shown.buttons))

    def told(self, context: Context, case: Case) -> tuple[Announced, ...]:
        """Tell the author how it was decided, if they know that there was anything to decide."""
        enforcer = self.enforcer(case)
        if enforcer is None or not (case.taken or case.appeal):
            return ()
        again = case.state is CaseState.UPHELD and not is_final(case)
        told = Reply(
            EventKey(f"{context.event.key}:told"),
            enforcer.aside(case.conversation, case.user),
            case.user,
            decided(case),
            private=True,
            buttons=(appeal_button(case.id),) if again else (),
        )
        return (Announced(told),)

    async def record(self, context: Context, case: Case, what: str) -> Audited:
        """Return what is kept of a decision for good: who, what, a keyed hash, no text."""
        digest = await self.allowances.digest(workspace_of(case.conversation), case.text)
        details = {"case": case.id, "was": case.state.value, "text_digest": digest}
        entry = AuditEntry(self.now(), context.user, f"case {what}", case.event, details)
        return Audited(entry)
