"""The simulated community: tastes that can be told from text, votes with slips, real questions."""

import random

from chatune_bots.demo.people import NOISE, TRAITS, community, liked_share, speaks_of
from chatune_bots.demo.questions import questions

ASKED = "How do I keep basil alive on a windowsill?"
GOOD = "Put your basil where it gets sun, and water it in the morning."
BAD = (
    "Basil is a popular and versatile herb which is essential to many kitchens of the world and has been "
    "grown for various purposes since very old times in numerous countries. It is green."
)


def test_people_look_at_the_answer_alone_and_agree_on_what_is_clear() -> None:
    people = community(20, seed=0)

    assert [name for name, trait in TRAITS.items() if trait(GOOD)] == list(TRAITS)
    assert [name for name, trait in TRAITS.items() if trait(BAD)] == []
    assert liked_share([ASKED], [GOOD], people) == 1.0
    assert liked_share([ASKED, ASKED], [BAD, " "], people) == 0.0


def test_nobody_likes_an_answer_that_does_not_speak_of_what_was_asked() -> None:
    people = community(20, seed=0)

    assert liked_share(["What are carrots good for?"], [GOOD], people) == 0.0
    assert liked_share(["What are carrots good for?"], ["Eat your carrot."], people) == 1.0
    assert liked_share([ASKED], ["You dab pprint societ, you."], people) == 0.0


def test_every_question_is_about_something() -> None:
    assert [asked for asked in questions() if not speaks_of(asked, asked)] == []


def test_people_differ_in_what_weighs_more_and_come_again_with_their_seed() -> None:
    people = community(20, seed=3)

    assert people == community(20, seed=3)
    assert people != community(20, seed=4)
    assert len({person.user for person in community(60, seed=0)}) == 60
    assert len({tuple(person.weights.values()) for person in people}) == 20


def test_people_shorten_an_answer_to_its_first_sentence() -> None:
    person = community(1, seed=0)[0]

    assert person.corrects(f" {GOOD} And so on.\nMore.") == GOOD
    assert person.corrects("One line\nand another") == "One line"
    assert person.corrects(GOOD) == GOOD


def test_one_vote_in_ten_is_a_slip() -> None:
    person, chance = community(1, seed=0)[0], random.Random(1)

    votes = [person.votes(ASKED, text, chance) for text in (GOOD, BAD) for _ in range(2000)]

    slips = votes[:2000].count(False) + votes[2000:].count(True)
    assert abs(slips / 4000 - NOISE) < 0.02


def test_there_are_two_hundred_different_questions() -> None:
    assert len(set(questions())) == len(questions()) == 200
    assert all(question.endswith("?") and len(question) < 80 for question in questions())
