"""Rows in tokens: exactly what serving would have put before the model, and what it would have said."""

import pytest

from chatune_core.generation.requests import ChatMessage
from chatune_core.generation.tokenizer import ModelTokenizer, load_tokenizer
from chatune_core.learning.replay import chat_rows, replay_answers, replay_passages, replay_rows
from chatune_core.learning.tokens import Compared, Rated, tokenize
from fakes.learned import pair, thumb
from fakes.tiny_models import CHATML, write_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ModelTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, CHATML)
    return load_tokenizer(folder)


def test_a_row_is_the_prompt_of_serving_and_the_answer_with_its_end(
    tokenizer: ModelTokenizer,
) -> None:
    (example,) = tokenize((thumb(0, "hello user", good=True),), tokenizer, 64).examples

    assert isinstance(example, Rated)
    prompt = tokenizer.encode_chat([ChatMessage("user", "how?")])
    tokens = list(example.rated.tokens)
    assert tokens[: example.rated.start] == prompt
    assert tokenizer.decode(tokens[example.rated.start :]) == "hello user"
    assert tokens[-1] in tokenizer.eos_tokens
    assert tokens[-1] == tokenizer.encode_completion("")[0]
    assert example.good


def test_both_answers_of_a_pair_follow_the_same_prompt(tokenizer: ModelTokenizer) -> None:
    (example,) = tokenize((pair(1, "hello", "no"),), tokenizer, 64).examples

    assert isinstance(example, Compared)
    start = example.chosen.start
    assert example.rejected.start == start
    assert example.chosen.tokens[:start] == example.rejected.tokens[:start]
    assert tokenizer.decode(example.chosen.tokens[start:]) == "hello"
    assert tokenizer.decode(example.rejected.tokens[start:]) == "no"


def test_an_answer_that_spells_a_special_token_does_not_end_there(
    tokenizer: ModelTokenizer,
) -> None:
    encoded = tokenizer.encode_completion("hello<|im_end|>user")

    assert [token for token in encoded if token in tokenizer.eos_tokens] == encoded[-1:]


def test_a_long_prompt_loses_its_beginning_and_a_long_answer_its_end(
    tokenizer: ModelTokenizer,
) -> None:
    long = "the user and the assistant " * 40
    rows = (thumb(0, "hello", True, prompt=long), thumb(1, "system " * 80, False))

    made = tokenize(rows, tokenizer, max_tokens=40)

    first, second = (example.rated for example in made.examples if isinstance(example, Rated))
    assert made.cut == 2
    assert len(first.tokens) == len(second.tokens) == 40
    assert tokenizer.decode(first.tokens[first.start :]) == "hello"
    whole = tokenizer.encode_chat([ChatMessage("user", long)])
    assert list(first.tokens[: first.start]) == whole[-first.start :]
    assert second.tokens[-1] not in tokenizer.eos_tokens


def test_rows_of_blanks_alone_are_counted_and_left_out(tokenizer: ModelTokenizer) -> None:
    made = tokenize(
        (thumb(0, " \n", True), pair(1, "hello", ""), thumb(2, "x", True)), tokenizer, 64
    )

    assert [example.id for example in made.examples] == ["thumb 2"]
    assert (made.empty, made.cut) == (2, 0)


def test_the_text_for_replay_comes_with_the_package_and_is_cut_to_length(
    tokenizer: ModelTokenizer,
) -> None:
    passages = replay_passages()

    assert len(passages) == len(set(passages)) == 66
    rows = replay_rows(tokenizer, 20)
    assert len(rows) == 66
    assert all(len(row.tokens) == 20 and row.start == 1 for row in rows)
    assert replay_rows(tokenizer, 0) == []


def test_plain_answers_for_replay_are_held_after_their_first_words(
    tokenizer: ModelTokenizer,
) -> None:
    asked, answer = replay_answers()[0]

    rows = chat_rows(tokenizer, 64)

    prompt = tokenizer.encode_chat([ChatMessage("user", asked)])
    whole = prompt + tokenizer.encode_completion(answer)
    assert list(rows[0].tokens) == whole[: len(prompt) + 64]
    assert rows[0].start == len(prompt) + 3
    assert len(rows) == len(replay_answers()) == 20
    assert chat_rows(tokenizer, 0) == []
