"""What people read when moderation stepped in, and what the audit log keeps of it."""

from datetime import datetime

from chatune_core.messages import EventKey
from chatune_core.moderation.verdicts import Category, Verdict
from chatune_core.outcomes import AuditEntry

REFUSED = "I cannot help with that here. You can ask me something else."
WITHHELD = "I have withheld my answer, because it went against the rules of this place."
SUPPORT = (
    "It sounds as if you are going through something very hard, and I am only a program. Please "
    "talk to somebody now: your local emergency number, 988 in the USA and Canada, 116 123 in the "
    "UK and Ireland, or a line near you at findahelpline.com."
)
"""Self-harm gets support, never punishment."""


def refusal(verdict: Verdict) -> str:
    """Return what is said instead of an answer to what `verdict` is about."""
    worst = verdict.findings[0].category if verdict.findings else None
    return SUPPORT if worst is Category.SELF_HARM else REFUSED


def noted(verdict: Verdict, action: str, event: EventKey, at: datetime) -> AuditEntry:
    """Return the audit entry of a decision: why and by which versions, without the text."""
    worst = verdict.findings[0]
    return AuditEntry(
        at,
        "moderation",
        f"{action} (shadow)" if verdict.shadow else action,
        event,
        {
            "category": worst.category.value,
            "score": round(worst.score, 4),
            "rule": worst.rule,
            "level": verdict.level.value,
            "policy": verdict.policy,
            "model": verdict.model,
        },
    )
