"""Two halves of rows: nobody and no prompt in both, the same however it is asked."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.capping import capped
from chatune_core.learning.dividing import Halves, divided
from chatune_core.learning.rows import LeftOut, Row, RowId, Thumb
from chatune_core.learning.sameness import prompt_key
from chatune_core.messages import EventKey, UserId
from fakes.judged import minutes


def row(number: int, person: int, prompt: int, at: int, good: bool = True) -> Row:
    judge = UserId(f"p{person}")
    return Thumb(
        RowId(f"r{number}"), EventKey(f"e{number}"),
        (ChatMessage("system", f"persona {number}"), ChatMessage("user", f"Prompt {prompt}?")),
        f"answer {number % 3}", good, judge, frozenset({judge}), minutes(at),
    )  # fmt: skip


def of_several(user: UserId) -> UserId:
    """Everybody but the first few is linked to one of them."""
    return UserId(f"p{int(user[1:]) % 7}")


small = st.integers(min_value=0, max_value=9)
votes = st.lists(st.tuples(small, small, small, st.booleans()), max_size=40)
shares = st.sampled_from([0.1, 0.2, 0.5])


def rows_of(votes: list[tuple[int, int, int, bool]]) -> list[Row]:
    return [row(number, *vote) for number, vote in enumerate(votes)]


@given(votes, shares, st.randoms(use_true_random=False))
def test_no_person_and_no_prompt_is_in_both_halves_and_no_row_is_lost(
    votes: list[tuple[int, int, int, bool]], share: float, random: object
) -> None:
    rows = rows_of(votes)

    halves = divided(rows, share, of_several)

    train, holdout = halves.train, halves.holdout
    assert {of_several(r.judge) for r in train}.isdisjoint(of_several(r.judge) for r in holdout)
    assert {prompt_key(r.prompt) for r in train}.isdisjoint(prompt_key(r.prompt) for r in holdout)
    assert len({r.id for r in (*train, *holdout)}) == len(train) + len(holdout)
    assert len(train) + len(holdout) + halves.dropped == len(rows)
    assert bool(train) == bool(rows)


@given(votes, shares, st.permutations(range(40)))
def test_the_halves_do_not_depend_on_the_order_of_the_rows(
    votes: list[tuple[int, int, int, bool]], share: float, order: list[int]
) -> None:
    rows = rows_of(votes)
    shuffled = [rows[at] for at in order if at < len(rows)]

    assert divided(shuffled, share, of_several) == divided(rows, share, of_several)


@given(votes)
def test_where_nobody_shares_a_prompt_nothing_is_dropped_and_few_are_held_out(
    votes: list[tuple[int, int, int, bool]],
) -> None:
    rows = [row(n, person, n, at, good) for n, (person, _, at, good) in enumerate(votes)]

    halves = divided(rows, 0.2, of_several)

    counts = Counter(of_several(r.judge) for r in rows)
    assert halves.dropped == 0
    assert bool(halves.holdout) == (len(counts) > 1)
    assert len(halves.holdout) <= max(
        [round(0.2 * len(rows)), *[min(counts.values())]] if counts else [0]
    )


@given(votes, st.integers(min_value=1, max_value=5), st.permutations(range(40)))
def test_nobody_has_more_than_their_share_and_no_row_is_lost(
    votes: list[tuple[int, int, int, bool]], most: int, order: list[int]
) -> None:
    rows = rows_of(votes)
    shuffled = [rows[at] for at in order if at < len(rows)]

    kept, left_out = capped(rows, most, of_several)

    assert max(Counter(of_several(r.judge) for r in kept).values(), default=0) <= most
    assert len(kept) + left_out.total() == len(rows)
    assert left_out.keys() <= {LeftOut.CAPPED, LeftOut.DUPLICATE}
    assert capped(shuffled, most, of_several) == (kept, left_out)


def same(user: UserId) -> UserId:
    return user


def ids(halves: Halves) -> tuple[list[str], list[str]]:
    return [r.id for r in halves.train], [r.id for r in halves.holdout]


def test_who_voted_last_is_held_out() -> None:
    rows = [row(n, person=n // 2, prompt=n, at=n) for n in range(10)]

    assert ids(divided(rows, 0.2, same)) == ([f"r{n}" for n in range(8)], ["r8", "r9"])


def test_who_is_too_many_is_passed_over() -> None:
    rows = [row(n, person=min(n, 5), prompt=n, at=n) for n in range(10)]

    assert ids(divided(rows, 0.2, same))[1] == ["r3", "r4"]


def test_where_nobody_fits_whoever_has_least_is_held_out() -> None:
    rows = [row(n, person=int(n > 3), prompt=n, at=n) for n in range(10)]

    assert ids(divided(rows, 0.1, same))[1] == ["r0", "r1", "r2", "r3"]


def test_people_who_judged_the_same_prompts_are_held_out_together() -> None:
    # Persons 0 and 3 share a prompt; the last to vote is 3, and 2 after 0.
    rows = [row(0, 0, 0, 0), row(1, 3, 0, 9), *(row(n, 9 + n, n, 1) for n in range(2, 9)),
            row(9, 2, 9, 8)]  # fmt: skip

    halves = divided(rows, 0.2, same)

    assert (sorted(ids(halves)[1]), halves.dropped) == (["r0", "r1"], 0)


def test_a_prompt_of_both_halves_belongs_to_where_most_of_its_rows_are() -> None:
    rows = [row(n, person=n, prompt=n, at=n) for n in range(10)]
    shared = [row(10 + n, person=n, prompt=99, at=20 + n) for n in range(10)]

    halves = divided([*rows, *shared], 0.2, same)

    assert ids(halves)[1] == ["r8", "r9"]
    assert halves.dropped == 2
    assert [r.id for r in halves.train if r.id == "r10"] == ["r10"]


def test_where_all_judged_the_same_some_prompts_are_given_to_the_held_out_half() -> None:
    rows = [row(10 * p + n, person=p, prompt=n, at=p) for p in range(5) for n in range(5)]

    halves = divided(rows, 0.2, same)

    assert (len(halves.train), len(halves.holdout), halves.dropped) == (8, 3, 14)


def test_one_person_is_trained_on_and_no_share_holds_nobody_out() -> None:
    rows = [row(n, person=0, prompt=n, at=n) for n in range(10)]
    others = [row(10 + n, person=n, prompt=n, at=n) for n in range(10)]

    assert ids(divided(rows, 0.5, same))[1] == []
    assert ids(divided(others, 0.0, same))[1] == []
