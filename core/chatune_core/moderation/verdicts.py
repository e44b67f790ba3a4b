"""What moderation says about a text: scores, where and why, and what follows."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chatune_core.messages import ConversationId, UserId

NOWHERE = ConversationId("")
NOBODY = UserId("")
SURE = 1.0
"""The score of a rule that is sure; the scores of models stay below it."""


class Category(enum.Enum):
    """What a text may be guilty of."""

    HARASSMENT = "harassment"
    HATE = "hate"
    SEXUAL = "sexual"
    SELF_HARM = "self_harm"
    VIOLENCE = "violence"
    SPAM = "spam"
    INJECTION = "injection"
    PII = "pii"
    """Personal data and secrets."""


class Role(enum.Enum):
    """Whose text it is."""

    USER = "user"
    """Asked of the model."""
    ASSISTANT = "assistant"
    """Said by the model."""
    COMMUNITY = "community"
    """Posted among people."""
    TOOL = "tool"
    """Retrieved, quoted or read from a file: data that never commands."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a text or a picture comes from: as what, where and by whom it was said.

    `roles` are the author's there, as in "discord:ROLE". `age_gated` says that the platform lets
    adults alone in.
    """

    role: Role = Role.COMMUNITY
    conversation: ConversationId = NOWHERE
    user: UserId = NOBODY
    roles: tuple[str, ...] = ()
    age_gated: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A text to judge, and where it comes from."""

    text: str
    source: Source = Source()


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the original text: characters `start` to `end`, without `end`."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule or classifier found. `score` is from 0 to 1; a rule that is sure says 1.

    `by_model` says that the score is a model's, which is held to other thresholds than a rule's.
    `where` is what it was found in, "" for the text itself, else "name" or "picture 2", say; then
    there are no spans, and `digest` is a keyed hash of that thing, by which it is known again.
    """

    category: Category
    score: float
    rule: str
    spans: tuple[Span, ...] = ()
    by_model: bool = False
    where: str = ""
    digest: str = ""

    @property
    def sure(self) -> bool:
        """Return whether a rule is sure of it; a model never is."""
        return not self.by_model and self.score >= SURE


class Level(enum.Enum):
    """What a policy makes of a text, mildest first."""

    ALLOW = "allow"
    REVIEW = "review"
    """A person looks at it."""
    ACT = "act"
    """It is refused, redacted, removed or answered with support, as the policy says."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check, with all that explains it.

    `scores` has every category that was looked at. `findings` are those that counted, the worst
    first; `acting` are those of them for which something is to be done. `policy` and `model` name
    the versions that decided.
    """

    level: Level
    scores: Mapping[Category, float]
    findings: tuple[Finding, ...] = ()
    policy: str = ""
    model: str = ""
    exempt: tuple[str, ...] = ()
    """Rules that would have counted but for an allow-list or an exemption."""
    shadow: bool = False
    """Whether the policy only watches for now."""
    acting: tuple[Finding, ...] = ()

    @property
    def acts(self) -> bool:
        """Return whether something is to be done at once."""
        return self.level is Level.ACT and not self.shadow

    def amended(self, changes: Mapping[Finding, Finding | None]) -> "Verdict":
        """Return the verdict with the findings in `changes` replaced, or dropped for None."""

        def left(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
            changed = (changes.get(finding, finding) for finding in findings)
            return tuple(finding for finding in changed if finding is not None)

        findings, acting = left(self.findings), left(self.acting)
        level = Level.ACT if acting else Level.REVIEW if findings else Level.ALLOW
        return replace(self, level=level, findings=findings, acting=acting)


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return one verdict on what has several parts: as bad as the worst of them."""
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    acting = [finding for verdict in verdicts for finding in verdict.acting]
    scores: dict[Category, float] = {}
    for verdict in verdicts:
        for category, score in verdict.scores.items():
            scores[category] = max(score, scores.get(category, 0.0))
    return Verdict(
        Level.ACT if acting else Level.REVIEW if findings else Level.ALLOW,
        scores,
        tuple(sorted(findings, key=lambda finding: (finding not in acting, -finding.score))),
        "+".join(dict.fromkeys(verdict.policy for verdict in verdicts)),
        ", ".join(dict.fromkeys(verdict.model for verdict in verdicts if verdict.model)),
        tuple(rule for verdict in verdicts for rule in verdict.exempt),
        any(verdict.shadow for verdict in verdicts),
        tuple(sorted(acting, key=lambda finding: -finding.score)),
    )
