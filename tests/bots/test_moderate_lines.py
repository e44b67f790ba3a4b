"""Streams of lines: cut, judged together, never mixed up."""

import io
from collections.abc import Mapping, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_bots.moderate_lines import LONGEST_LINE, Lines, judged_lines, said_in_text
from chatune_core.errors import GenerationFailed, InvalidInput, RetryLater
from chatune_core.moderation.moderator import Examined, Failing, Moderator
from chatune_core.moderation.policy import Policy, Thresholds
from chatune_core.moderation.verdicts import Category, Role, Source


class Picky:
    """A model that scores by length and cannot read "odd"; fulfils `Classifier`."""

    name = "picky"

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def prepare(self) -> None:
        return

    async def scores(self, texts: Sequence[str], role: Role) -> Sequence[Mapping[Category, float]]:
        if "odd" in texts:
            raise GenerationFailed("it makes no sense of this")
        self.batches.append(len(texts))
        return [{Category.HATE: len(text) / 10} for text in texts]


@given(st.binary(max_size=200), st.lists(st.integers(1, 40)))
def test_lines_are_the_same_however_the_stream_arrives(content: bytes, sizes: list[int]) -> None:
    lines, found, file = Lines(), list[bytes | None](), io.BytesIO(content)

    for size in sizes:
        if piece := file.read(size):
            found += lines.after(piece)
    if rest := file.read():
        found += lines.after(rest)
    found += lines.after(b"")

    whole = content.split(b"\n")
    expected = [line.removesuffix(b"\r") for line in (whole if whole[-1] else whole[:-1])]
    assert found == expected
    assert not lines.open


def test_a_line_without_end_is_given_up_and_the_next_one_is_read() -> None:
    lines, found = Lines(), list[bytes | None]()

    for _ in range(LONGEST_LINE // 1_000_000 + 2):
        found += lines.after(b"x" * 1_000_000)
    found += lines.after(b"\nnext\n")

    assert found == [None, b"next"]


async def judged(content: bytes, model: Picky) -> list[tuple[int, object]]:
    policy = Policy({(role, Category.HATE): Thresholds(0.5, 1.0) for role in Role})
    failing = Failing(closed=frozenset(Role))
    moderator = Moderator([], model, policy, failing=failing)
    file = io.BytesIO(content)

    async def read() -> bytes:
        return file.read(50_000)

    stream = judged_lines(moderator, read, partial(said_in_text, source=Source()))
    return [(number, outcome) async for number, _, outcome in stream]


@pytest.mark.anyio
async def test_what_arrives_together_is_judged_together_and_stays_in_order() -> None:
    model = Picky()

    found = await judged(b"".join(b"abcdefghi"[: i % 10] + b"\n" for i in range(1, 300)), model)

    assert [number for number, _ in found] == list(range(1, 300))
    scores = [one.verdict.scores.get(Category.HATE, 0.0) for _, one in found
              if isinstance(one, Examined)]  # fmt: skip
    assert scores == [(i % 10) / 10 for i in range(1, 300)]
    assert len(model.batches) == 5


@pytest.mark.anyio
async def test_a_text_that_the_model_cannot_judge_spoils_no_other() -> None:
    found = [outcome for _, outcome in await judged(b"fine\nodd\nfine too\n", Picky())]

    assert [type(one) for one in found] == [Examined, RetryLater, Examined]
    assert not isinstance(found[1], InvalidInput)
