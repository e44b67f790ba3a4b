"""A bot of one platform whose day passes quickly; tells what it holds whenever it is asked to.

Run as a program of its own: its heap, tasks and files are those of a bot and nothing else. It
takes one JSON object as its argument, and answers each line of its input with another.
"""

import asyncio
import gc
import json
import os
import sys
import threading
import tracemalloc
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio

from chatune_adapters.discord.platform import DiscordPlatform
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.platform import Platform
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.slack.settings import SlackSettings
from chatune_bots.compose import utc_now
from chatune_bots.testing import running
from chatune_core.bots import Bot
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
)
from chatune_core.ports import KeyValues
from chatune_storage.sql_stores import open_stores
from platforms.storm.script import pieces_of


class Scripted:
    """Fulfils `Generator`: says at once what the script says."""

    model, context_tokens = "script", 4096

    def count_tokens(self, message: ChatMessage) -> int:
        return len(message.content)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        pieces = pieces_of(request.messages[-1].content)
        for piece in pieces:
            yield Delta(piece)
        yield Finished("stop", self.model, None, 1, 10, 0, len(pieces), 0.0, 0.0, 0.0)


def platform_of(options: dict[str, Any], store: KeyValues) -> Platform:
    """Return the platform that the options tell of, with seconds in place of its minutes."""
    if options["platform"] == "discord":
        discord = DiscordSettings(
            options["token"],
            api_url=options["api_base"],
            gateway_url=options["gateway_url"],
            silence_limit=timedelta(seconds=10),
            bookmark_every=timedelta(seconds=0.2),
        )
        return DiscordPlatform(discord, store, utc_now)
    slack = SlackSettings(
        app_token=options["app_token"],
        bot_token=options["bot_token"],
        api_base=options["api_base"],
        ping_every_s=options["beat_s"],
        silence_s=10.0,
    )
    return SlackPlatform(slack, store, utc_now)


def _descriptors() -> list[Path]:
    """Return the open descriptors, without the one that lists them."""
    return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def holdings(platform: Platform) -> dict[str, object]:
    """Return what the process holds at present, and whether it is connected."""
    gc.collect()
    opened = [os.readlink(link) for link in _descriptors()]
    return {
        "heap": tracemalloc.get_traced_memory()[0],
        "resident": int(Path("/proc/self/statm").read_text().split()[1])
        * os.sysconf("SC_PAGESIZE"),
        "tasks": len(asyncio.all_tasks()),
        "threads": threading.active_count(),
        "files": sum(not what.startswith("socket:") for what in opened),
        "sockets": sum(what.startswith("socket:") for what in opened),
        "connected": platform.health().connected,
        "silent_s": platform.health().silent_s,
    }


async def live(options: dict[str, Any]) -> None:
    """Answer people on the platform, and lines of the input, until the input ends."""
    lease = timedelta(seconds=60)
    async with open_stores(options["url"], b"k" * 32, utc_now, lease) as stores:
        platform = platform_of(options, stores.key_values)
        async with running(Bot(), platform, stores, {"script": Scripted()}):
            asked = anyio.wrap_file(sys.stdin)
            while await asked.readline():
                print(json.dumps(holdings(platform)), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    tracemalloc.start()
    anyio.run(live, json.loads(sys.argv[1]))
