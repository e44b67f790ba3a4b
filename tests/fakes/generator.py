"""A language model that says what the test wrote."""

from collections.abc import AsyncGenerator, Callable, Sequence

import anyio

from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Queued,
)

Script = Callable[[GenerationRequest], Sequence[str | Queued | Exception]]


def echo(request: GenerationRequest) -> Sequence[str | Queued | Exception]:
    """Answer with the last message, word by word."""
    return [word + " " for word in request.messages[-1].content.split()]


class ScriptedGenerator:
    """Fulfils `Generator`. One token is one word.

    `gate`, where given, is awaited before each delta, so that a test decides when text comes.
    """

    def __init__(
        self,
        script: Script = echo,
        *,
        context_tokens: int = 1000,
        gate: Callable[[], anyio.Event] | None = None,
        reason: FinishReason = "stop",
        model: str = "scripted",
    ) -> None:
        self.model, self.context_tokens = model, context_tokens
        self.requests: list[GenerationRequest] = []
        self.closed = 0
        self._script, self._gate, self._reason = script, gate, reason

    def count_tokens(self, message: ChatMessage) -> int:
        return len(message.content.split()) + 2

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        self.requests.append(request)
        said = 0
        try:
            for item in self._script(request):
                if self._gate is not None:
                    await self._gate().wait()
                if isinstance(item, Exception):
                    raise item
                if not isinstance(item, str):
                    yield item
                    continue
                said += 1
                yield Delta(item)
            yield Finished(self._reason, self.model, request.lora, 7, 11, 0, said, 0.0, 0.1, 0.2)
        finally:
            self.closed += 1
