"""Votes that say nothing: of who contradicts themselves, and of who came together only to vote."""

from chatune_core.learning.evidence_rows import rows_from
from chatune_core.learning.ports import JudgedAnswer
from chatune_core.learning.voters import Brigade, brigading, contradicting
from chatune_core.messages import UserId
from fakes.judged import ASKER, answer, correction, gathered, user, vote

LONG = "one should warm the pot first and only then pour the water over the leaves"
STRANGERS = {user(f"s{n}") for n in range(5)}


def alone(user: UserId) -> UserId:
    return user


def linked(user: UserId) -> UserId:
    return UserId(user.removesuffix(" too"))


def contradict(*answers: JudgedAnswer) -> set[UserId]:
    rows, _ = rows_from(gathered(*answers), None, alone)
    return contradicting(rows, linked)


def twice(
    number: int, first: bool, second: bool, *, text: str = LONG, prompt: str | None = None
) -> list[JudgedAnswer]:
    """Return two answers to one question, on which Ann votes one after the other."""
    asked = prompt or f"how about {number}"
    votes = ((f"{number}a", first, LONG), (f"{number}b", second, text))
    return [
        answer(key, vote(key, "ann", good=good, at=number), prompt=asked, text=said)
        for key, good, said in votes
    ]


def many(count: int, against: int) -> list[JudgedAnswer]:
    return [each for n in range(count) for each in twice(n, True, n >= against)]


def test_three_of_three_contradictions_are_no_slips_and_two_of_two_may_be() -> None:
    assert contradict(*many(3, 3)) == {user("ann")}
    assert contradict(*many(2, 2)) == set()
    assert contradict(*many(5, 4)) == {user("ann")}
    assert contradict(*many(6, 4)) == set()


def test_one_vote_in_ten_that_slips_is_human() -> None:
    assert contradict(*many(50, 9)) == set()
    assert contradict(*many(50, 25)) == {user("ann")}


def test_votes_on_answers_that_differ_contradict_nothing() -> None:
    other = "coffee is ground, heated, pressed and then served in a small cup of its own"
    answers = [each for n in range(9) for each in twice(n, True, False, text=other)]

    assert contradict(*answers) == set()


def test_votes_on_nearly_the_same_answer_do() -> None:
    nearly = LONG.replace("the pot", "The Pot!")
    answers = [each for n in range(9) for each in twice(n, True, False, text=nearly)]

    assert contradict(*answers) == {user("ann")}


def test_short_answers_must_be_equal_to_be_the_same() -> None:
    answers = [
        answer(f"{n}{text}", vote(f"{n}{text}", "ann", good=text == "yes"), prompt=f"q {n}", text=text)
        for n in range(9) for text in ("yes", "yes!?", "no")
    ]  # fmt: skip

    assert contradict(*answers) == {user("ann")}
    assert contradict(*(each for each in answers if each.completion != "yes!?")) == set()


def test_the_same_answer_to_another_question_may_be_good_once_and_bad_once() -> None:
    answers = [
        answer(f"{n}{good}", vote(f"{n}{good}", "ann", good=good), prompt=f"{n}{good}", text=LONG)
        for n in range(9) for good in (True, False)
    ]  # fmt: skip

    assert contradict(*answers) == set()


def test_two_people_who_disagree_contradict_nobody_unless_they_are_one() -> None:
    def judged_by(other: str) -> list[JudgedAnswer]:
        return [
            answer(f"{n}", vote(f"{n}", "ann"), text=LONG, prompt=f"q {n}") for n in range(9)
        ] + [
            answer(f"{n}b", vote(f"{n}b", other, good=False), text=LONG, prompt=f"q {n}")
            for n in range(9)
        ]

    assert contradict(*judged_by("ben")) == set()
    assert contradict(*judged_by("ann too")) == {user("ann")}


def brigade(*answers: JudgedAnswer, limits: Brigade | None = None) -> set[UserId]:
    rows, _ = rows_from(gathered(*answers), None, alone)
    known = {each.answer: each for each in answers}
    return brigading(rows, known, linked, limits or Brigade())


