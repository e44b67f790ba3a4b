"""From findings to a level: what an operator allows, where, and of whom. Pure."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chatune_core.errors import ConfigurationError
from chatune_core.messages import ConversationId
from chatune_core.moderation.verdicts import Category, Finding, Level, Role, Source, Verdict

NEVER = 2.0
"""A threshold that no score reaches."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on a person looks, and from which on something is done.

    Scores of models and rules that are sure are held to both. A rule that is not sure never has
    anything done by itself; a person looks from `unsure` on, or from `review` on if it is None.

    Raises:
        ConfigurationError: if something would be done before anybody looks.
    """

    review: float = NEVER
    act: float = NEVER
    unsure: float | None = None

    def __post_init__(self) -> None:
        if self.review > self.act:
            raise ConfigurationError(
                f"A text would be acted on at {self.act} but reviewed only at {self.review}.",
                "Set review no higher than act.",
            )

    def level(self, finding: Finding) -> Level:
        """Return what a finding comes to."""
        if finding.by_model or finding.sure:
            if finding.score >= self.act:
                return Level.ACT
            return Level.REVIEW if finding.score >= self.review else Level.ALLOW
        review = self.review if self.unsure is None else self.unsure
        return Level.REVIEW if finding.score >= review else Level.ALLOW


@dataclass(frozen=True, slots=True)
class Place:
    """What differs in one workspace, category or channel.

    `thresholds` stand above those of the place around it. `age_gated` allows sexual content, as
    a platform's own age gate does; `exempt_users`, and people with one of `exempt_roles`, are
    never judged there.
    """

    thresholds: Mapping[tuple[Role, Category], Thresholds] = field(default_factory=dict)
    age_gated: bool = False
    exempt_users: frozenset[str] = frozenset()
    exempt_roles: frozenset[str] = frozenset()

    def exempts(self, source: Source) -> bool:
        """Return whether what comes from `source` is not judged here."""
        return source.user in self.exempt_users or not self.exempt_roles.isdisjoint(source.roles)


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
            *_listed(self.thresholds),
            *(
                (
                    name,
                    place.age_gated,
                    sorted(place.exempt_users),
                    sorted(place.exempt_roles),
                    _listed(place.thresholds),
                )
                for name, place in sorted(self.places.items())
            ),
            *sorted(self.allowed_rules),
            self.shadow,
        ]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]

    def judge(self, findings: Iterable[Finding], source: Source, model: str = "") -> Verdict:
        """Return the verdict on what comes from `source`, in which `findings` were found."""
        around = list(self._around(source.conversation))
        exempt = any(place.exempts(source) for place in around)
        scores: dict[Category, float] = {}
        counted: list[tuple[Level, Finding]] = []
        excused: list[str] = []
        for finding in findings:
            scores[finding.category] = max(scores.get(finding.category, 0.0), finding.score)
            level = self._thresholds(source, finding.category, around).level(finding)
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
            tuple(finding for level, finding in counted if level is Level.ACT),
        )

    def _around(self, conversation: ConversationId) -> Iterable[Place]:
        parts = conversation.split(":")
        for length in range(len(parts), 0, -1):
            place = self.places.get(":".join(parts[:length]))
            if place is not None:
                yield place

    def _thresholds(
        self, source: Source, category: Category, around: Sequence[Place]
    ) -> Thresholds:
        age_gated = source.age_gated or any(place.age_gated for place in around)
        if category is Category.SEXUAL and age_gated:
            return Thresholds()
        for place in around:
            if (source.role, category) in place.thresholds:
                return place.thresholds[source.role, category]
        return self.thresholds.get((source.role, category), Thresholds())


def _listed(
    thresholds: Mapping[tuple[Role, Category], Thresholds],
) -> list[tuple[str, str, float, float, str]]:
    return sorted(
        (role.value, category.value, held.review, held.act, str(held.unsure))
        for (role, category), held in thresholds.items()
    )
