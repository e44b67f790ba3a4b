"""A `Runner` without a model: the next token follows from what its cache really holds."""

import threading
from collections.abc import Callable, Sequence
from math import inf

import torch
from torch import Tensor

from chatune_core.errors import GenerationFailed
from chatune_core.generation.requests import ChatMessage, LoraId
from chatune_core.generation.runner import Chunk

VOCABULARY = 256
END_OF_TURN = 0
OPENING = 1
"""The token that opens the assistant's turn, at the end of every prompt."""

Answer = Callable[[str, LoraId | None], str]


def echo(prompt: str, lora: LoraId | None) -> str:
    """The answer that shows both the prompt the cache held and the LoRA it was run with."""
    return f"{lora or 'bare'} heard {prompt}"


class ByteTokenizer:
    """One token per byte of UTF-8, so characters outside ASCII arrive in pieces."""

    eos_tokens = frozenset({END_OF_TURN})

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        return [*"\n".join(message.content for message in messages).encode(), OPENING]

    def count_tokens(self, message: ChatMessage) -> int:
        return len(message.content.encode()) + 2

    def decode(self, tokens: Sequence[int]) -> str:
        shown = bytes(token for token in tokens if token not in (END_OF_TURN, OPENING))
        return shown.decode(errors="replace")


class ScriptedRunner:
    """Answers with the bytes of `answer(prompt, lora)` and checks that it is used by the rules.

    `fault` is called with every forward's chunks and may raise.
    """

    def __init__(
        self, slots: int = 4, context_tokens: int = 512, answer: Answer = echo, flat: float = 0.0
    ) -> None:
        self._slots, self._context_tokens = slots, context_tokens
        self._answer, self._flat = answer, flat
        self._allowed: float = inf
        self._moved = threading.Condition()
        self.cache: list[list[tuple[int, LoraId | None]]] = [[] for _ in range(slots)]
        self.forwards: list[Sequence[Chunk]] = []
        self.threads: set[int] = set()
        self.placed: dict[LoraId, str] = {}
        self.fault: Callable[[Sequence[Chunk]], None] = lambda chunks: None

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    @property
    def tokens_run(self) -> int:
        return sum(len(chunk.tokens) for chunks in self.forwards for chunk in chunks)

    def hold(self) -> None:
        """Hold every further forward until `allow` or `resume`."""
        self._allowed = 0

    def allow(self, steps: float) -> None:
        """Let `steps` more forwards run."""
        with self._moved:
            self._allowed += steps
            self._moved.notify_all()

    def resume(self) -> None:
        """Hold nothing back any more."""
        self.allow(inf)

    def forward(self, chunks: Sequence[Chunk]) -> Tensor:
        with self._moved:
            self._moved.wait_for(lambda: self._allowed >= 1)
            self._allowed -= 1
        self.threads.add(threading.get_ident())
        self.forwards.append(list(chunks))
        assert len({chunk.slot for chunk in chunks}) == len(chunks), "two chunks of one slot"
        self.fault(chunks)
        rows = [self._row(chunk) for chunk in chunks]
        wanted = [row for row, chunk in zip(rows, chunks, strict=True) if chunk.logits]
        return torch.stack(wanted) if wanted else torch.empty(0, VOCABULARY)

    def copy_prefix(self, source: int, target: int, tokens: int) -> None:
        assert tokens <= len(self.cache[source]), "copied more than is cached"
        self.cache[target] = self.cache[source][:tokens]

    def place_lora(self, lora: LoraId, path: str) -> None:
        if not path:
            raise GenerationFailed(f"{path!r} holds no LoRA for this model")
        self.placed[lora] = path

    def drop_lora(self, lora: LoraId) -> None:
        del self.placed[lora]

    def _row(self, chunk: Chunk) -> Tensor:
        assert chunk.lora is None or chunk.lora in self.placed, "a LoRA that is not placed"
        cache = self.cache[chunk.slot]
        assert chunk.tokens, "an empty chunk"
        assert chunk.start <= len(cache), "a gap in the cache"
        del cache[chunk.start :]
        cache.extend((token, chunk.lora) for token in chunk.tokens)
        assert len(cache) <= self._context_tokens, "more than the context"
        assert {lora for _, lora in cache} == {chunk.lora}, "cached with another LoRA"
        row = torch.linspace(0, self._flat, VOCABULARY)
        row[self._next(cache, chunk.lora)] += 1.0
        return row

    def _next(self, cache: Sequence[tuple[int, LoraId | None]], lora: LoraId | None) -> int:
        tokens = [token for token, _ in cache]
        if OPENING not in tokens:
            return END_OF_TURN
        opened = tokens.index(OPENING)
        answer = self._answer(bytes(tokens[:opened]).decode(errors="replace"), lora).encode()
        said = len(tokens) - opened - 1
        return answer[said] if said < len(answer) else END_OF_TURN