def raid(
    *,
    good: tuple[bool, ...] = (False,) * 5,
    minutes: float = 10,
    askers: tuple[str, ...] = ("asker",) * 5,
    answers: int = 5,
    names: tuple[str, ...] = ("s0", "s1", "s2", "s3", "s4"),
    loras: tuple[str | None, ...] = (None,) * 5,
) -> list[JudgedAnswer]:
    """Return answers on which five strangers vote, each once, unless it is said otherwise."""
    given: dict[str, list[int]] = {}
    for n in range(5):
        given.setdefault(f"{n % answers}", []).append(n)
    return [
        answer(
            key, *(vote(key, names[n], good[n], n * minutes) for n in mine),
            asker=user(askers[mine[0]]), lora=loras[mine[0]],
        )
        for key, mine in given.items()
    ]  # fmt: skip


def test_strangers_who_vote_one_way_on_one_persons_answers_at_once_are_a_brigade() -> None:
    assert brigade(*raid()) == STRANGERS
    assert brigade(*raid(good=(True,) * 5)) == STRANGERS
    assert brigade(*raid(names=("s",) * 5)) == {user("s")}


def test_who_votes_over_a_longer_time_is_none() -> None:
    assert brigade(*raid(minutes=15)) == STRANGERS
    assert brigade(*raid(minutes=16)) == set()
    assert brigade(*raid(minutes=16, names=("s",) * 5)) == set()


def test_who_comes_back_another_day_is_none() -> None:
    later = answer("x", vote("x", "s", good=False, at=5000))

    assert brigade(*raid(names=("s",) * 5), later) == set()


def test_who_votes_both_ways_is_none() -> None:
    assert brigade(*raid(good=(True, False, True, False, True))) == set()
    assert brigade(*raid(good=(True, False) * 2 + (True,), names=("s",) * 5)) == set()


def test_who_votes_on_several_peoples_answers_is_none() -> None:
    assert brigade(*raid(askers=("a", "b", "c", "a", "b"))) == set()
    assert brigade(*raid(askers=("a", "b", "c", "a", "b"), names=("s",) * 5)) == set()


def test_several_who_like_the_same_few_answers_are_none() -> None:
    assert brigade(*raid(answers=2)) == set()
    assert brigade(*raid(answers=3)) == STRANGERS


def test_four_votes_are_none() -> None:
    assert brigade(*raid()[:4]) == set()


def test_who_was_ever_heard_is_none() -> None:
    talks = answer("x", vote("x", "other"), asker=user("s0"))

    assert brigade(*raid(), talks) == set()


def test_who_ever_said_what_would_be_better_is_none() -> None:
    assert brigade(*raid(), answer("x", correction("x", "s0", "so"))) == set()


def test_the_rest_of_a_brigade_does_not_hide_behind_one_who_talks() -> None:
    talks = answer("x", vote("x", "other"), asker=user("s0"))
    sixth = answer("y", vote("y", "s5", good=False, at=20))

    assert brigade(*raid(), talks, sixth) == STRANGERS - {user("s0")} | {user("s5")}


def test_who_votes_one_way_on_one_loras_answers_alone_is_one_and_several_once_each_are_not() -> (
    None
):
    several = ("a", "b", "c", "a", "b")
    assert brigade(*raid(askers=several, loras=("new",) * 5, names=("s",) * 5)) == {user("s")}
    assert brigade(*raid(askers=several, loras=("new",) * 5)) == set()
    mixed = ("new", "new", "old", "old", None)
    assert brigade(*raid(askers=several, loras=mixed, names=("s",) * 5)) == set()


def test_linked_identities_are_one_voter() -> None:
    names = ("s", "s too", "s", "s too", "s")
    assert brigade(*raid(names=names)) == {user("s")}
    talks = answer("x", vote("x", "other"), asker=user("s too"))
    assert brigade(*raid(names=names), talks) == set()


def test_nobody_is_a_brigade_where_nobody_votes() -> None:
    assert brigade() == set()
    assert brigade(answer("x", correction("x", "s", "so"), asker=ASKER)) == set()
