"""What the author of a message reads about it: a warning, and what became of it. Pure."""

from collections.abc import Mapping, Sequence

from chatune_core.messages import Button
from chatune_core.moderation.cards import moment
from chatune_core.moderation.cases import Case, CaseId, CaseState, Measure, Taken
from chatune_core.moderation.excerpts import block, code
from chatune_core.moderation.verdicts import Category, Finding

APPEAL = "case-appeal"
_EXCERPT, _RULE = 300, 40
_KINDS: Mapping[Category, str] = {
    Category.HARASSMENT: "harassment",
    Category.HATE: "hate",
    Category.SEXUAL: "sexual content",
    Category.SELF_HARM: "self-harm",
    Category.VIOLENCE: "violence",
    Category.SPAM: "spam",
    Category.INJECTION: "manipulation of a bot",
    Category.PII: "personal data",
}


def appeal_button(case: CaseId) -> Button:
    """Return the button that opens the form for an appeal."""
    return Button(APPEAL, "Appeal", case)


def warning(case: Case, acting: Sequence[Finding]) -> str:
    """Return what was against which rule, what was done, and how to appeal."""
    against = ", ".join(
        dict.fromkeys(f"{_KINDS[each.category]} (rule {code(each.rule, _RULE)})" for each in acting)
    )
    spans = [(span.start, span.end) for each in acting if not each.where for span in each.spans]
    quoted = [block(case.text, spans, _EXCERPT)] if case.text else []
    return "\n".join(
        [
            f"An automatic check found this against the rules here: {against}.",
            *quoted,
            *map(_done, case.taken),
            "If that is wrong, press Appeal and say why: a person will look at it.",
        ]
    )


def _done(taken: Taken) -> str:
    match taken.measure:
        case Measure.REMOVE:
            return "The message was removed."
        case Measure.FLAG:
            return "The message was flagged."
        case Measure.TIME_OUT:
            until = moment(taken.until) if taken.until else "further notice"
            return f"You cannot write here until {until}."
        case Measure.SLOW_DOWN:
            return "Everybody can write only now and then in that channel."
        case Measure.WARN:
            return "This is a warning."


def decided(case: Case) -> str:
    """Return how a moderator decided, for the author."""
    when = moment(case.at)
    if case.state is CaseState.UNDONE:
        return (
            f"A moderator looked at your message of {when} and found nothing wrong with it. What "
            "was done about it has been taken back as far as that is possible. Sorry for the trouble."
        )
    if is_final(case):
        return (
            f"Another moderator looked at your message of {when} and upheld it too. That is final."
        )
    return (
        f"A moderator looked at your message of {when} and upheld what was done about it. You can "
        "appeal once more; then another moderator decides."
    )


def is_final(case: Case) -> bool:
    """Return whether two moderators have upheld the case."""
    return case.state is CaseState.UPHELD and case.first_decided_by is not None


def restored(case: Case) -> str:
    """Return a removed text, to be posted again in the name of its author."""
    quoted = "\n".join(f"> {line}" for line in case.text.splitlines())
    return f"{code(case.user, 60)} wrote, and a moderator has put it back:\n{quoted}"
