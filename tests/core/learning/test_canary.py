"""What becomes of a canary, from what is known of both arms."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.learning.canary import CanaryRules, Course, counted, decide
from chatune_core.learning.live import Arm, LiveVote
from chatune_core.messages import ConversationId, UserId
from fakes.events import AT

RULES = CanaryRules()
DAY = timedelta(days=1)
USUAL = Arm((), 1000, 50_000, 3_000_000, late=10, withheld=10, lost=10)


def vote(number: int, good: bool, user: str = "", room: str = "") -> LiveVote:
    voter, place = user or f"test:{number}", room or f"test:room {number}"
    return LiveVote(UserId(voter), ConversationId(place), good, AT + timedelta(minutes=number))


def votes(outcomes: Sequence[bool]) -> tuple[LiveVote, ...]:
    return tuple(vote(number, good) for number, good in enumerate(outcomes))


def arm(good: int, bad: int) -> Arm:
    """Votes well mixed."""
    outcomes = [True] * good + [False] * bad
    random.Random(1).shuffle(outcomes)
    return Arm(votes(outcomes), good + bad, 50 * (good + bad), 3000 * (good + bad))


def test_without_votes_it_goes_on() -> None:
    decision = decide(Arm(), Arm(), 0.5, DAY, RULES)

    assert decision.course is Course.GO_ON
    assert decision.reason == "0 of 0 votes are good against 0 of 0 votes are good (e-value 1)"


def test_what_people_like_better_is_promoted() -> None:
    decision = decide(arm(40, 60), arm(75, 25), 0.5, DAY, RULES)

    assert decision.course is Course.PROMOTE
    assert decision.reason.startswith(
        "people like it better: 75 of 100 votes are good against 40 of 100 votes are good"
    )
    assert decision.better >= 20 > decision.worse


def test_what_people_like_less_is_rolled_back() -> None:
    decision = decide(arm(75, 25), arm(40, 60), 0.5, DAY, RULES)

    assert decision.course is Course.ROLL_BACK
    assert decision.reason.startswith("people like it less: 40 of 100 votes")
    assert decision.worse >= 20 > decision.better


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_a_small_share_is_held_against_more_of_the_others(share: float) -> None:
    usual = Arm(votes([number % 5 < 2 for number in range(400)]), 400)
    new = Arm(votes([number % 5 < 4 for number in range(100)]), 100)

    decision = decide(usual, new, share, DAY, RULES)

    assert decision.course is Course.PROMOTE
    fewer = decide(replace(usual, votes=usual.votes[:100]), new, 0.2, DAY, RULES)
    assert fewer.better < decision.better


def test_what_is_undecided_goes_on_until_it_is_too_old() -> None:
    usual, new = arm(50, 50), arm(52, 48)

    young = decide(usual, new, 0.5, RULES.oldest - timedelta(seconds=1), RULES)
    old = decide(usual, new, 0.5, RULES.oldest, RULES)
    trusting = replace(RULES, undecided_is_promoted=True)

    assert young.course is Course.GO_ON
    assert old.course is Course.ROLL_BACK
    assert old.reason.startswith("undecided after 14 days: 52 of 100 votes")
    assert decide(usual, new, 0.5, RULES.oldest, trusting).course is Course.PROMOTE


def test_of_each_person_and_conversation_the_first_vote_counts_and_of_each_person_three() -> None:
    given = [
        vote(1, True, "ann", "a"),
        vote(2, False, "ann", "a"),
        vote(3, False, "ann", "b"),
        vote(4, True, "ben", "a"),
        vote(5, True, "ann", "c"),
        vote(6, False, "ann", "d"),
    ]

    assert counted(given, 3) == [True, False, True, True]
    assert counted(given, 1) == [True, True]


@pytest.mark.parametrize("good", [True, False])
def test_one_loud_person_decides_nothing(good: bool) -> None:
    def loud(good: bool) -> Arm:
        return Arm(tuple(vote(n, good, "ann") for n in range(500)), 500)

    assert decide(loud(not good), loud(good), 0.5, DAY, RULES).course is Course.GO_ON


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (Arm((), 80, 4000, 240_000, lost=20), "20 of its 100 answers fail or are cut short, 20 of"),
        (Arm((), 100, 5000, 300_000, late=20), "20 of its 100 answers fail or are cut short"),
        (Arm((), 80, 4000, 240_000, withheld=20), "20 of its 100 answers are withheld, 10 of 1020"),
        (Arm((), 100, 20_000, 4_200_000), "its answers have 200 tokens, 50 else"),
        (Arm((), 100, 1000, 12_000), "its answers have 10 tokens, 50 else"),
        (Arm((), 0, lost=6), "6 of its 6 answers fail"),
    ],
)
def test_a_guard_rolls_back_whatever_people_say(new: Arm, reason: str) -> None:
    liked = replace(new, votes=arm(100, 0).votes)

    decision = decide(replace(USUAL, votes=arm(20, 80).votes), liked, 0.5, DAY, RULES)

    assert decision.course is Course.ROLL_BACK
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(
    "new",
    [
        Arm((), 98, 4900, 294_000, lost=1, late=1, withheld=1),
        Arm((), 1, 50, 2500, lost=1),
        Arm((), 100, 7000, 560_000),
        Arm((), 5, 2000, 800_000),
    ],
)
def test_within_the_limits_or_in_doubt_no_guard_minds(new: Arm) -> None:
    assert decide(USUAL, new, 0.5, DAY, RULES).course is Course.GO_ON


def test_more_is_let_pass_up_to_the_limit_however_sure_it_is() -> None:
    usual = Arm((), 50_000, 2_500_000, 150_000_000)
    new = replace(usual, lost=900, withheld=400)

    assert decide(usual, new, 0.5, DAY, RULES).course is Course.GO_ON
    strict = replace(RULES, more_lost=0.005)
    assert decide(usual, new, 0.5, DAY, strict).course is Course.ROLL_BACK
    assert decide(usual, replace(new, withheld=700), 0.5, DAY, RULES).course is Course.ROLL_BACK


def simulated(usual: float, new: float, runs: int = 100) -> list[Course]:
    """Return how canaries end that are looked at after every twentieth vote, in a community."""
    chance, ends = random.Random(17), []
    for _ in range(runs):
        one = [chance.random() < usual for _ in range(100)]
        other = [chance.random() < new for _ in range(100)]
        for look in range(20, 101, 20):
            control, canary = (Arm(votes(each[:look]), look) for each in (one, other))
            course = decide(control, canary, 0.5, DAY, RULES).course
            if course is not Course.GO_ON:
                break
        ends.append(course)
    return ends


def test_canaries_that_are_no_better_are_promoted_no_more_often_than_allowed() -> None:
    ends = simulated(0.6, 0.6)

    assert ends.count(Course.PROMOTE) <= RULES.false_promotions * len(ends)
    assert ends.count(Course.ROLL_BACK) <= RULES.false_rollbacks * len(ends)


def test_canaries_that_are_much_better_or_worse_are_told_apart() -> None:
    better, worse = simulated(0.45, 0.8, 40), simulated(0.8, 0.45, 40)

    assert better.count(Course.PROMOTE) >= 36
    assert worse.count(Course.ROLL_BACK) >= 36
