"""A scripted server, an engine that speaks to it, and requests."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest

from chatune_core.generation.openai_engine import OpenAIEngine, open_openai_engine
from chatune_core.generation.openai_settings import OpenAISettings
from fakes.openai_server import FakeOpenAIServer, openai_server

Open = Callable[..., AbstractAsyncContextManager[OpenAIEngine]]

MOMENT = timedelta(milliseconds=5)


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[FakeOpenAIServer]:
    async with openai_server() as running:
        yield running


@pytest.fixture
def settings(server: FakeOpenAIServer) -> OpenAISettings:
    return OpenAISettings(server.base_url, "m", api_key="sk-secret", retry_after=MOMENT)


@pytest.fixture
def opened(settings: OpenAISettings) -> Open:
    """Opens an engine with some settings changed."""

    def opened(**changes: object) -> AbstractAsyncContextManager[OpenAIEngine]:
        return open_openai_engine(replace(settings, **changes), random.Random(1))

    return opened


@pytest.fixture
async def engine(opened: Open) -> AsyncIterator[OpenAIEngine]:
    async with opened() as running:
        yield running
