"""From what people said of answers to a dataset: what becomes a row, and why other things do not."""

from dataclasses import replace

import pytest

from chatune_core.learning.dataset import Rules, build_dataset, missing
from chatune_core.learning.rows import LeftOut, Origin, Thumb
from chatune_core.learning.scrubbing import Scrubber
from chatune_core.moderation.verdicts import Role
from fakes.judged import (
    ASKER,
    AT,
    WHOLE,
    answer,
    correction,
    dataset_of,
    gathered,
    left_out,
    minutes,
    nothing_acts,
    pairs_of,
    preference,
    rows_of,
    user,
    vote,
)

pytestmark = pytest.mark.anyio
LONG = "one should warm the pot first and only then pour the water over the leaves of tea"


async def test_a_thumb_becomes_a_vote_with_all_whose_words_are_in_it() -> None:
    dataset = await dataset_of(gathered(answer("1", vote("1", "ann", good=False, at=5))))

    [row] = rows_of(dataset)
    assert isinstance(row, Thumb)
    assert (row.good, row.judge, row.at) == (False, user("ann"), minutes(5))
    assert row.people == {user("ann"), ASKER}
    assert (row.prompt[-1].content, row.completion) == ("what about 1", "this about 1")
    assert left_out(dataset) == {}


async def test_a_correction_becomes_a_pair_against_the_answer() -> None:
    dataset = await dataset_of(gathered(answer("1", correction("1", "ann", "much better"))))

    [pair] = pairs_of(dataset)
    assert (pair.chosen, pair.rejected) == ("much better", "this about 1")
    assert (pair.origin, pair.judge, pair.other) == (Origin.CORRECTION, user("ann"), None)


@pytest.mark.parametrize(("how", "origin"), [("choice", Origin.CHOICE), ("again", Origin.AGAIN)])
async def test_a_preference_becomes_a_pair_of_both_answers(how: str, origin: Origin) -> None:
    ben = user("ben")
    first = replace(answer("1"), people=frozenset({ASKER, user("cat")}))
    second = replace(answer("2", prompt="what about 1"), people=frozenset({ASKER, ben}))
    preferred = replace(preference("2", "1", "ann"), how="again" if how == "again" else "choice")

    dataset = await dataset_of(gathered(first, second, preferences=[preferred]))

    [pair] = pairs_of(dataset)
    assert (pair.chosen, pair.rejected, pair.origin) == ("this about 2", "this about 1", origin)
    assert (pair.answer, pair.other) == ("2", "1")
    assert pair.people == {ASKER, ben, user("cat"), user("ann")}


async def test_the_same_evidence_has_the_same_ids_and_they_name_nobody() -> None:
    evidence = gathered(
        answer("1", vote("1", "ann"), vote("1", "ben"), correction("1", "cat", "so")),
        answer("2", vote("2", "ann")), preferences=[preference("2", "1", "dan")],
    )  # fmt: skip

    ids = [row.id for row in rows_of(await dataset_of(evidence))]

    assert len(set(ids)) == 5
    assert ids == [row.id for row in rows_of(await dataset_of(evidence))]
    assert not any(name in id for id in ids for name in ("ann", "ben", "cat", "dan"))


async def test_a_correction_counts_more_than_a_thumb_on_the_same_answer() -> None:
    dataset = await dataset_of(
        gathered(answer("1", vote("1", "ann"), correction("1", "ann", "so"), vote("1", "ben")))
    )

    assert {(row.judge, type(row) is Thumb) for row in rows_of(dataset)} == {
        (user("ann"), False), (user("ben"), True)
    }  # fmt: skip
    assert left_out(dataset) == {LeftOut.DUPLICATE: 1}


async def test_linked_identities_have_one_vote_an_answer_and_the_last_counts() -> None:
    same = {user("ann"): user("ann"), user("ann too"): user("ann")}
    said = answer("1", vote("1", "ann too", at=1), vote("1", "ann", good=False, at=2))

    dataset = await dataset_of(gathered(said, same_person=same))

    [row] = rows_of(dataset)
    assert isinstance(row, Thumb)
    assert (row.good, row.judge) == (False, user("ann"))
    assert left_out(dataset) == {LeftOut.DUPLICATE: 1}


