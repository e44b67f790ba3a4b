"""Runs a bot in a test, on the protocol servers of `chatune_adapters.testing`; docs/testing.md."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio

from chatune_adapters.discord.platform import DiscordPlatform
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.platform import Platform
from chatune_adapters.slack.platform import SlackPlatform
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.testing.discord.server import DiscordServer
from chatune_adapters.testing.slack.server import SlackServer
from chatune_adapters.testing.slack.world import Team
from chatune_bots.compose import utc_now
from chatune_bots.memory import open_memory
from chatune_bots.memory_settings import MemorySection
from chatune_core.bots import Bot
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
)
from chatune_core.ports import Generator
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores

LEASE = timedelta(seconds=60)


class Parrot:
    """A model for tests: says what it was asked, word by word; fulfils `Generator`."""

    model = "parrot"
    context_tokens = 8_000

    def count_tokens(self, message: ChatMessage) -> int:
        """See `Generator.count_tokens`; a token is a word."""
        return len(message.content.split()) + 2

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        """See `Generator.stream`."""
        words = f"You said: {request.messages[-1].content}".split(" ")
        for index, word in enumerate(words):
            yield Delta(word if index == 0 else f" {word}")
        tokens = len(words)
        yield Finished("stop", self.model, None, 0, 0, 0, tokens, 0.0, 0.0, 0.0)


@asynccontextmanager
async def running(
    bot: Bot,
    platform: Platform,
    stores: Stores,
    models: Mapping[str, Generator] | None = None,
    settings: CoreSettings | None = None,
) -> AsyncGenerator[Runtime, None]:
    """Run `bot` on one platform while the body runs, from the moment that it is connected."""
    models = models or {"parrot": Parrot()}
    memory = open_memory(MemorySection(search="words"), stores, utc_now)
    runtime = Runtime(
        inbox=stores.inbox,
        ledger=stores.ledger,
        outbox=stores.outbox,
        history=stores.history,
        generators=models,
        default_model=next(iter(models)),
        senders={platform.name: platform.sender},
        files={platform.name: platform.files},
        bot=bot,
        settings=settings or CoreSettings(),
        now=utc_now,
        parts=memory.parts,
        memory=memory.memory,
        consents=stores.consents,
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(runtime.run)
        await tasks.start(platform.run, runtime)
        yield runtime
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def on_discord(
    bot: Bot,
    server: DiscordServer,
    model: Generator | None = None,
    settings: CoreSettings | None = None,
) -> AsyncGenerator[Runtime, None]:
    """Run `bot` on `server` over stores in memory; `model` is a parrot unless given."""
    wire = DiscordSettings(
        server.settings.token, api_url=server.api_base, gateway_url=server.gateway_url
    )
    stores = memory_stores(utc_now, LEASE)
    platform = DiscordPlatform(wire, stores.key_values, utc_now)
    models = {"model": model or Parrot()}
    async with running(bot, platform, stores, models, settings) as runtime:
        yield runtime


@asynccontextmanager
async def on_slack(
    bot: Bot,
    server: SlackServer,
    team: Team,
    model: Generator | None = None,
    settings: CoreSettings | None = None,
) -> AsyncGenerator[Runtime, None]:
    """Run `bot` in the workspace `team` of `server`, over Socket Mode and stores in memory."""
    wire = SlackSettings(
        app_token=server.app.app_token, bot_token=team.bot_token, api_base=server.api_base
    )
    stores = memory_stores(utc_now, LEASE)
    platform = SlackPlatform(wire, stores.key_values, utc_now)
    models = {"model": model or Parrot()}
    async with running(bot, platform, stores, models, settings) as runtime:
        yield runtime
