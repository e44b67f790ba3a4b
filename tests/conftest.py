"""Fixtures that every test may ask for."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from fakes.forked import Stem

# Read by OpenMP when torch is loaded. The reference models of the tests have no governor of threads
# as the engine has (chatune_core/generation/threads.py), and tests share their cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


# What is imported and collected stays to the end: to look through it for garbage again and again is a
# third of what collecting costs each worker, and a part of what every test costs after it.
gc.disable()


def pytest_collection_finish() -> None:
    """Look for garbage in what tests leave behind, and there only."""
    gc.enable()
    gc.freeze()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A place of the test's own on the server that CHATUNE_TEST_POSTGRES names."""
    server = os.environ.get("CHATUNE_TEST_POSTGRES")
    if not server:
        pytest.skip("CHATUNE_TEST_POSTGRES names no server")
    from fakes.postgres import empty_schema

    with empty_schema(server) as url:
        yield url


@pytest.fixture(scope="session")
def commands() -> "Iterator[Stem]":
    """Starts commands of Chatune that need not import everything again."""
    from fakes.forked import stem

    with stem() as ready:
        yield ready


@pytest.fixture(scope="session")
def models_cache(pytestconfig: pytest.Config) -> Path:
    """Where the bundled model is converted and packed once, kept between runs."""
    cache = pytestconfig.cache
    assert cache is not None
    return cache.mkdir("models")
