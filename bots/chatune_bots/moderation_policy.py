"""From the `[moderation]` section to a policy: careful defaults, then what the operator set."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from chatune_bots.moderation_settings import ByRole, Levels, ModerationSection, PlaceSection
from chatune_core.moderation.policy import NEVER, Place, Policy, Thresholds
from chatune_core.moderation.verdicts import SURE, Category, Role

LIKELY = 0.7
"""A calibrated score from which on a small model may have something done."""
SUSPICIOUS = 0.5
"""From which score on a person looks at what a rule is not sure of, whatever the model."""
_HARM = frozenset(
    (
        Category.HARASSMENT,
        Category.HATE,
        Category.SEXUAL,
        Category.SELF_HARM,
        Category.VIOLENCE,
    )
)
_CLEAR = frozenset((Category.SEXUAL, Category.SELF_HARM))


@dataclass(frozen=True, slots=True)
class Advice:
    """How far the scores of a model can be trusted.

    `review` and `act` are scores by category. Only in the categories `acting` does the model have
    anything done; in the others it can at most call a person.
    """

    review: Mapping[Category, float] = field(default_factory=dict)
    act: Mapping[Category, float] = field(default_factory=dict)
    acting: Collection[Category] = frozenset()


RULES_ALONE = Advice()
"""Nothing scores, and rules need no advice."""
SMALL_MODEL = Advice(dict.fromkeys(Category, 0.5), dict.fromkeys(Category, 0.9), _CLEAR)
"""For a classifier whose scores nobody has calibrated."""
LARGE_MODEL = Advice(dict.fromkeys(Category, 0.5), dict.fromkeys(Category, 0.9), _HARM)
"""For guard models and moderation services."""


def small_model(review: Mapping[Category, float], act: Mapping[Category, float]) -> Advice:
    """Return advice for a small classifier that knows its own thresholds.

    Those say where false alarms become rare in the mean. To act, it must also be likely that this
    very text is meant.
    """
    return Advice(review, {category: max(score, LIKELY) for category, score in act.items()}, _CLEAR)


def default_thresholds(advice: Advice) -> dict[tuple[Role, Category], Thresholds]:
    """Return what holds where nothing is set.

    Rules that are sure act, whatever the category, and those that are not call a person; models
    do as advised. Personal data is a person's own business in a question, and written down
    elsewhere. In tool text only injections count.
    """
    thresholds = {
        (role, category): _advised(advice, category)
        for role in (Role.USER, Role.ASSISTANT, Role.COMMUNITY)
        for category in Category
    }
    for role in Role:
        seen = role in (Role.ASSISTANT, Role.COMMUNITY)
        thresholds[role, Category.PII] = Thresholds(SURE if seen else NEVER, NEVER)
    thresholds[Role.TOOL, Category.INJECTION] = _advised(advice, Category.INJECTION)
    return thresholds


def _advised(advice: Advice, category: Category) -> Thresholds:
    act = advice.act.get(category, SURE) if category in advice.acting else SURE
    return Thresholds(min(advice.review.get(category, SURE), act), act, SUSPICIOUS)


def policy(section: ModerationSection, advice: Advice) -> Policy:
    """Return the policy that the section asks for, over the advised defaults."""
    return _policy(section, _changed(default_thresholds(advice), section.thresholds))


def picture_policy(section: ModerationSection, explicit: Thresholds) -> Policy:
    """Return the policy for pictures: `explicit` is from which scores on one counts as sexual.

    Thresholds that were set for texts do not hold for pictures, whose scores are others; places,
    exemptions and allowed rules do.
    """
    sure = Thresholds(SURE, SURE)
    base = {
        (role, category): explicit if category is Category.SEXUAL else sure
        for role in Role
        for category in Category
    }
    plain = {
        name: place.model_copy(update={"thresholds": ByRole()})
        for name, place in section.places.items()
    }
    return _policy(section.model_copy(update={"places": plain}), base)


def _policy(section: ModerationSection, base: dict[tuple[Role, Category], Thresholds]) -> Policy:
    return Policy(
        base,
        _places(section.places, base),
        frozenset(section.allowed_rules),
        shadow=section.mode == "shadow",
    )


def _places(
    sections: Mapping[str, PlaceSection], base: dict[tuple[Role, Category], Thresholds]
) -> dict[str, Place]:
    """Return the places, each with what it inherits from the place around it where it sets a part."""
    whole = {"": base}
    places: dict[str, Place] = {}
    for name in sorted(sections, key=lambda name: name.count(":")):
        section = sections[name]
        around = max(
            (known for known in whole if not known or name.startswith(f"{known}:")), key=len
        )
        whole[name] = _changed(whole[around], section.thresholds)
        own = {
            key: whole[name][key]
            for key in whole[name]
            if section.thresholds.levels(*key) != Levels()
        }
        places[name] = Place(
            own,
            section.age_gated,
            frozenset(section.exempt_users),
            frozenset(section.exempt_roles),
        )
    return places


def _changed(
    base: Mapping[tuple[Role, Category], Thresholds], set_levels: ByRole
) -> dict[tuple[Role, Category], Thresholds]:
    return {
        (role, category): _merged(
            base.get((role, category), Thresholds()), set_levels.levels(role, category)
        )
        for role in Role
        for category in Category
    }


def _merged(base: Thresholds, levels: Levels) -> Thresholds:
    """Return `base` with what `levels` sets; the half that was not set gives way."""
    review = base.review if levels.review is None else levels.review
    act = base.act if levels.act is None else levels.act
    if review > act:
        review, act = (review, review) if levels.act is None else (act, act)
    return Thresholds(review, act, base.unsure if levels.review is None else levels.review)
