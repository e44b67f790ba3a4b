"""Rows in steps, and steps in batches: each once, alike in length, the same for the same seed."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.learning.batches import alike, make_batch, steps_of_epoch
from chatune_core.learning.tokens import TokenRow

SIZES = st.lists(st.tuples(st.integers(1, 2), st.integers(2, 400)), max_size=40)


def computed(sizes: list[tuple[int, int]], batch: list[int]) -> int:
    return sum(sizes[n][0] for n in batch) * max(sizes[n][1] for n in batch)


@given(SIZES, st.integers(1, 2000))
def test_every_item_is_in_one_batch_and_no_batch_is_too_large(
    sizes: list[tuple[int, int]], most: int
) -> None:
    batches = alike(sizes, most)

    assert sorted(n for batch in batches for n in batch) == list(range(len(sizes)))
    assert all(len(batch) == 1 or computed(sizes, batch) <= most for batch in batches)


@given(SIZES)
def test_batches_are_of_like_length_and_little_of_them_is_padding(
    sizes: list[tuple[int, int]],
) -> None:
    batches = alike(sizes, 10**6)

    lengths = [[sizes[n][1] for n in batch] for batch in batches]
    assert all(max(one) <= min(following) for one, following in pairwise(lengths))
    # A batch costs as much as 48 tokens, so no single further cut may save more.
    assert all(saved_by_a_cut(sizes, batch) <= 48 for batch in batches)


def saved_by_a_cut(sizes: list[tuple[int, int]], batch: list[int]) -> int:
    whole = computed(sizes, batch)
    parts = [computed(sizes, batch[:n]) + computed(sizes, batch[n:]) for n in range(1, len(batch))]
    return whole - min(parts, default=whole)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 3))
def test_an_epoch_has_every_row_once_in_steps_of_like_size(
    rows: int, rows_per_step: int, epoch: int
) -> None:
    steps = steps_of_epoch(rows, rows_per_step, 7, epoch)

    assert sorted(n for step in steps for n in step) == list(range(rows))
    assert max(map(len, steps)) - min(map(len, steps)) <= 1
    assert steps == steps_of_epoch(rows, rows_per_step, 7, epoch)


def test_the_order_is_another_in_each_epoch_and_for_each_seed() -> None:
    one = steps_of_epoch(40, 8, seed=1, epoch=0)

    assert one != steps_of_epoch(40, 8, seed=1, epoch=1)
    assert one != steps_of_epoch(40, 8, seed=2, epoch=0)


def test_only_tokens_of_the_completion_are_predicted() -> None:
    batch = make_batch([TokenRow((5, 6, 7, 8), 2), TokenRow((5, 9), 1)], torch.device("cpu"))

    assert batch.tokens.tolist() == [[5, 6, 7, 8], [5, 9, 0, 0]]
    assert batch.targets.tolist() == [7, 8, 9]
    assert batch.before.tolist() == [1, 2, 0]
    assert batch.per_row(torch.tensor([1.0, 2.0, 4.0])).tolist() == [3.0, 4.0]
