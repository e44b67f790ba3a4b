"""General text on which the model is kept as the base is, shipped with the package.

The files `replay.txt` and `replay_chat.txt` were written for this project and are under its licence, so a run needs no download and
no generation first, and any model can be held to it. It is not learned by heart: what is held is the
base's whole distribution at each token (`head.divergences`), not the words of the text.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from chatune_core.generation.requests import ChatMessage
from chatune_core.generation.tokenizer import ModelTokenizer
from chatune_core.learning.tokens import TokenRow

LICENCE = "Apache-2.0"
NAME = "chatune replay text"
_OPENING = 3
"""Tokens of an answer that are not held to the base."""
_PASSAGES, _ANSWERS = "replay.txt", "replay_chat.txt"


@cache
def _text(name: str) -> str:
    return files("chatune_core.learning").joinpath(name).read_text(encoding="utf-8")


def _parts(name: str) -> list[str]:
    return [part.strip() for part in _text(name).split("\n\n\n") if part.strip()]


def replay_passages() -> list[str]:
    """Return the passages, each of one kind of text."""
    return _parts(_PASSAGES)


def replay_answers() -> list[tuple[str, str]]:
    """Return questions with plain answers."""
    return [(asked, answer) for asked, _, answer in (p.partition("\n") for p in _parts(_ANSWERS))]


def replay_digest() -> str:
    """Return the sha256 of the text in hex."""
    return hashlib.sha256((_text(_PASSAGES) + _text(_ANSWERS)).encode()).hexdigest()


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


def chat_rows(tokenizer: ModelTokenizer, tokens: int) -> list[TokenRow]:
    """Return the answers in the chat template, of at most `tokens` tokens each; none if it is 0."""
    rows = []
    for asked, answer in replay_answers() if tokens >= 2 else []:
        prompt = tokenizer.encode_chat([ChatMessage("user", asked)])
        # What starts an answer is for people to decide, who like a greeting or a list; what follows is not.
        begun = len(prompt) + _OPENING
        encoded = [*prompt, *tokenizer.encode_completion(answer)[:tokens]]
        if len(encoded) > begun:
            rows.append(TokenRow(tuple(encoded), begun))
    return rows
