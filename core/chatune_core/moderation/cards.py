"""What moderators see of a case, and the buttons under it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chatune_core.messages import Button
from chatune_core.moderation.cases import Case, CaseId, CaseState, Measure, Taken
from chatune_core.moderation.excerpts import block, code, cost
from chatune_core.moderation.verdicts import Category, Finding, Level

CLAIM, UPHOLD, UNDO, ALLOW = "case-claim", "case-uphold", "case-undo", "case-allow"
FORBID = "case-forbid"
LONGEST = 1900
"""Characters of a card, so that every platform shows it as one message."""
_TEXT, _APPEAL = 900, 200  # of what people wrote, at most
_SHORTEST_TEXT = 150
_MOST_FINDINGS = 4
_ID, _RULE, _REASON, _VERSION = 50, 36, 40, 40
_DONE = {
    Measure.REMOVE: "removed",
    Measure.FLAG: "flagged",
    Measure.WARN: "warned",
    Measure.TIME_OUT: "timed out",
    Measure.SLOW_DOWN: "slow mode",
}
_BUTTONS = {
    CLAIM: "Claim",
    UPHOLD: "Uphold",
    UNDO: "Undo",
    ALLOW: "Allow",
    FORBID: "Forbid again",
}
_LEFT = {
    CaseState.OPEN: (CLAIM, UPHOLD, UNDO, ALLOW),
    CaseState.APPEALED: (CLAIM, UPHOLD, UNDO, ALLOW),
    CaseState.UPHELD: (UNDO, ALLOW),
    CaseState.UNDONE: (ALLOW,),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A message in the moderators' channel."""

    text: str
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """How often something was found in somebody's messages before."""

    cases: int = 0
    upheld: int = 0
    undone: int = 0


def record_of(cases: Sequence[Case], but: CaseId) -> Record:
    """Return the record that `cases` make, without the case at hand."""
    states = [case.state for case in cases if case.id != but]
    return Record(len(states), states.count(CaseState.UPHELD), states.count(CaseState.UNDONE))


def card(case: Case, record: Record, note: str = "", *, allowed: bool = False) -> Card:
    """Return the card of `case`; `note` says what has just been done.

    `allowed` is whether what was found passes in the workspace since moderators said so here.

    It costs at most `LONGEST`. What people wrote stands in blocks of code, with what was found
    between » and «, and has no effect there.
    """
    before = [f"**{_heading(case)}**", _who(case)]
    after = [
        _found(case.findings),
        _measures(case.measures),
        *_appeal(case),
        _before(record),
        f"Case `{case.id}`, policy {_version(case.policy)}, model {_version(case.model)}",
        *_standing(case),
        *([note] if note else ()),
    ]
    room = LONGEST - sum(cost(line) + 1 for line in [*before, *after]) - len("```\n\n```")
    return Card("\n".join([*before, *_text(case, room), *after]), _buttons(case, allowed))


def standing(case: Case) -> str:
    """Return how the case stands, in one line."""
    return " ".join(_standing(case)) or "Nobody has decided about this yet."


def moment(at: datetime) -> str:
    """Return a time as people read it anywhere."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _heading(case: Case) -> str:
    kinds = ", ".join(dict.fromkeys(finding.category.value for finding in case.findings))
    if case.state is CaseState.APPEALED:
        return f"Appeal: {kinds}"
    if case.shadow:
        return f"Shadow mode, nothing was done: {kinds}"
    if any(finding.category is Category.SELF_HARM for finding in case.findings):
        told = supported(case.level, case.findings)
        return "Somebody may need help" + (", and was told where to find it" if told else "")
    return f"{'Acted on' if case.taken else 'To look at'}: {kinds}"


def supported(level: Level, findings: tuple[Finding, ...]) -> bool:
    """Return whether what was found calls for support instead of measures.

    Then self-harm comes first among the findings.
    """
    return level is Level.ACT and findings[:1] != () and findings[0].category is Category.SELF_HARM


def _who(case: Case) -> str:
    return f"By {code(case.user, _ID)} in {code(case.conversation, _ID)}, {moment(case.at)}"


def _text(case: Case, room: int) -> list[str]:
    if not case.text:
        return ["(There is no text, or it was forgotten.)"]
    spans = [
        (span.start, span.end)
        for finding in case.findings
        if not finding.where
        for span in finding.spans
    ]
    return [block(case.text, spans, min(_TEXT, max(_SHORTEST_TEXT, room)))]


def _found(findings: Sequence[Finding]) -> str:
    shown = [_finding(finding) for finding in findings[:_MOST_FINDINGS]]
    more = len(findings) - len(shown)
    return "Found: " + "; ".join([*shown, *([f"{more} more"] if more else ())])


def _finding(finding: Finding) -> str:
    where = f" in {finding.where}" if finding.where else ""
    return f"{code(finding.rule, _RULE)} {finding.category.value} {finding.score:.2f}{where}"


def _measures(measures: Sequence[Taken]) -> str:
    return "Done: " + ("; ".join(map(_measure, measures)) or "nothing")


def _measure(taken: Taken) -> str:
    if taken.failed:
        return f"not {_DONE[taken.measure]} ({code(taken.failed, _REASON)})"
    until = f" until {moment(taken.until)}" if taken.until else ""
    return f"{_DONE[taken.measure]}{until}"


def _version(name: str) -> str:
    return code(name or "none", _VERSION)


def _before(record: Record) -> str:
    if not record.cases:
        return "Before: nothing"
    return f"Before: {record.cases} cases, {record.upheld} upheld, {record.undone} undone"


def _appeal(case: Case) -> list[str]:
    return ["They say:", block(case.appeal, (), _APPEAL)] if case.appeal else []


def _standing(case: Case) -> list[str]:
    if case.decided:
        at = f", {moment(case.decided_at)}" if case.decided_at else ""
        return [f"{case.state.value.capitalize()} by {_moderator(case.decided_by)}{at}."]
    lines = []
    if case.claimed_by is not None:
        lines.append(f"{_moderator(case.claimed_by)} looks at this.")
    if case.first_decided_by is not None:
        lines.append(f"Another than {_moderator(case.first_decided_by)} has to decide.")
    return lines


def _moderator(user: str | None) -> str:
    return code(user, _ID) if user else "a moderator"


def _buttons(case: Case, allowed: bool) -> tuple[Button, ...]:
    actions = [FORBID if allowed and action == ALLOW else action for action in _LEFT[case.state]]
    return tuple(Button(action, _BUTTONS[action], case.id) for action in actions)
