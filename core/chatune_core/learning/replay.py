"""General text on which the model is kept as the base is, shipped with the package.

The file `replay.txt` was written for this project and is under its licence, so a run needs no download and
no generation first, and any model can be held to it. It is not learned by heart: what is held is the
base's whole distribution at each token (`head.divergences`), not the words of the text.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from chatune_core.generation.tokenizer import ModelTokenizer
from chatune_core.learning.tokens import TokenRow

LICENCE = "Apache-2.0"
NAME = "chatune replay text"


@cache
def _text() -> str:
    return files("chatune_core.learning").joinpath("replay.txt").read_text(encoding="utf-8")


def replay_passages() -> list[str]:
    """Return the passages, each of one kind of text."""
    return [passage.strip() for passage in _text().split("\n\n\n") if passage.strip()]


def replay_digest() -> str:
    """Return the sha256 of the text in hex."""
    return hashlib.sha256(_text().encode()).hexdigest()


def replay_rows(tokenizer: ModelTokenizer, tokens: int) -> list[TokenRow]:
    """Return the passages in sequences of at most `tokens` tokens each; none if `tokens` is 0."""
    if tokens < 2:
        return []
    rows = []
    for passage in replay_passages():
        encoded = tokenizer.encode_text(passage)[:tokens]
        if len(encoded) > 1:
            rows.append(TokenRow(tuple(encoded), 1))
    return rows
