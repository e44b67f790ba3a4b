"""Driving the engine in a test: opening one over a fake device, asking, collecting."""

import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio

from chatune_core.errors import GenerationFailed, RetryLater
from chatune_core.generation.engine import Engine, open_engine
from chatune_core.generation.engine_settings import EngineSettings
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationRequest,
    LoraId,
    RequestId,
    Sampling,
)
from chatune_core.messages import ConversationId, UserId
from fakes.runner import ByteTokenizer, ScriptedRunner


class Seconds:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ask(
    text: str,
    *,
    user: str = "ann",
    lora: str | None = None,
    deadline: float | None = None,
    temperature: float = 0.0,
    seed: int | None = None,
    tokens: int = 400,
    stop: tuple[str, ...] = (),
) -> GenerationRequest:
    return GenerationRequest(
        id=RequestId(text),
        messages=(ChatMessage("user", text),),
        sampling=Sampling(temperature=temperature, seed=seed, max_tokens=tokens, stop=stop),
        user=UserId(user),
        conversation=ConversationId(user),
        deadline=None if deadline is None else timedelta(seconds=deadline),
        lora=None if lora is None else LoraId(lora),
    )


@asynccontextmanager
async def engine_over(
    runner: ScriptedRunner, clock: Seconds | None = None, **settings: int
) -> AsyncGenerator[Engine, None]:
    limits = EngineSettings(**settings)  # type: ignore[arg-type]
    try:
        with anyio.fail_after(30):
            async with open_engine(
                runner,
                ByteTokenizer(),
                "scripted",
                limits,
                monotonic=clock or Seconds(),
                new_seed=lambda: 77,
            ) as engine:
                try:
                    yield engine
                finally:
                    # A step that a test holds back must not hold back the end of the test.
                    runner.resume()
    finally:
        assert len(runner.threads) <= 1, "every forward comes from one thread"
        assert threading.get_ident() not in runner.threads


async def read(engine: Engine, request: GenerationRequest) -> tuple[str, Finished]:
    events = [event async for event in engine.stream(request)]
    assert isinstance(events[-1], Finished)
    return "".join(event.text for event in events if isinstance(event, Delta)), events[-1]


async def keep(engine: Engine, request: GenerationRequest, into: list[object]) -> None:
    """Collect what happens to a request: its events, or the error that ends it."""
    try:
        async for event in engine.stream(request):
            into.append(event)
    except (RetryLater, GenerationFailed) as error:
        into.append(error)


def endless(prompt: str, lora: LoraId | None) -> str:
    return "x" * 100_000
