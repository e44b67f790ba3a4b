"""Fixtures that every test may ask for."""

import os
from collections.abc import Iterator

import pytest


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
