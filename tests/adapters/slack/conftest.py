"""Fixtures of the tests of the Slack adapter."""

from collections.abc import AsyncIterator

import pytest

from adapters.slack.place import Place, opened_place


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with opened_place() as opened:
        yield opened
