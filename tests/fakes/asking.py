"""Asking a generator in a test: requests with defaults, and whole answers."""

from contextlib import aclosing
from datetime import timedelta

from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
    LoraId,
    Priority,
    RequestId,
    Sampling,
)
from chatune_core.messages import ConversationId, UserId
from chatune_core.ports import Generator


def asked(
    text: str = "Hi",
    sampling: Sampling | None = None,
    priority: Priority = Priority.NORMAL,
    deadline: timedelta | None = None,
    lora: LoraId | None = None,
    name: str = "r",
) -> GenerationRequest:
    """Return a request of one user message."""
    return GenerationRequest(
        RequestId(name),
        (ChatMessage("user", text),),
        sampling or Sampling(temperature=0),
        UserId("test:ann"),
        ConversationId("test:room"),
        priority,
        deadline,
        lora,
    )


async def events_of(generator: Generator, request: GenerationRequest) -> list[GenerationEvent]:
    """Return everything that the stream yields."""
    async with aclosing(generator.stream(request)) as stream:
        return [event async for event in stream]


async def answer_to(generator: Generator, request: GenerationRequest) -> tuple[str, Finished]:
    """Return the text of the answer and its end."""
    *before, last = await events_of(generator, request)
    assert isinstance(last, Finished)
    return "".join(event.text for event in before if isinstance(event, Delta)), last
