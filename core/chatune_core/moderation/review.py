"""Where people decide: moderators claim, uphold, undo, allow and forbid again; authors appeal."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chatune_core.bots import ActionHandler, Context, FormHandler
from chatune_core.commands import Answer, Command
from chatune_core.errors import InvalidInput
from chatune_core.forms import Form
from chatune_core.messages import ActionTaken, EventKey, Reply, workspace_of
from chatune_core.moderation.allowances import Allowances
from chatune_core.moderation.appeals import FORM, Appeals
from chatune_core.moderation.cards import ALLOW, CLAIM, FORBID, UNDO, UPHOLD, standing
from chatune_core.moderation.cases import Case, CaseState, Measure, Taken
from chatune_core.moderation.desk import Desk
from chatune_core.moderation.excerpts import code
from chatune_core.moderation.measures import take_back
from chatune_core.moderation.notices import restored
from chatune_core.moderation.watching import Watching
from chatune_core.outcomes import Announced, CaseClaimed, CaseDecided, Effect
from chatune_core.ports import Cases, Enforcer

NOT_HERE = "Only moderators decide that, in the channel where they are told of cases."
ANOTHER = "The appeal is against your decision, so another moderator has to decide it."
YOUR_OWN = "That is about a message of your own, so another moderator has to decide it."
_ALLOWED = "Allowed here from now on."
_FORBIDDEN = "Not allowed here any more."
_FORGOTTEN = "What was found was forgotten, so it cannot be allowed."
_BACK = {
    Measure.REMOVE: "The text was posted again.",
    Measure.FLAG: "The flag is gone.",
    Measure.TIME_OUT: "The time-out is lifted.",
    Measure.SLOW_DOWN: "Slow mode is off.",
}


class Review:
    """Fulfils `Part`.

    A press counts in a moderators' channel alone, whoever presses: the platform decides who is in
    it. Events of one conversation are worked on one after another and every press reads the case
    afresh, so of two moderators who press at once the second reads how it stands.
    """

    def __init__(
        self,
        cases: Cases,
        watching: Watching,
        enforcers: Mapping[str, Enforcer],
        allowances: Allowances,
        now: Callable[[], datetime],
    ) -> None:
        """Use `enforcers` by platform: a `ConversationId` before its first colon."""
        self._watching = watching
        self._desk = Desk(cases, enforcers, allowances, now)
        self._appeals = Appeals(self._desk, watching)

    def commands(self) -> Sequence[Command]:
        """See Part.commands."""
        return ()

    @property
    def actions(self) -> Mapping[str, ActionHandler]:
        """See Part.actions."""
        return {
            CLAIM: self._claim,
            UPHOLD: self._uphold,
            UNDO: self._undo,
            ALLOW: self._allow,
            FORBID: self._forbid,
        }

    @property
    def forms(self) -> Mapping[str, tuple[Form, FormHandler]]:
        """See Part.forms."""
        return {FORM.name: (FORM, self._appeals.submitted)}

    async def _claim(self, context: Context, value: str) -> Answer:
        case = await self._pressed(context, value)
        if case.decided:
            return await self._as_it_stands(context, case)
        _refuse_biased(context, case)
        claimed = replace(case, claimed_by=context.user)
        record = await self._desk.record(context, case, "claimed")
        return await self._shown(context, claimed, (CaseClaimed(case.id, context.user), record))

    async def _uphold(self, context: Context, value: str) -> Answer:
        case = await self._pressed(context, value)
        if case.decided:
            return await self._as_it_stands(context, case)
        _refuse_biased(context, case)
        upheld, decision = self._decided(context, case, CaseState.UPHELD)
        told = self._desk.told(context, upheld) if case.state is CaseState.APPEALED else ()
        record = await self._desk.record(context, case, "upheld")
        return await self._shown(context, upheld, (decision, *told, record))

    async def _undo(self, context: Context, value: str) -> Answer:
        case = await self._pressed(context, value)
        if not _may_undo(context, case):
            return await self._as_it_stands(context, case)
        _refuse_biased(context, case)
        undone, effects, note = await self._taken_back(context, case)
        record = await self._desk.record(context, case, "undone")
        return await self._shown(context, undone, (*effects, record), note)

    async def _allow(self, context: Context, value: str) -> Answer:
        """Undo what stands, and let the same thing pass in this workspace from now on."""
        case = await self._pressed(context, value)
        _refuse_biased(context, case)
        undone, effects, note = case, tuple[Effect, ...](), ""
        if case.state is not CaseState.UNDONE:
            if not _may_undo(context, case):
                return await self._as_it_stands(context, case)
            undone, effects, note = await self._taken_back(context, case)
        workspace = workspace_of(case.conversation)
        allow = self._desk.allowances.allow
        allowed = await allow(workspace, case.findings, case.text, case.id)
        note = f"{note} {_ALLOWED if allowed else _FORGOTTEN}".strip()
        record = await self._desk.record(context, case, "allowed")
        return await self._shown(context, undone, (*effects, record), note)

    async def _forbid(self, context: Context, value: str) -> Answer:
        """Let the same thing be found again from now on; what became of this message stays."""
        case = await self._pressed(context, value)
        _refuse_biased(context, case)
        workspace = workspace_of(case.conversation)
        forbid = self._desk.allowances.forbid
        if not await forbid(workspace, case.findings, case.text, case.id):
            return await self._as_it_stands(context, case)
        record = await self._desk.record(context, case, "forbidden")
        return await self._shown(context, case, (record,), _FORBIDDEN)

    async def _pressed(self, context: Context, value: str) -> Case:
        """Return the case as it stands now.

        Raises:
            InvalidInput: the press does not count.
        """
        here = context.conversation
        channels = self._watching.review_channels()
        if not any(here == channel or here.startswith(f"{channel}:") for channel in channels):
            raise InvalidInput(NOT_HERE)
        return await self._desk.case(value)

    def _decided(self, context: Context, case: Case, state: CaseState) -> tuple[Case, CaseDecided]:
        by, at = context.user, self._desk.now()
        decided = replace(case, state=state, decided_by=by, decided_at=at)
        return decided, CaseDecided(case.id, by, at, state)

    async def _taken_back(
        self, context: Context, case: Case
    ) -> tuple[Case, tuple[Effect, ...], str]:
        others, enforcer = await self._desk.others(case), self._desk.enforcer(case)
        back = await take_back(case, others, enforcer, self._desk.now())
        undone, decision = self._decided(context, case, CaseState.UNDONE)
        restores = any(each.measure is Measure.REMOVE and not each.failed for each in back)
        again = (_again(case),) if restores else ()
        effects = (decision, *again, *self._desk.told(context, undone))
        return undone, effects, " ".join(map(_said, back))

    async def _as_it_stands(self, context: Context, case: Case) -> Answer:
        """Tell the moderator alone, and bring the card under which they pressed up to date."""
        shown = await self._shown(context, case)
        renewed = Reply(
            EventKey(f"{context.event.key}:card"),
            context.conversation,
            case.user,
            shown.text,
            buttons=shown.buttons,
            replaces=shown.replaces,
        )
        effects = (Announced(renewed),) if shown.replaces is not None else ()
        return Answer(standing(case), private=True, effects=effects)

    async def _shown(
        self, context: Context, case: Case, effects: Sequence[Effect] = (), note: str = ""
    ) -> Answer:
        """Return the card in the place of the one under which was pressed."""
        event = context.event
        shown = await self._desk.card(case, note)
        return Answer(
            shown.text,
            effects=tuple(effects),
            buttons=shown.buttons,
            replaces=event.message if isinstance(event, ActionTaken) else None,
        )


def _refuse_biased(context: Context, case: Case) -> None:
    if context.user == case.user:
        raise InvalidInput(YOUR_OWN)
    if case.state is CaseState.APPEALED and context.user == case.first_decided_by:
        raise InvalidInput(ANOTHER)


def _may_undo(context: Context, case: Case) -> bool:
    """Return whether nobody has decided, or who upheld it has second thoughts."""
    upheld = case.state is CaseState.UPHELD
    return not case.decided or (upheld and case.decided_by == context.user)


def _again(case: Case) -> Announced:
    """Post a removed text again, once for a case, however often that is asked for."""
    key = EventKey(f"{case.event}:restored")
    return Announced(Reply(key, case.conversation, case.user, restored(case)))


def _said(taken: Taken) -> str:
    if taken.failed:
        return f"Not taken back: {taken.measure.value} ({code(taken.failed, 40)})."
    return _BACK[taken.measure]
