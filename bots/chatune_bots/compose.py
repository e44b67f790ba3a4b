"""Builds the graph: the only module that names concrete stores, engines and the runtime."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chatune_bots.attended import AttendedGenerator
from chatune_bots.home import Home
from chatune_bots.settings import LocalModel, RemoteModel, Settings
from chatune_core.bots import Bot
from chatune_core.ports import Generator, Sender
from chatune_core.runtime import Runtime
from chatune_storage.stores import Stores

Progress = Callable[[float | None], None]
"""Told how far loading is, as a share from 0 to 1; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bot is made of besides its platforms."""

    settings: Settings
    stores: Stores
    generators: Mapping[str, Generator]
    bot: Bot

    def runtime(self, default_model: str, senders: Mapping[str, Sender]) -> Runtime:
        """Return a runtime over these parts; senders by platform."""
        return Runtime(
            inbox=self.stores.inbox,
            ledger=self.stores.ledger,
            outbox=self.stores.outbox,
            history=self.stores.history,
            generators=self.generators,
            default_model=default_model,
            senders=senders,
            bot=self.bot,
            settings=self.settings.for_core(),
            now=utc_now,
        )


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_stores(settings: Settings, home: Home) -> AsyncGenerator[Stores, None]:
    """Open the configured database for the body."""
    raise NotImplementedError
    yield


def stores_in_memory(settings: Settings) -> Stores:
    """Return stores that keep nothing after the process."""
    from chatune_storage.memory import memory_stores

    return memory_stores(utc_now, timedelta(seconds=settings.storage.lease_s))


@asynccontextmanager
async def open_generators(
    settings: Settings, home: Home, progress: Progress
) -> AsyncGenerator[dict[str, Generator], None]:
    """Open every configured model for the body, by configured name."""
    async with AsyncExitStack() as stack:
        generators: dict[str, Generator] = {}
        for name, model in settings.models.items():
            match model:
                case LocalModel():
                    raise NotImplementedError
                case RemoteModel():
                    generators[name] = await _remote(stack, model, settings)
        yield generators


def attended(generators: Mapping[str, Generator]) -> dict[str, AttendedGenerator]:
    """Return the generators for a person who waits in front of them."""
    return {name: AttendedGenerator(generator) for name, generator in generators.items()}


async def _remote(stack: AsyncExitStack, model: RemoteModel, settings: Settings) -> Generator:
    # The client library takes longer to import than all of ours; a local model does without.
    from chatune_core.generation.openai_engine import open_openai_engine
    from chatune_core.generation.openai_settings import OpenAISettings

    key = model.api_key.get_secret_value() if model.api_key else None
    return await stack.enter_async_context(
        open_openai_engine(
            OpenAISettings(
                model.base_url,
                model.model,
                key,
                context_tokens=model.context_tokens,
                concurrency=model.concurrency,
                queue_limit=settings.generation.queue_limit,
            )
        )
    )
