"""Rows to the token sequences that a model learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatune_core.generation.requests import ChatMessage
from chatune_core.generation.tokenizer import ModelTokenizer
from chatune_core.learning.rows import Pair, Row, RowId


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A prompt with its completion; only tokens from `start` on are learned from."""

    tokens: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Rated:
    """A thumb in tokens."""

    id: RowId
    rated: TokenRow
    good: bool


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair in tokens."""

    id: RowId
    chosen: TokenRow
    rejected: TokenRow


Example = Rated | Compared


@dataclass(frozen=True, slots=True)
class Tokenized:
    """All rows in tokens; `cut` were longer than allowed, `empty` had nothing to learn from."""

    examples: tuple[Example, ...]
    cut: int
    empty: int


def sequences_of(example: Example) -> tuple[TokenRow, ...]:
    """Return what the model reads for the example: one sequence, or chosen and rejected."""
    match example:
        case Rated(rated=rated):
            return (rated,)
        case Compared(chosen=chosen, rejected=rejected):
            return (chosen, rejected)


def tokenize(rows: Sequence[Row], tokenizer: ModelTokenizer, max_tokens: int) -> Tokenized:
    """Return the rows in tokens, as serving would make them, each of at most `max_tokens`.

    Of a long row the prompt loses its beginning, a completion beyond half the limit its end.

    Raises:
        GenerationFailed: if the model's chat template refuses a prompt.
    """
    examples: list[Example] = []
    cut = empty = 0
    for row in rows:
        answers = (row.chosen, row.rejected) if isinstance(row, Pair) else (row.completion,)
        if not all(answer.strip() for answer in answers):
            empty += 1
            continue
        made = [_token_row(row.prompt, answer, tokenizer, max_tokens) for answer in answers]
        cut += any(was_cut for _, was_cut in made)
        parts = [part for part, _ in made]
        if isinstance(row, Pair):
            examples.append(Compared(row.id, parts[0], parts[1]))
        else:
            examples.append(Rated(row.id, parts[0], row.good))
    return Tokenized(tuple(examples), cut, empty)


def _token_row(
    messages: Sequence[ChatMessage], answer: str, tokenizer: ModelTokenizer, max_tokens: int
) -> tuple[TokenRow, bool]:
    prompt = tokenizer.encode_chat(messages)
    completion = tokenizer.encode_completion(answer)
    room = max(max_tokens - len(prompt), max_tokens // 2, 1)
    kept = completion[:room]
    # At least one token before the completion, or its first could not be predicted.
    opening = prompt[-max(max_tokens - len(kept), 1) :]
    was_cut = len(kept) < len(completion) or len(opening) < len(prompt)
    return TokenRow((*opening, *kept), len(opening)), was_cut
