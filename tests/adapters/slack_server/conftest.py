"""Fixtures of the tests of the Slack server."""

from collections.abc import AsyncIterator

import pytest

from adapters.slack_server.place import Place, opened_place


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with opened_place() as opened:
        yield opened
