"""From findings to a level: what an operator allows, where, and of whom. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Verdict

NEVER = 2.0
"""A threshold that no score reaches."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on a person looks, and from which on something is done.

    Raises:
        ConfigurationError: if something would be done before anybody looks.
    """

    review: float = NEVER
    act: float = NEVER

    def __post_init__(self) -> None:
        if self.review > self.act:
            raise ConfigurationError(
                f"A text would be acted on at {self.act} but reviewed only at {self.review}.",
                "Set review no higher than act.",
            )

    def level(self, score: float) -> Level:
        """Return what a score comes to."""
        if score >= self.act:
            return Level.ACT
        return Level.REVIEW if score >= self.review else Level.ALLOW


@dataclass(frozen=True, slots=True)
class Place:
    """What differs in one workspace, category or channel.

    `thresholds` stand above those of the place around it. `age_gated` allows sexual content;
    `exempt_users` are never judged there.
    """

    thresholds: Mapping[tuple[Role, Category], Thresholds] = field(default_factory=dict)
    age_gated: bool = False
    exempt_users: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds by role and category, and the places where they differ.

    `places` go by the beginning of a conversation's id, as in "discord:GUILD" or
    "discord:GUILD:CHANNEL"; the longest that fits counts first, then the shorter ones. `shadow`
    says that nothing is done yet, only written down. `allowed_rules` never count.
    """

    thresholds: Mapping[tuple[Role, Category], Thresholds]
    places: Mapping[str, Place] = field(default_factory=dict)
    allowed_rules: frozenset[str] = frozenset()
    shadow: bool = False

    @property
    def version(self) -> str:
        """Return a name that changes with any part of the policy."""
        parts = [
            *sorted((r.value, c.value, t.review, t.act) for (r, c), t in self.thresholds.items()),
            *(
                (
                    name,
                    place.age_gated,
                    *sorted(place.exempt_users),
                    *sorted(
                        (r.value, c.value, t.review, t.act)
                        for (r, c), t in place.thresholds.items()
                    ),
                )
                for name, place in sorted(self.places.items())
            ),
            *sorted(self.allowed_rules),
            self.shadow,
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def judge(
        self,
        findings: Iterable[Finding],
        role: Role,
        conversation: ConversationId,
        user: str = "",
        model: str = "",
    ) -> Verdict:
        """Return the verdict on a text in which `findings` were found."""
        around = list(self._around(conversation))
        exempt = any(user in place.exempt_users for place in around)
        scores: dict[Category, float] = {}
        counted: list[tuple[Level, Finding]] = []
        excused: list[str] = []
        for finding in findings:
            scores[finding.category] = max(scores.get(finding.category, 0.0), finding.score)
            level = self._thresholds(role, finding.category, around).level(finding.score)
            if level is Level.ALLOW:
                continue
            if exempt or finding.rule in self.allowed_rules:
                excused.append(finding.rule)
            else:
                counted.append((level, finding))
        counted.sort(key=lambda item: (item[0] is not Level.ACT, -item[1].score))
        return Verdict(
            counted[0][0] if counted else Level.ALLOW,
            scores,
            tuple(finding for _, finding in counted),
            self.version,
            model,
            tuple(excused),
            self.shadow,
        )

    def _around(self, conversation: ConversationId) -> Iterable[Place]:
        parts = conversation.split(":")
        for length in range(len(parts), 0, -1):
            place = self.places.get(":".join(parts[:length]))
            if place is not None:
                yield place

    def _thresholds(self, role: Role, category: Category, around: Iterable[Place]) -> Thresholds:
        places = list(around)
        if category is Category.SEXUAL and any(place.age_gated for place in places):
            return Thresholds()
        for place in places:
            if (role, category) in place.thresholds:
                return place.thresholds[role, category]
        return self.thresholds.get((role, category), Thresholds())