@pytest.mark.parametrize("text", ["this about 1", " this about 1\n", "", "  "])
async def test_a_correction_that_says_nothing_else_is_no_row(text: str) -> None:
    dataset = await dataset_of(gathered(answer("1", correction("1", "ann", text))))

    assert (rows_of(dataset), left_out(dataset)) == ([], {LeftOut.DUPLICATE: 1})


async def test_of_two_equal_answers_none_is_better() -> None:
    second = answer("2", prompt="what about 1", text="this about 1 ")

    dataset = await dataset_of(
        gathered(answer("1"), second, preferences=[preference("2", "1", "ann")])
    )

    assert (rows_of(dataset), left_out(dataset)) == ([], {LeftOut.DUPLICATE: 1})


async def test_answers_of_other_models_are_left_out() -> None:
    rules = replace(WHOLE, models=frozenset({"small"}))
    other = answer("2", vote("2", "ann"), correction("2", "ben", "so"), model="large")
    chosen, rejected = preference("2", "1", "ann"), preference("1", "2", "ben")

    dataset = await dataset_of(
        gathered(answer("1", vote("1", "ann")), other, preferences=[chosen, rejected]), rules
    )

    assert [row.answer for row in rows_of(dataset)] == ["1"]
    assert left_out(dataset) == {LeftOut.OTHER_MODEL: 4}


@pytest.mark.parametrize(
    ("text", "role"),
    [("asked", Role.USER), ("answered", Role.ASSISTANT), ("corrected", Role.ASSISTANT)],
)
async def test_what_moderation_would_act_on_is_left_out(text: str, role: Role) -> None:
    seen: list[tuple[str, Role]] = []

    async def acts(said: str, as_role: Role) -> bool:
        seen.append((said, as_role))
        return (said, as_role) == (text, role)

    said = answer("1", correction("1", "ann", "corrected"), prompt="asked", text="answered")
    fine = answer("2", vote("2", "ann"), vote("2", "ben"))
    dataset = await build_dataset(gathered(said, fine), WHOLE, acts, Scrubber(), AT)

    assert {row.answer for row in rows_of(dataset)} == {"2"}
    assert left_out(dataset) == {LeftOut.MODERATED: 1}
    assert len(seen) == len(set(seen)), "each text is judged once"
    assert "be kind" not in [said for said, _ in seen], "the operator's own words are not judged"


async def test_a_thumb_on_what_moderation_would_act_on_is_left_out() -> None:
    async def acts(said: str, role: Role) -> bool:
        return said == "bad"

    dataset = await build_dataset(
        gathered(answer("1", vote("1", "ann"), text="bad")), WHOLE, acts, Scrubber(), AT
    )

    assert (rows_of(dataset), left_out(dataset)) == ([], {LeftOut.MODERATED: 1})


async def test_personal_data_and_secrets_are_scrubbed_from_every_text_before_it_is_judged() -> None:
    mail, card = "ann@mail.example", "4111 1111 1111 1111"
    judged: list[str] = []

    async def acts(said: str, role: Role) -> bool:
        judged.append(said)
        return False

    said = answer(
        "1", correction("1", "ann", f"no, {mail}"), vote("1", "ben"),
        prompt=f"who is {mail}", text=f"pay with {card}", system=f"she is {mail}",
    )  # fmt: skip
    dataset = await build_dataset(gathered(said), WHOLE, acts, Scrubber(), AT)

    everything = repr(dataset) + repr(judged)
    assert len(rows_of(dataset)) == 2
    assert mail not in everything
    assert "4111" not in everything
    assert "who is [email]" in everything
    assert "pay with [card]" in everything


