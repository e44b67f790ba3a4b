"""Whether a canary goes on, is promoted or rolled back: pure, from what is known of both arms.

The arms are answers to different conversations at the same time: those of the canary, and those of what
serves everybody else. People's votes decide; the guards look at what people do not vote on.
"""

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from chatune_core.learning.live import Arm, LiveVote
from chatune_core.learning.sequential import mean_bounds, more_often, rate_bounds
from chatune_core.messages import ConversationId, UserId

_FEWEST_FOR_LENGTH = 30
_MOST_CONTROLS = 9


class Course(enum.Enum):
    """What becomes of a canary."""

    GO_ON = "go on"
    PROMOTE = "promote"
    ROLL_BACK = "roll back"


@dataclass(frozen=True, slots=True)
class CanaryRules:
    """What a canary is held to.

    false_promotions: at most this share of canaries that people like no better is promoted, however
        often one looks. false_rollbacks: the same of canaries that they like no less.
    false_alarms: of each guard, the same of canaries that stay within its limit.
    per_person: how many conversations of one person count in each arm.
    more_lost, more_withheld: how much larger a share of answers than the control's may be cut short,
        fail or say nothing; be withheld by moderation. 0 to 1.
    shortest, longest: within which multiples of the control's mean length, in tokens, it may answer.
    oldest: when it ends undecided; it is then promoted if `undecided_is_promoted`.
    """

    false_promotions: float = 0.05
    false_rollbacks: float = 0.05
    false_alarms: float = 0.01
    per_person: int = 3
    more_lost: float = 0.02
    more_withheld: float = 0.01
    shortest: float = 0.5
    longest: float = 2.0
    oldest: timedelta = timedelta(days=14)
    undecided_is_promoted: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of it and why, for people; e-values of "better" and "worse" as far as known."""

    course: Course
    reason: str
    better: float = 1.0
    worse: float = 1.0


def decide(control: Arm, canary: Arm, share: float, age: timedelta, rules: CanaryRules) -> Decision:
    """Return what becomes of a canary that answers in a `share` of conversations since `age`."""
    alarm = _alarm(control, canary, rules)
    if alarm:
        return Decision(Course.ROLL_BACK, alarm)
    ratio = max(1, min(_MOST_CONTROLS, round((1 - share) / share)))
    usual, new = (counted(arm.votes, rules.per_person) for arm in (control, canary))
    better = more_often(usual, new, ratio)
    worse = more_often([not good for good in usual], [not good for good in new], ratio)
    votes = f"{_said(new)} against {_said(usual)}"
    if better >= 1 / rules.false_promotions:
        reason = f"people like it better: {votes} (e-value {better:.3g})"
        return Decision(Course.PROMOTE, reason, better, worse)
    if worse >= 1 / rules.false_rollbacks:
        reason = f"people like it less: {votes} (e-value {worse:.3g})"
        return Decision(Course.ROLL_BACK, reason, better, worse)
    if age >= rules.oldest:
        course = Course.PROMOTE if rules.undecided_is_promoted else Course.ROLL_BACK
        reason = f"undecided after {age.days} days: {votes} (e-value {better:.3g})"
        return Decision(course, reason, better, worse)
    return Decision(Course.GO_ON, f"{votes} (e-value {better:.3g})", better, worse)


def counted(votes: Sequence[LiveVote], per_person: int) -> list[bool]:
    """Return the votes that count, oldest first.

    Of each person and conversation that is the first, and of each person no more than `per_person`: so
    one loud person decides nothing.
    """
    conversations: set[tuple[UserId, ConversationId]] = set()
    of_person: Counter[UserId] = Counter()
    kept = []
    for vote in votes:
        place = (vote.voter, vote.conversation)
        if place in conversations or of_person[vote.voter] >= per_person:
            continue
        conversations.add(place)
        of_person[vote.voter] += 1
        kept.append(vote.good)
    return kept


def _alarm(control: Arm, canary: Arm, rules: CanaryRules) -> str:
    """Return which limit the canary is outside of, beyond doubt; "" if it is within all."""
    for what, limit, (bad, bad_control) in (
        (
            "fail or are cut short",
            rules.more_lost,
            (canary.lost + canary.late, control.lost + control.late),
        ),
        ("are withheld", rules.more_withheld, (canary.withheld, control.withheld)),
    ):
        least = rate_bounds(bad, canary.asked, rules.false_alarms / 2)[0]
        most = rate_bounds(bad_control, control.asked, rules.false_alarms / 2)[1]
        if least > most + limit:
            return (
                f"{bad} of its {canary.asked} answers {what}, {bad_control} of {control.asked} else"
            )
    return _length_alarm(control, canary, rules)


def _length_alarm(control: Arm, canary: Arm, rules: CanaryRules) -> str:
    if min(control.answers, canary.answers) < _FEWEST_FOR_LENGTH:
        return ""
    (low, high), (low_control, high_control) = (
        mean_bounds(arm.tokens, arm.tokens_squared, arm.answers, rules.false_alarms / 2)
        for arm in (canary, control)
    )
    if low <= rules.longest * high_control and high >= rules.shortest * low_control:
        return ""
    mean, mean_control = canary.tokens / canary.answers, control.tokens / control.answers
    return f"its answers have {mean:.0f} tokens, {mean_control:.0f} else"


def _said(votes: Sequence[bool]) -> str:
    return f"{sum(votes)} of {len(votes)} votes are good"
