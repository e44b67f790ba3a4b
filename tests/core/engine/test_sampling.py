"""The next token: exact against a plain reference, and blind to who else is in the batch."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from chatune_core.generation.requests import Sampling
from chatune_core.generation.sampling import TokenChoice, choose

VOCABULARY = 8192


def logits(rows: int, spread: float, seed: int = 0, vocabulary: int = VOCABULARY) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, vocabulary, generator=generator) * spread


def reference(row: Tensor, sampling: Sampling, seen: list[int], uniform: float) -> int:
    """Sort everything, filter in the order of transformers, invert the distribution."""
    row = row.double().clone()
    for token in set(seen):
        value = row[token]
        row[token] = (
            value / sampling.repetition_penalty
            if value > 0
            else value * sampling.repetition_penalty
        )
    if sampling.temperature == 0:
        return int(row.argmax())
    best, tokens = (row / sampling.temperature).sort(descending=True, stable=True)
    if sampling.top_k:
        best, tokens = best[: sampling.top_k], tokens[: sampling.top_k]
    probability = best.softmax(-1)
    before = probability.cumsum(-1) - probability
    kept = (before < sampling.top_p) & (probability >= sampling.min_p * probability[0])
    probability, tokens = probability[kept], tokens[kept]
    cumulative = probability.cumsum(-1) / probability.sum()
    return int(tokens[min(int((cumulative <= uniform).sum()), len(tokens) - 1)])


samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.3, 0.7, 1.0, 2.0]),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 0.999, 1.0]),
    top_k=st.sampled_from([0, 1, 5, 64, 65, 500, 2000, VOCABULARY, VOCABULARY + 5]),
    min_p=st.sampled_from([0.0, 0.05, 0.5]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
    seed=st.integers(0, 2**32),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(samplings, min_size=1, max_size=8),
    st.sampled_from([0.1, 1.0, 4.0]),
    st.integers(0, 1000),
)
def test_every_row_gets_what_the_plain_reference_gives(
    rules: list[Sampling], spread: float, seed: int
) -> None:
    prompt = [3, 5, 5, 8]
    rows = logits(len(rules), spread, seed)
    expected = [
        reference(row, sampling, prompt, random.Random(sampling.seed).random())
        for row, sampling in zip(rows, rules, strict=True)
    ]

    choices = [TokenChoice(sampling, sampling.seed or 0, prompt, 10) for sampling in rules]

    assert choose(rows, choices) == expected


@pytest.mark.parametrize("vocabulary", [3, 50, 4096, 49152, 50000])
def test_any_size_of_vocabulary_is_searched_to_its_end(vocabulary: int) -> None:
    rows = logits(2, 3.0, vocabulary=vocabulary)
    rows[0, -1] = 1000.0
    rows[1, 0] = 1000.0

    choices = [TokenChoice(Sampling(temperature=1.0), 7, [], 10) for _ in range(2)]

    assert choose(rows, choices) == [vocabulary - 1, 0]


def test_drawn_tokens_are_spread_as_the_distribution_says() -> None:
    probability = torch.tensor([0.5, 0.3, 0.15, 0.05])
    choice = TokenChoice(Sampling(temperature=1.0, top_p=1.0), 11, [], 10)

    drawn = [choose(probability.log().unsqueeze(0), [choice])[0] for _ in range(4000)]

    share = torch.tensor([drawn.count(token) / len(drawn) for token in range(4)])
    assert (share - probability).abs().max() < 0.03


def test_a_seed_gives_the_same_tokens_whoever_else_is_in_the_batch() -> None:
    steps = [logits(32, 2.0, seed) for seed in range(12)]
    sampling = Sampling(temperature=0.9, top_p=0.95, repetition_penalty=1.1)

    def tokens(company: int, place: int) -> list[int | None]:
        own = TokenChoice(sampling, 42, [1, 2], 100)
        others = [
            TokenChoice(Sampling(temperature=float(n % 2), top_k=n), n, [n], 100)
            for n in range(company)
        ]
        batch = [*others[:place], own, *others[place:]]
        taken = []
        for step in steps:
            rows = step[: len(batch)].clone()
            rows[place] = step[31]
            taken.append(choose(rows, batch)[place])
        return taken

    assert tokens(0, 0) == tokens(1, 1) == tokens(20, 7) == tokens(31, 31)


def test_another_seed_gives_other_tokens() -> None:
    rows = logits(1, 0.5)

    drawn = {choose(rows, [TokenChoice(Sampling(top_p=1.0), seed, [], 9)])[0] for seed in range(20)}

    assert len(drawn) > 10


def test_a_token_of_the_completion_is_penalised_like_one_of_the_prompt() -> None:
    row = torch.zeros(1, 100)
    row[0, 7], row[0, 9] = 2.0, 1.5
    choice = TokenChoice(Sampling(temperature=0.0, repetition_penalty=2.0), 0, [1], 10)

    taken = [choose(row.clone(), [choice])[0] for _ in range(2)]

    assert taken == [7, 9]


def test_a_token_with_a_negative_logit_is_penalised_downwards() -> None:
    row = torch.full((1, 100), -9.0)
    row[0, 7], row[0, 9] = -2.0, -3.0
    choice = TokenChoice(Sampling(temperature=0.0, repetition_penalty=2.0), 0, [7], 10)

    assert choose(row, [choice]) == [9]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_no_numbers_cost_only_their_own_row(
    temperature: float, broken: float
) -> None:
    rows = torch.zeros(3, 100)
    rows[0, 4] = rows[2, 6] = 50.0
    rows[1] = broken
    sampling = Sampling(temperature=temperature)

    choices = [TokenChoice(sampling, 0, [], 10) for _ in range(3)]

    assert choose(rows, choices) == [4, None, 6]


def test_a_forbidden_token_is_never_drawn() -> None:
    rows = torch.zeros(1, 200)
    rows[0, ::2] = -torch.inf
    choice = TokenChoice(Sampling(temperature=1.0, top_p=1.0), 3, [], 10)

    drawn = {choose(rows, [choice])[0] for _ in range(300)}

    assert all(token is not None and token % 2 for token in drawn)
