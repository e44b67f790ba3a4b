"""A server, a place in it, and people; discord.py is pointed at it."""

import warnings
from collections.abc import AsyncIterator

import aiohttp
import pytest

with warnings.catch_warnings():
    # discord.py imports the standard library's audioop for voice, which Chatune does not use.
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    from adapters.discord_server.harness import Place, Wire, point_at

from chatune_adapters.testing.discord import DiscordServer


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordServer]:
    async with DiscordServer.open() as server:
        point_at(server, monkeypatch)
        yield server


@pytest.fixture
def place(server: DiscordServer) -> Place:
    guild = server.add_guild("Guild")
    ada = server.add_user("ada")
    return Place(guild, server.add_channel(guild, "general"), ada, server.dm_with(ada))


@pytest.fixture
async def wire(server: DiscordServer) -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as http:
        yield Wire(server, http)
