"""The record of a dataset: it tells equal ones from others, and holds nobody's words."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatune_core.generation.requests import ChatMessage
from chatune_core.learning.dataset import build_dataset
from chatune_core.learning.manifest import manifest_from, manifest_of, manifest_text, row_digest
from chatune_core.learning.rows import LeftOut, Pair, Row, Thumb
from chatune_core.learning.sameness import Print, prompt_key
from chatune_core.learning.scrubbing import Scrubber
from chatune_core.learning.versions import sources_of
from fakes.judged import (
    AT,
    WHOLE,
    answer,
    correction,
    dataset_of,
    gathered,
    minutes,
    nothing_acts,
    preference,
    rows_of,
    user,
    vote,
)

pytestmark = pytest.mark.anyio
EVIDENCE = gathered(
    answer("1", vote("1", "ann"), prompt="a secret?", text="a secret!"),
    answer("2", correction("2", "ben", "a better secret")),
    withheld={LeftOut.NOT_AGREED: 3},
)


async def test_a_manifest_is_read_back_as_it_was_written_and_holds_no_text_and_nobody() -> None:
    licences = {"replay": "CC0-1.0"}
    dataset = await build_dataset(EVIDENCE, WHOLE, nothing_acts, Scrubber(), AT, licences)

    text = manifest_text(dataset.manifest)

    assert manifest_from(text) == dataset.manifest
    assert set(dataset.manifest.rows) == {row.id for row in rows_of(dataset)}
    assert dataset.manifest.licences == licences
    assert not any(word in text for word in ("secret", "better", "ann", "ben", "terminal"))


async def test_its_digest_changes_with_every_row_half_and_licence_and_with_nothing_else() -> None:
    rows = rows_of(await dataset_of(EVIDENCE))
    one, two = rows[:1], rows[1:]

    def digest(
        train: Sequence[Row],
        holdout: Sequence[Row],
        licence: str = "MIT",
        at: float = 0,
        left: int = 1,
    ) -> str:
        made = manifest_of(
            train,
            holdout,
            {LeftOut.CAPPED: left},
            {"replay": licence},
            minutes(at),
        )
        return made.digest

    assert digest(one, two) == digest(one, two, at=5, left=9)
    others = [digest(two, one), digest(rows, []), digest(one, []), digest(one, two, licence="CC0")]
    assert len({digest(one, two), *others}) == 5


async def test_the_digest_of_a_row_changes_with_whatever_is_learned_from_it() -> None:
    pair, thumb = sorted(rows_of(await dataset_of(EVIDENCE)), key=lambda row: row.id)
    assert isinstance(thumb, Thumb)
    assert isinstance(pair, Pair)
    changed: list[Row] = [
        replace(thumb, completion="x"), replace(thumb, good=False), replace(thumb, prompt=()),
        replace(pair, chosen="x"), replace(pair, rejected="x"), replace(pair, at=minutes(1)),
    ]  # fmt: skip

    assert len({row_digest(row) for row in (pair, thumb, *changed)}) == 8


async def test_erasing_reaches_both_answers_of_a_preference() -> None:
    second = answer("2", prompt="what about 1")
    evidence = gathered(answer("1"), second, preferences=[preference("2", "1", "ann")])

    sources = sources_of(rows_of(await dataset_of(evidence)))

    assert sources.answers == {"1", "2"}
    assert user("ann") in sources.people


@given(st.text(), st.text(max_size=5))
def test_any_text_can_be_compared(text: str, more: str) -> None:
    assert Print(text).like(Print(text))
    assert Print(text).like(Print(more)) == Print(more).like(Print(text))
    assert prompt_key([ChatMessage("user", text)]) == prompt_key([ChatMessage("user", f" {text}")])


def test_half_a_character_can_be_compared_and_digested() -> None:
    odd = "\ud800 odd"
    assert Print(odd).like(Print(odd))
    assert prompt_key([ChatMessage("user", "\ud800")]) != prompt_key([ChatMessage("user", "odd")])


def test_long_texts_are_the_same_with_a_word_more_and_others_are_not() -> None:
    text = " ".join(f"word{n} and so on" for n in range(60))

    assert Print(text).like(Print(text.replace("word7 ", "another ")))
    assert not Print(text).like(Print(" ".join(f"other{n} but not" for n in range(60))))
    assert not Print(text).like(Print(text[: len(text) // 2]))


def test_prompts_differ_by_who_says_what() -> None:
    asked = [ChatMessage("user", "a"), ChatMessage("assistant", "b"), ChatMessage("user", "c")]

    assert prompt_key(asked) != prompt_key([ChatMessage("user", "a b c")])
    assert prompt_key(asked) == prompt_key([ChatMessage("system", "x"), *asked])
    assert prompt_key([ChatMessage("user", "?!")]) != prompt_key([ChatMessage("user", "!!")])