async def test_what_was_withheld_is_counted_beside_what_is_left_out() -> None:
    withheld = {LeftOut.NOT_AGREED: 2, LeftOut.DUPLICATE: 1}
    said = answer("1", vote("1", "ann"), correction("1", "ann", "so"))

    dataset = await dataset_of(gathered(said, withheld=withheld))

    assert left_out(dataset) == {LeftOut.NOT_AGREED: 2, LeftOut.DUPLICATE: 2}


async def test_nobody_has_more_rows_than_their_share_and_the_newest_count() -> None:
    answers = [answer(f"{n}", vote(f"{n}", "ann", at=100 * n)) for n in range(8)]

    dataset = await dataset_of(gathered(*answers), replace(WHOLE, rows_per_person=3))

    assert [row.answer for row in rows_of(dataset)] == ["5", "6", "7"]
    assert left_out(dataset) == {LeftOut.CAPPED: 5}


async def test_linked_identities_share_a_share() -> None:
    same = {user("ann"): user("ann"), user("ann too"): user("ann")}
    answers = [
        answer(f"{n}", vote(f"{n}", name, at=n)) for n, name in enumerate(("ann", "ann too") * 2)
    ]

    dataset = await dataset_of(
        gathered(*answers, same_person=same), replace(WHOLE, rows_per_person=3)
    )

    assert (len(rows_of(dataset)), left_out(dataset)) == (3, {LeftOut.CAPPED: 1})


async def test_who_says_the_same_again_is_heard_once_and_others_besides() -> None:
    one, other = (
        answer(key, vote(key, "ann"), vote(key, "ben"), prompt="tea?", text=text)
        for key, text in (("1", LONG), ("2", LONG.replace("of tea", "of the tea")))
    )

    dataset = await dataset_of(gathered(one, other))

    assert sorted(row.judge for row in rows_of(dataset)) == [user("ann"), user("ben")]
    assert left_out(dataset) == {LeftOut.DUPLICATE: 2}


async def test_who_changes_their_mind_once_has_said_two_things() -> None:
    one, other = (
        answer(key, vote(key, "ann", good=key == "1"), prompt="tea?", text=LONG) for key in "12"
    )

    assert len(rows_of(await dataset_of(gathered(one, other)))) == 2


async def test_people_who_contradict_themselves_are_left_out() -> None:
    answers = [
        answer(f"{n}{side}", vote(f"{n}{side}", "ann", good=side == "a"), vote(f"{n}{side}", "ben", at=100 * n),
               prompt=f"tea {n}?", text=LONG)
        for n in range(4) for side in "ab"
    ]  # fmt: skip

    dataset = await dataset_of(gathered(*answers))

    assert {row.judge for row in rows_of(dataset)} == {user("ben")}
    assert left_out(dataset) == {LeftOut.CONTRADICTORY: 8, LeftOut.DUPLICATE: 4}


async def test_people_who_came_together_only_to_vote_are_left_out() -> None:
    bad = [answer(f"{n}", vote(f"{n}", f"stranger {n}", good=False, at=n)) for n in range(5)]
    fine = answer("x", vote("x", ASKER.partition(":")[2]))

    dataset = await dataset_of(gathered(*bad, fine))

    assert {row.judge for row in rows_of(dataset)} == {ASKER}
    assert left_out(dataset) == {LeftOut.BRIGADING: 5}


async def test_who_is_of_two_minds_and_of_a_brigade_is_counted_once() -> None:
    rows = [
        answer(f"{n}{side}", vote(f"{n}{side}", "ann", good=side == "a"), prompt=f"tea {n}?", text=LONG)
        for n in range(4) for side in "ab"
    ]  # fmt: skip

    assert left_out(await dataset_of(gathered(*rows))) == {LeftOut.CONTRADICTORY: 8}


async def test_no_prompt_is_in_both_halves_and_what_that_costs_is_counted() -> None:
    shared = answer("s", *(vote("s", f"p{n}", at=100 * n) for n in range(10)), prompt="hi")
    own = [answer(f"{n}", vote(f"{n}", f"p{n}", at=100 * n)) for n in range(10)]

    dataset = await dataset_of(gathered(shared, *own), Rules())

    assert {row.judge for row in dataset.train}.isdisjoint(row.judge for row in dataset.holdout)
    assert (len(dataset.train), len(dataset.holdout)) == (16, 2)
    assert left_out(dataset) == {LeftOut.DIVIDED: 2}
    assert missing(dataset, Rules(least_rows=18)).startswith("not yet: every vote")


