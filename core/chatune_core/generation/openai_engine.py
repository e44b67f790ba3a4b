"""The engine for any OpenAI-compatible server: vLLM, SGLang, TGI, llama.cpp, `transformers serve`."""

import itertools
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import anyio
from openai import APIStatusError, AsyncOpenAI, AsyncStream, AuthenticationError, OpenAIError
from openai.types.chat import ChatCompletionChunk

from chatune_core.errors import ConfigurationError, GenerationFailed, RetryLater
from chatune_core.generation.openai_answer import Answer, DeadlinePassed
from chatune_core.generation.openai_errors import is_too_long, translated, words_of
from chatune_core.generation.openai_server import (
    load_lora,
    open_client,
    served_models,
    unload_lora,
)
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.generation.openai_wire import newly_refused, parameters
from chatune_core.generation.places import Places
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    GenerationEvent,
    GenerationRequest,
    LoraId,
    Queued,
)
from chatune_core.generation.token_estimate import most_tokens

DEFAULT_CONTEXT_TOKENS = 4096
"""Taken when neither the settings nor the server say how long the context is."""
CLOSE_WITHIN_S = 2.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_openai_engine(
    settings: OpenAISettings, randomness: random.Random | None = None
) -> AsyncIterator["OpenAIEngine"]:
    """Yield an engine for the server; its connections close with the block.

    A server that is down does not stop the start: each request then asks to be tried later.

    Raises:
        ConfigurationError: if the server refuses the API key.
    """
    async with open_client(settings) as client:
        engine = OpenAIEngine(client, settings, randomness or random.Random())
        await engine.learn_context()
        yield engine


