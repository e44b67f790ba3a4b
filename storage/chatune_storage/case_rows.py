"""What happens to moderation cases, as statements."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from sqlalchemy import Connection, bindparam, func, null, update
from sqlalchemy.dialects import postgresql, sqlite

from chatune_core.messages import UserId
from chatune_core.moderation.cases import Case, CaseId, CaseState
from chatune_core.outcomes import (
    CaseAppealed,
    CaseChanged,
    CaseClaimed,
    CaseDecided,
    CaseOpened,
)
from chatune_storage.codec import findings_text, measures_text
from chatune_storage.keys import PersonKey
from chatune_storage.personal import MODERATORS
from chatune_storage.tables import microseconds, moderation_cases

CASE_TEXT, APPEAL = "moderation_cases.text", "moderation_cases.appeal"
Row = dict[str, Any]

_cases = moderation_cases.c
_of_case = _cases.case_id == bindparam("of_case")
_UNDECIDED = (CaseState.OPEN.value, CaseState.APPEALED.value)
_CLAIM = (
    update(moderation_cases)
    .where(_of_case, _cases.state.in_(_UNDECIDED))
    .values(claimed_by=bindparam("by"))
)
_DECIDE = (
    update(moderation_cases)
    .where(_of_case)
    .values(state=bindparam("to"), decided_by=bindparam("by"), decided_at=bindparam("since"))
)
_APPEAL = (
    update(moderation_cases)
    .where(_of_case, _cases.person_id == bindparam("of_person"))
    .where(_cases.state != CaseState.APPEALED.value)
    .values(
        state=CaseState.APPEALED.value,
        appeal=bindparam("said"),
        first_decided_by=func.coalesce(_cases.decided_by, _cases.first_decided_by),
        claimed_by=null(),
        decided_by=null(),
        decided_at=null(),
    )
)


class CaseSql:
    """Writes changes of cases."""

    def __init__(self, dialect: str) -> None:
        chosen = sqlite if dialect == "sqlite" else postgresql
        self._open = chosen.insert(moderation_cases).on_conflict_do_nothing()

    def write(
        self,
        connection: Connection,
        changes: Sequence[CaseChanged],
        keys: Mapping[UserId, PersonKey],
    ) -> None:
        """Write all changes; `keys` has the key of every user in them."""
        # Those of one case stay in their order, and cases come in one order everywhere, or two
        # processes that change the same ones deadlock.
        for change in sorted(changes, key=case_of):
            self._write(connection, change, keys)

    def _write(
        self, connection: Connection, change: CaseChanged, keys: Mapping[UserId, PersonKey]
    ) -> None:
        match change:
            case CaseOpened(case=case):
                connection.execute(self._open, _row(case, keys))
            case CaseClaimed(case=id, by=by):
                connection.execute(_CLAIM, {"of_case": id, "by": keys[by].id})
            case CaseDecided(case=id, by=by, at=at, state=state):
                decision = {"to": state.value, "by": keys[by].id, "since": microseconds(at)}
                connection.execute(_DECIDE, {"of_case": id, **decision})
            case CaseAppealed(case=id, user=user, text=text):
                key = keys[user]
                said = key.seal(APPEAL, id, text) if text else None
                connection.execute(_APPEAL, {"of_case": id, "of_person": key.id, "said": said})
            case _:
                assert_never(change)


def case_of(change: CaseChanged) -> CaseId:
    """Return which case changes."""
    return change.case.id if isinstance(change, CaseOpened) else change.case


def users_of(change: CaseChanged) -> set[UserId]:
    """Return everybody whose key writing the change takes."""
    match change:
        case CaseOpened(case=case):
            moderators = (getattr(case, name) for name in MODERATORS)
            return {case.user, *(user for user in moderators if user is not None)}
        case CaseClaimed(by=user) | CaseDecided(by=user) | CaseAppealed(user=user):
            return {user}
        case _:
            assert_never(change)


def _row(case: Case, keys: Mapping[UserId, PersonKey]) -> Row:
    key = keys[case.user]
    moderators = {name: getattr(case, name) for name in MODERATORS}
    return {
        "case_id": case.id,
        "event": case.event,
        "conversation": case.conversation,
        "person_id": key.id,
        "message": case.message,
        "at": microseconds(case.at),
        "text": key.seal(CASE_TEXT, case.id, case.text) if case.text else None,
        "level": case.level.value,
        "findings": findings_text(case.findings),
        "policy": case.policy,
        "model": case.model,
        "measures": measures_text(case.measures),
        "shadow": case.shadow,
        "state": case.state.value,
        "decided_at": None if case.decided_at is None else microseconds(case.decided_at),
        "appeal": key.seal(APPEAL, case.id, case.appeal) if case.appeal else None,
        **{name: None if user is None else keys[user].id for name, user in moderators.items()},
    }
