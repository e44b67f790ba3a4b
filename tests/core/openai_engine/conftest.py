"""A scripted server, an engine that speaks to it, and requests."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chatune_core.generation.bundled import bundled_chat_model
from chatune_core.generation.conversion import convert_once
from chatune_core.generation.openai_engine import OpenAIEngine, open_openai_engine
from chatune_core.generation.openai_settings import OpenAISettings
from chatune_core.generation.tokenizer import ModelTokenizer, load_tokenizer
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

    def opened(**changes: Any) -> AbstractAsyncContextManager[OpenAIEngine]:  # noqa: ANN401
        return open_openai_engine(replace(settings, **changes), random.Random(1))

    return opened


@pytest.fixture
async def engine(opened: Open) -> AsyncIterator[OpenAIEngine]:
    async with opened() as running:
        yield running


@pytest.fixture(scope="session")
def model_folder(models_cache: Path) -> Path:
    """The bundled chat model in the Hugging Face layout."""
    return convert_once(bundled_chat_model(), models_cache, lambda stage, done: None)


@pytest.fixture(scope="session")
def tokenizer(model_folder: Path) -> ModelTokenizer:
    return load_tokenizer(model_folder)
