"""From tokens to the text that may be shown: whole characters, stop strings, end of turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chatune_core.generation.requests import ChatMessage

_HALF_CHARACTER = "\N{REPLACEMENT CHARACTER}"
# A character has at most four bytes, so at most three of them can be waiting for the last;
# a byte-fallback decoder shows each as one replacement character.
_LONGEST_HALF = 3
_WINDOW_TOKENS = 8


class ChatTokenizer(Protocol):
    """A model's tokenizer with its chat template."""

    @property
    def eos_tokens(self) -> frozenset[int]:
        """The tokens that end a turn."""
        ...

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Return the prompt for the next assistant turn."""
        ...

    def count_tokens(self, message: ChatMessage) -> int:
        """Return how many prompt tokens `message` takes, its template overhead included."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of `tokens`; special tokens are left out, spaces are not tidied."""
        ...


class Decoding:
    """Incremental decode: the pieces of `push` together are the decode of all the tokens.

    A tokenizer may merge bytes into characters and treat the first token's space specially, so
    each step decodes a short window that starts at tokens already shown, and takes what is new.
    """

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._window: list[int] = []
        self._settled = 0
        self._shown = 0

    def push(self, token: int) -> str:
        """Return the text that `token` completes; half a character is held back."""
        self._window.append(token)
        text = self._tokenizer.decode(self._window)
        whole = _without_half_character(text)
        piece = text[self._shown : whole]
        self._shown = max(self._shown, whole)
        if whole == len(text):
            self._slide()
        return piece

    def _slide(self) -> None:
        """Drop tokens from a long window, keeping the last settled ones as context."""
        if len(self._window) >= _WINDOW_TOKENS and self._settled:
            del self._window[: self._settled]
            self._shown = len(self._tokenizer.decode(self._window))
        self._settled = len(self._window)


class StopStrings:
    """Holds back what may become a stop string; the one that is complete first ends the text."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.met = False

    def push(self, piece: str) -> str:
        """Return what of the text so far is surely before any stop string."""
        if not self._stop:
            return piece
        self._held += piece
        found = [
            (start + len(text), start)
            for text in self._stop
            if (start := self._held.find(text)) >= 0
        ]
        if found:
            self.met = True
            certain = min(found)[1]
        else:
            certain = len(self._held) - max(map(self._forming, self._stop))
        piece, self._held = self._held[:certain], self._held[certain:]
        return piece

    def flush(self) -> str:
        """Return what was held back, since nothing follows that could complete it."""
        piece, self._held = ("" if self.met else self._held), ""
        return piece

    def _forming(self, stop: str) -> int:
        """Return the length of the longest end of the held text that begins `stop`."""
        longest = min(len(stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(stop[:n])), 0)


class Completion:
    """The visible text of one completion, token by token.

    What `push` and `end` return together is the decode of all tokens before the end of turn, up to
    the first stop string; a character that is still incomplete at the end is left out.
    """

    def __init__(self, tokenizer: ChatTokenizer, stop: Sequence[str]) -> None:
        self._ends_turn = tokenizer.eos_tokens
        self._decoding = Decoding(tokenizer)
        self._stop = StopStrings(stop)
        self.stopped = False

    def push(self, token: int) -> str:
        """Return the text that may be shown now; `stopped` says whether the completion is over."""
        if token in self._ends_turn:
            self.stopped = True
            return self._stop.flush()
        piece = self._stop.push(self._decoding.push(token))
        self.stopped = self._stop.met
        return piece

    def end(self) -> str:
        """Return the text still held back, when the completion ends for another reason."""
        return self._stop.flush()


def _without_half_character(text: str) -> int:
    """Return the length of `text` less a last character that more bytes may still complete."""
    end = len(text)
    while end and len(text) - end < _LONGEST_HALF and text[end - 1] == _HALF_CHARACTER:
        end -= 1
    return end