class OpenAIEngine:
    """Streams answers from a server, with a bounded line in front of it. Fulfils `Generator`.

    A LoRA is selected by its name, as the `model` of the request. Token counts of an answer are
    the server's own; where it tells none (or a stop string that it ignored cut it short) they are
    estimated: the prompt's by `count_tokens`, the completion's by the pieces that came.
    """

    def __init__(
        self, client: AsyncOpenAI, settings: OpenAISettings, randomness: random.Random
    ) -> None:
        self._client = client
        self._settings = settings
        self._randomness = randomness
        self._places = Places(settings.concurrency, settings.queue_limit, settings.retry_after)
        self._refused: frozenset[str] = frozenset()
        self._reported: Mapping[str, int | None] | None = None
        self._told_of_usage = False

    @property
    def model(self) -> str:
        """See Generator.model."""
        return self._settings.model

    @property
    def context_tokens(self) -> int:
        """See Generator.context_tokens."""
        reported = (self._reported or {}).get(self.model)
        return self._settings.context_tokens or reported or DEFAULT_CONTEXT_TOKENS

    def count_tokens(self, message: ChatMessage) -> int:
        """See Generator.count_tokens; a bound from the text's bytes, see `token_estimate`."""
        return most_tokens(message, self._settings.bytes_per_token)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """See Generator.stream."""
        seed = request.sampling.seed
        answer = Answer(request, self._randomness.getrandbits(31) if seed is None else seed)
        ticket = self._places.enter(request.priority)
        try:
            while ticket.position:
                yield Queued(ticket.position)
                with answer.within(None):
                    await ticket.moved()
            answer.admit()
            async with aclosing(self._texts(request, answer)) as texts:
                async for text in texts:
                    yield Delta(text)
        except DeadlinePassed:
            pass
        finally:
            self._places.leave(ticket)
        if rest := answer.rest():
            yield Delta(rest)
        self._tell_of_usage(answer)
        yield answer.finished(self.model, sum(map(self.count_tokens, request.messages)))

    async def place_lora(self, lora: LoraId, path: str) -> None:
        """Make the server serve the LoRA in the folder `path` of *its* file system as `lora`.

        vLLM only. Doing it twice is harmless.

        Raises:
            ConfigurationError: if the server does not load LoRAs at run time.
            GenerationFailed: if the folder is no LoRA for its model.
            RetryLater: if the server failed in passing.
        """
        await load_lora(self._client, self._settings, lora, path)

    async def drop_lora(self, lora: LoraId) -> None:
        """Make the server forget the LoRA; one that it does not know is no error.

        Raises:
            ConfigurationError: if the server does not load LoRAs at run time.
            RetryLater: if the server failed in passing.
        """
        await unload_lora(self._client, self._settings, lora)

    async def learn_context(self) -> None:
        """Ask the server how long its context is, unless that is known or configured.

        Raises:
            ConfigurationError: if the server refuses the API key.
        """
        if self._reported is not None or self._settings.context_tokens is not None:
            return
        try:
            self._reported = await served_models(self._client, self._settings)
        except AuthenticationError as error:
            said = words_of(error, self._settings)
            problem = f"{self._settings.base_url} refuses the API key: {said}"
            raise ConfigurationError(problem, "Set the right API key.") from error
        except APIStatusError:
            self._reported = {}
        except (OpenAIError, TimeoutError):
            log.warning("%s cannot be reached yet", self._settings.base_url)
            return
        if not self._reported.get(self.model):
            log.warning(
                "%s does not say how long the context of %r is; set context_tokens (taken: %d)",
                self._settings.base_url,
                self.model,
                DEFAULT_CONTEXT_TOKENS,
            )

    async def _texts(self, request: GenerationRequest, answer: Answer) -> AsyncGenerator[str, None]:
        """Yield the text of one answer, trying again while none has come."""
        try:
            with answer.within(None):
                await self.learn_context()
        except ConfigurationError as error:
            raise GenerationFailed(error.problem) from error
        for attempt in itertools.count():
            pause = self._settings.retry_after * 2**attempt * self._randomness.uniform(0.8, 1.2)
            try:
                async with aclosing(self._attempt(request, answer, pause)) as texts:
                    async for text in texts:
                        yield text
                return
            except RetryLater as error:
                if answer.has_begun or not self._worth_another(attempt, error.after, answer):
                    raise
                log.info("%s; trying again in %.1f s", error, error.after.total_seconds())
                await anyio.sleep(error.after.total_seconds())

    def _worth_another(self, attempt: int, after: timedelta, answer: Answer) -> bool:
        longest = min(self._settings.longest_pause, answer.time_left())
        return attempt < self._settings.retries and after < longest

    async def _attempt(
        self, request: GenerationRequest, answer: Answer, pause: timedelta
    ) -> AsyncGenerator[str, None]:
        model = request.lora or self.model
        try:
            chunks = await self._opened(request, answer, model)
            try:
                while (chunk := await self._next(chunks, answer)) is not None:
                    if text := answer.taken(chunk):
                        yield text
                    if answer.is_stopped:
                        return
            finally:
                with anyio.move_on_after(CLOSE_WITHIN_S, shield=True):
                    await chunks.close()
        except OpenAIError as error:
            raise translated(error, self._settings, model, pause) from error
        except (ValueError, TypeError, AttributeError) as error:
            # The library builds its values from whatever JSON came, without checking their shape.
            reason = f"{self._settings.base_url} sent what is no chat completion"
            raise RetryLater(reason, pause) from error
        if answer.reason is None:
            reason = f"{self._settings.base_url} broke off the answer"
            raise RetryLater(reason, pause)

    async def _opened(
        self, request: GenerationRequest, answer: Answer, model: str
    ) -> AsyncStream[ChatCompletionChunk]:
        while True:
            wanted = parameters(request, model, answer.seed, self._refused)
            try:
                with answer.within(self._settings.first_token_for, "the server is slow"):
                    opened: AsyncStream[
                        ChatCompletionChunk
                    ] = await self._client.chat.completions.create(**wanted)
                return opened
            except APIStatusError as error:
                dropped = newly_refused(error, self._refused)
                if is_too_long(error) or not dropped:
                    raise
                self._refused |= dropped
                names = ", ".join(sorted(dropped))
                log.warning("%s refuses %s; going on without", self._settings.base_url, names)

    async def _next(
        self, chunks: AsyncStream[ChatCompletionChunk], answer: Answer
    ) -> ChatCompletionChunk | None:
        settings = self._settings
        limit = settings.between_tokens_for if answer.has_begun else settings.first_token_for
        try:
            with answer.within(limit, "the server went silent"):
                return await anext(chunks, None)
        except OpenAIError:
            # After the end only the usage is still to come, and that can be done without.
            if answer.reason is None:
                raise
        return None

    def _tell_of_usage(self, answer: Answer) -> None:
        if not answer.has_usage and not self._told_of_usage and answer.reason:
            self._told_of_usage = True
            log.info("%s tells no token counts; they are estimated", self._settings.base_url)
