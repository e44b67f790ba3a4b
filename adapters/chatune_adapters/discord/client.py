"""The gateway through discord.py: one connection, or one for each shard.

discord.py connects, identifies, resumes, inflates and keeps the heart beating. The events that
matter here are taken from the wire as they are, in the order of the wire: discord.py would build
objects of them and start a task for each.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from chatune_adapters.discord.settings import DiscordSettings

logger = logging.getLogger(__name__)
_OURS = frozenset(
    {
        "MESSAGE_CREATE",
        "MESSAGE_UPDATE",
        "MESSAGE_DELETE",
        "MESSAGE_DELETE_BULK",
        "MESSAGE_REACTION_ADD",
        "MESSAGE_REACTION_REMOVE",
        "INTERACTION_CREATE",
    }
)
_ALSO_OURS = frozenset(
    {
        "READY",
        "RESUMED",
        "GUILD_CREATE",
        "GUILD_DELETE",
        "CHANNEL_CREATE",
        "CHANNEL_UPDATE",
        "CHANNEL_DELETE",
        "THREAD_CREATE",
        "THREAD_UPDATE",
        "THREAD_DELETE",
        "THREAD_LIST_SYNC",
        "THREAD_MEMBER_UPDATE",
        "THREAD_MEMBERS_UPDATE",
    }
)
Take = Callable[[str, Mapping[str, Any]], None]
Parser = Callable[[Any], None]


class _Ears:
    """What a client tells of its sockets, and how long it waits between sessions."""

    heard: Callable[[], None]
    lost: Callable[[int], None]
    identify_every_s: float

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await anyio.sleep(self.identify_every_s)


class _Single(_Ears, discord.Client):
    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        if event == "socket_raw_receive":
            self.heard()
        elif event == "disconnect":
            self.lost(0)


class _Sharded(_Ears, discord.AutoShardedClient):
    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        if event == "socket_raw_receive":
            self.heard()
        elif event == "shard_disconnect":
            self.lost(args[0])


def intents_for(settings: DiscordSettings) -> discord.Intents:
    """Return what the gateway is asked for: no more than what is used."""
    intents = discord.Intents.none()
    intents.guilds = True
    intents.messages = True
    intents.reactions = True
    intents.message_content = settings.reads_content
    return intents


def make_client(
    settings: DiscordSettings,
    shards: int,
    *,
    take: Take,
    heard: Callable[[], None],
    lost: Callable[[int], None],
) -> discord.Client:
    """Return a client that gives what it hears to `take`, not connected yet."""
    # discord.py has no other place for its addresses.
    Route.BASE = settings.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)
    options: dict[str, Any] = {
        "intents": intents_for(settings),
        "max_messages": None,
        "member_cache_flags": discord.MemberCacheFlags.none(),
        "chunk_guilds_at_startup": False,
        "guild_ready_timeout": 0,
        "enable_debug_events": True,  # It is how heartbeat acks are heard of.
        "heartbeat_timeout": min(60.0, settings.silence_limit.total_seconds()),
    }
    client = _Single(**options) if shards == 1 else _Sharded(shard_count=shards, **options)
    client.heard, client.lost = heard, lost
    client.identify_every_s = settings.identify_every.total_seconds()
    parsers = client._connection.parsers
    for name in [*parsers, *_OURS]:
        theirs = None if name in _OURS else _guarded(name, parsers[name])
        parsers[name] = _parser(name, theirs, take)
    return client


def _parser(name: str, theirs: Parser | None, take: Take) -> Parser:
    if theirs is None:
        return lambda data: take(name, data)
    if name not in _ALSO_OURS:
        return theirs

    def both(data: Any) -> None:  # noqa: ANN401
        take(name, data)
        theirs(data)

    return both


def _guarded(name: str, parser: Parser) -> Parser:
    """Return `parser` such that a malformed event does not end the connection."""

    def parse(data: Any) -> None:  # noqa: ANN401
        try:
            parser(data)
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, the next can be read
            logger.warning("Discord: skipped a malformed %s (%s)", name, type(error).__name__)

    return parse
