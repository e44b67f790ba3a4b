"""Moderation cases, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import assert_never

from chatune_core.messages import MessageKey, UserId, WorkspaceId
from chatune_core.moderation.cases import Case, CaseId, CaseState, removes
from chatune_core.outcomes import (
    CaseAppealed,
    CaseChanged,
    CaseClaimed,
    CaseDecided,
    CaseOpened,
)
from chatune_storage.personal import without_moderators


class MemoryCases:
    """See Cases. Nothing outlives the process."""

    def __init__(self) -> None:
        self.cases: dict[CaseId, Case] = {}

    async def find(self, case: CaseId) -> Case | None:
        """See Cases.find."""
        return self.cases.get(case)

    async def of_person(self, user: UserId, workspace: WorkspaceId, limit: int) -> Sequence[Case]:
        """See Cases.of_person."""
        here = f"{workspace}:"
        return self._newest(
            limit, lambda case: case.user == user and case.conversation.startswith(here)
        )

    async def recent(self, limit: int, state: CaseState | None = None) -> Sequence[Case]:
        """See Cases.recent."""
        return self._newest(limit, lambda case: state is None or case.state is state)

    def _newest(self, limit: int, wanted: Callable[[Case], bool]) -> list[Case]:
        newest_first = reversed(self.cases.values())
        return list(islice((case for case in newest_first if wanted(case)), max(0, limit)))

    def apply(self, effect: CaseChanged) -> None:
        """Record one effect."""
        if isinstance(effect, CaseOpened):
            self.cases.setdefault(effect.case.id, effect.case)
        elif effect.case in self.cases:
            self.cases[effect.case] = _changed(self.cases[effect.case], effect)

    def naming(self, user: UserId) -> list[Case]:
        """Return the cases about `user`, and those in which they are a moderator, oldest first."""
        return [
            case
            for case in self.cases.values()
            if user in (case.user, case.claimed_by, case.decided_by, case.first_decided_by)
        ]

    def unname(self, named: Callable[[str], bool]) -> int:
        """Take moderators who are `named` out of cases; return in how many there was one."""
        return self._replace_all(lambda case: without_moderators(case, named))

    def forget_message(self, message: MessageKey) -> None:
        """Empty the text of cases about `message`, unless the bot removed the message itself."""
        self._replace_all(
            lambda case: (
                replace(case, text="")
                if case.message == message and not removes(case.measures)
                else case
            )
        )

    def forget_before(self, before: datetime, keeps: Callable[[UserId], bool]) -> int:
        """Empty the texts of cases that were decided `before`, of people without a `keeps`."""

        def emptied(case: Case) -> Case:
            old = case.decided_at is not None and case.decided_at < before
            return replace(case, text="", appeal="") if old and not keeps(case.user) else case

        return self._replace_all(emptied)

    def _replace_all(self, changed: Callable[[Case], Case]) -> int:
        later = {id: changed(case) for id, case in self.cases.items()}
        differing = sum(self.cases[id] != case for id, case in later.items())
        self.cases |= later
        return differing


def _changed(case: Case, effect: CaseClaimed | CaseDecided | CaseAppealed) -> Case:
    match effect:
        case CaseClaimed(by=by):
            return case if case.decided else replace(case, claimed_by=by)
        case CaseDecided(by=by, at=at, state=state):
            return replace(case, state=state, decided_by=by, decided_at=at)
        case CaseAppealed(user=user, text=text):
            if user != case.user or case.state is CaseState.APPEALED:
                return case
            return replace(
                case,
                state=CaseState.APPEALED,
                appeal=text,
                first_decided_by=case.decided_by or case.first_decided_by,
                claimed_by=None,
                decided_by=None,
                decided_at=None,
            )
        case _:
            assert_never(effect)
