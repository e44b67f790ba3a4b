"""The bots of the latency benchmark, one to a process: a bare one for each platform, and ours.

`python latency_bots.py KIND ADDRESSES`: the kind is a key of `KINDS`, the addresses are JSON.
"""

import asyncio
import cProfile
import json
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

Addresses = Mapping[str, str]


async def bare_discord(addresses: Addresses) -> None:
    """Echo with discord.py alone, as its quickstart does."""
    import discord
    import yarl

    discord.http.Route.BASE = addresses["api"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(addresses["gateway"])
    intents = discord.Intents.default()
    intents.message_content = True
    client = discord.Client(intents=intents)

    @client.event
    async def on_message(message: discord.Message) -> None:
        if message.author == client.user:
            return
        if client.user in message.mentions:
            await message.channel.send(message.content)

    async with client:
        await client.start(addresses["token"])


async def bare_slack(addresses: Addresses) -> None:
    """Echo with slack-bolt alone over Socket Mode, as its getting-started guide does."""
    from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
    from slack_bolt.app.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    token = addresses["token"]
    app = AsyncApp(token=token, client=AsyncWebClient(token=token, base_url=addresses["api"]))

    @app.event("app_mention")
    async def echo(event: dict[str, Any], say: Callable[..., Awaitable[Any]]) -> None:
        await say(event["text"], thread_ts=event["ts"])

    handler = AsyncSocketModeHandler(app, addresses["app_token"])
    try:
        await handler.start_async()  # type: ignore[no-untyped-call]
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]


async def chatune(addresses: Addresses, store: str) -> None:
    """Echo with a bot file, over stores in memory or in a file of SQLite."""
    from chatune_adapters.discord.platform import DiscordPlatform
    from chatune_adapters.discord.settings import DiscordSettings
    from chatune_adapters.platform import Platform
    from chatune_adapters.slack.platform import SlackPlatform
    from chatune_adapters.slack.settings import SlackSettings
    from chatune_bots.testing import running
    from chatune_core.bots import Bot, Context
    from chatune_core.messages import MessageReceived
    from stores import now, open_bench_stores

    bot = Bot()

    @bot.on(MessageReceived)
    async def echo(context: Context, message: MessageReceived) -> str:
        return message.text

    async with open_bench_stores(store, None) as stores:
        platform: Platform
        if "gateway" in addresses:
            discord_settings = DiscordSettings(
                addresses["token"], api_url=addresses["api"], gateway_url=addresses["gateway"]
            )
            platform = DiscordPlatform(discord_settings, stores.key_values, now)
        else:
            slack_settings = SlackSettings(
                app_token=addresses["app_token"],
                bot_token=addresses["token"],
                api_base=addresses["api"],
            )
            platform = SlackPlatform(slack_settings, stores.key_values, now)
        async with running(bot, platform, stores):
            await anyio.sleep_forever()


async def chatune_memory(addresses: Addresses) -> None:
    """Ours over stores in memory."""
    await chatune(addresses, "memory")


async def chatune_sqlite(addresses: Addresses) -> None:
    """Ours as it is served: everything stored before it is acknowledged or sent."""
    await chatune(addresses, "sqlite")


KINDS: Mapping[str, Callable[[Addresses], Awaitable[None]]] = {
    "bare discord.py": bare_discord,
    "bare slack-bolt": bare_slack,
    "Chatune, memory": chatune_memory,
    "Chatune, SQLite": chatune_sqlite,
}


async def _until_told(kind: str, addresses: Addresses) -> None:
    """Run the bot until SIGTERM, so that it cleans up behind itself."""
    bot = asyncio.ensure_future(KINDS[kind](addresses))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, bot.cancel)
    await asyncio.wait([bot])
    if not bot.cancelled() and (error := bot.exception()) is not None:
        raise error


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    work = _until_told(sys.argv[1], json.loads(sys.argv[2]))
    if folder := os.environ.get("LATENCY_PROFILES"):
        profile = cProfile.Profile()
        profile.runcall(asyncio.run, work)
        profile.dump_stats(f"{folder}/{sys.argv[1].replace(' ', '-')}.prof")
    else:
        asyncio.run(work)
