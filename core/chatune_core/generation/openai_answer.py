"""The running record of one streamed answer: its clock, its text, its count of tokens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import anyio
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.completion import StopStrings
from chatune_core.generation.requests import Finished, FinishReason, GenerationRequest


class DeadlinePassed(Exception):
    """The request's deadline came; never leaves the engine."""


class Answer:
    """What is known of one answer so far.

    Times are seconds of the event loop's clock. `reason` is None until the answer has its end.
    """

    def __init__(self, request: GenerationRequest, seed: int) -> None:
        self._request = request
        self._started = anyio.current_time()
        self._admitted: float | None = None
        self._first_token: float | None = None
        self._pieces = 0
        self._usage: CompletionUsage | None = None
        self._stop = StopStrings(request.sampling.stop)
        self._half_character = ""
        self.seed = seed
        self.reason: FinishReason | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the model has said anything; from then on nothing may be tried again."""
        return self._first_token is not None

    @property
    def has_usage(self) -> bool:
        """Whether the server has told the token counts."""
        return self._usage is not None

    def admit(self) -> None:
        """Record that the request holds its place."""
        self._admitted = anyio.current_time()

    def taken(self, chunk: ChatCompletionChunk) -> str:
        """Record a chunk and return the text of it that may be shown, often none.

        Raises:
            GenerationFailed: if the server's own filter ended the answer.
        """
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            if choice.finish_reason == "content_filter":
                raise GenerationFailed("the server's content filter ended the answer")
            text = choice.delta.content or "" if choice.delta else ""
            shown = self._stop.push(self._whole(text)) if text else ""
            self._count(text, choice.delta.model_extra if choice.delta else None)
            if self._stop.met:
                self.reason = "stop"
            elif choice.finish_reason:
                self.reason = "length" if choice.finish_reason == "length" else "stop"
            return shown
        return ""

    @property
    def is_stopped(self) -> bool:
        """Whether a stop string has come, so that the stream can be closed."""
        return self._stop.met

    def rest(self) -> str:
        """Return the text that was held back in case it became a stop string."""
        return self._stop.flush()

    @contextmanager
    def within(self, limit: timedelta | None, late: str = "") -> Iterator[None]:
        """Cut the body short at the deadline or after `limit`, whichever comes first.

        Raises:
            DeadlinePassed: at the deadline.
            RetryLater: after `limit`, with the reason `late`.
        """
        now = anyio.current_time()
        until = self._deadline()
        stall = float("inf") if limit is None else now + limit.total_seconds()
        with anyio.CancelScope(deadline=min(until, stall)) as scope:
            yield
        if scope.cancelled_caught and until <= stall:
            raise DeadlinePassed
        if scope.cancelled_caught:
            raise RetryLater(late, timedelta(seconds=1))

    def time_left(self) -> timedelta:
        """Return how long until the deadline."""
        left = self._deadline() - anyio.current_time()
        return timedelta.max if left == float("inf") else timedelta(seconds=left)

    def finished(self, model: str, prompt_tokens: int) -> Finished:
        """Return the end of the stream; `prompt_tokens` is the estimate if the server told none.

        Without the server's count, the completion's is the number of pieces that came.
        """
        now, usage = anyio.current_time(), self._usage
        details = usage.prompt_tokens_details if usage else None
        first = now if self._first_token is None else self._first_token
        return Finished(
            reason=self.reason or "deadline",
            model=model,
            lora=self._request.lora,
            seed=self.seed,
            prompt_tokens=usage.prompt_tokens if usage else prompt_tokens,
            cached_prompt_tokens=(details.cached_tokens or 0) if details else 0,
            completion_tokens=usage.completion_tokens if usage else self._pieces,
            queued_s=(now if self._admitted is None else self._admitted) - self._started,
            first_token_s=first - self._started,
            total_s=now - self._started,
        )

    def _deadline(self) -> float:
        deadline = self._request.deadline
        return float("inf") if deadline is None else self._started + deadline.total_seconds()

    def _whole(self, text: str) -> str:
        """Return `text` in whole characters.

        JSON allows a character above U+FFFF to be split over two pieces, as two surrogates.
        """
        text, self._half_character = self._half_character + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half_character = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _count(self, text: str, beside: Mapping[str, object] | None) -> None:
        # A model that thinks aloud in a field of its own is at work, though nothing is shown.
        if not text and not any((beside or {}).values()):
            return
        self._pieces += 1
        if self._first_token is None:
            self._first_token = anyio.current_time()