# What comes of odd evidence: a clear word, in time.


async def test_nothing_makes_an_empty_dataset() -> None:
    dataset = await dataset_of(gathered())

    assert (dataset.train, dataset.holdout, left_out(dataset)) == ((), (), {})
    assert missing(dataset, Rules()) == "not yet: 0 of 200 rows"


async def test_too_few_rows_are_told() -> None:
    answers = [answer(f"{n}", correction(f"{n}", f"p{n}", "so")) for n in range(37)]

    dataset = await dataset_of(gathered(*answers), Rules())

    assert missing(dataset, Rules()) == "not yet: 37 of 200 rows"
    assert missing(dataset, Rules(least_rows=37)) == ""


async def test_one_row_is_trained_on_and_nothing_is_left_to_judge_by() -> None:
    dataset = await dataset_of(gathered(answer("1", vote("1", "ann"))), Rules())

    assert (len(dataset.train), len(dataset.holdout)) == (1, 0)
    assert missing(dataset, Rules(least_rows=1)) == (
        "not yet: of 1 rows none can be held out to judge by; somebody else must vote, on other questions"
    )


@pytest.mark.parametrize(("good", "word"), [(True, "good"), (False, "bad")])
async def test_votes_of_one_kind_alone_teach_nothing(good: bool, word: str) -> None:
    answers = [answer(f"{n}", vote(f"{n}", f"p{n % 5}", good, at=100 * n)) for n in range(20)]
    rules = Rules(least_rows=20)

    dataset = await dataset_of(gathered(*answers), rules)

    assert missing(dataset, rules) == (
        f"not yet: every vote to train on is {word}; both kinds are needed, or corrections"
    )


async def test_held_out_votes_of_one_kind_judge_nothing() -> None:
    answers = [
        answer(f"{n}", vote(f"{n}", f"p{n % 5}", good=n % 5 == 4 or n % 2 > 0, at=100 * n))
        for n in range(20)
    ]
    rules = Rules(least_rows=20)

    said = missing(await dataset_of(gathered(*answers), rules), rules)

    assert said == "not yet: every vote to judge by is good; both kinds are needed, or corrections"


async def test_corrections_alone_are_enough() -> None:
    answers = [answer(f"{n}", correction(f"{n}", f"p{n % 5}", "so")) for n in range(20)]
    rules = Rules(least_rows=20)

    assert missing(await dataset_of(gathered(*answers), rules), rules) == ""


async def test_ten_thousand_rows_of_one_person_are_their_share_in_time() -> None:
    looked_at = 0

    async def acts(said: str, role: Role) -> bool:
        nonlocal looked_at
        looked_at += 1
        return False

    answers = [answer(f"{n}", vote(f"{n}", "ann", good=n % 2 > 0, at=n)) for n in range(10_000)]
    dataset = await build_dataset(gathered(*answers), Rules(), acts, Scrubber(), AT)

    assert left_out(dataset) == {LeftOut.CAPPED: 9_900}
    assert missing(dataset, Rules()) == "not yet: 100 of 200 rows"
    assert looked_at == 2_000


async def test_the_dataset_does_not_depend_on_when_it_is_made_nor_on_the_order_of_evidence() -> (
    None
):
    answers = [
        answer(f"{n}", vote(f"{n}", f"p{n % 7}", good=n % 2 > 0, at=n % 3)) for n in range(30)
    ]
    one = await dataset_of(gathered(*answers), Rules())
    other = await build_dataset(
        gathered(*reversed(answers)), Rules(), nothing_acts, Scrubber(), minutes(99)
    )

    assert (one.train, one.holdout) == (other.train, other.holdout)
    assert one.manifest.digest == other.manifest.digest
