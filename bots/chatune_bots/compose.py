"""Builds the graph: the only module that names concrete stores, engines and the runtime."""

import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from chatune_bots.attended import AttendedGenerator, AttendedLedger
from chatune_bots.home import Home
from chatune_bots.moderation_desk import ModerationDesk
from chatune_bots.quiet import quiet_libraries
from chatune_bots.settings import LocalModel, RemoteModel, Settings
from chatune_core.bots import Bot
from chatune_core.learning.ports import LoraChoice
from chatune_core.messages import Inbound
from chatune_core.parts import Part
from chatune_core.ports import Files, Generator, Moderation, Sender
from chatune_core.runtime import Runtime
from chatune_storage.stores import Stores

if TYPE_CHECKING:
    from chatune_core.generation.loading import OpenedModel
    from chatune_core.generation.openai_settings import OpenAISettings

Progress = Callable[[str, float], None]
"""Told what is being loaded, in plain words, and how much of it is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bot is made of besides its platforms."""

    settings: Settings
    stores: Stores
    generators: Mapping[str, Generator]
    bot: Bot
    moderation: Moderation | None = None
    desk: ModerationDesk = field(default_factory=ModerationDesk)
    loras: LoraChoice | None = None
    more: Sequence[Part] = ()

    def runtime(
        self,
        default_model: str,
        senders: Mapping[str, Sender],
        files: Mapping[str, Files] | None = None,
    ) -> Runtime:
        """Return a runtime over these parts; senders and stores of attachments by platform."""
        # Commands that answer nobody, which use this module too, need not wait for it.
        from chatune_bots.memory import open_memory

        remembering = open_memory(self.settings.memory, self.stores, utc_now)
        return Runtime(
            inbox=self.stores.inbox,
            ledger=self.stores.ledger,
            outbox=self.stores.outbox,
            history=self.stores.history,
            generators=self.generators,
            default_model=default_model,
            senders=senders,
            files=files or {},
            bot=self.bot,
            settings=self.settings.for_core(),
            now=utc_now,
            moderation=self.moderation,
            parts=[*self.desk.parts, *remembering.parts, *self.more],
            watcher=self.desk.watcher,
            memory=remembering.memory,
            loras=self.loras,
            consents=self.stores.consents,
        )

    async def read_notes(self) -> None:
        """Have the configured model read noted messages for memories, until cancelled."""
        section = self.settings.memory
        if section.model is not None:
            from chatune_bots.memory import note_reader

            await note_reader(section, self.stores, self.generators[section.model]).run()


def watched(stores: Stores, tell: Callable[[Inbound, str], None]) -> Stores:
    """Return `stores` whose ledger tells why an answer cannot be kept at present."""
    return replace(stores, ledger=AttendedLedger(stores.ledger, tell))


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_stores(
    settings: Settings, home: Home, platforms: Collection[str] = (), *, alone: bool = False
) -> AsyncGenerator[Stores, None]:
    """Open the configured database for the body; work of `platforms` alone is claimed.

    `alone` says that no other process works in it: see `sql_stores.open_stores`.

    Raises:
        ConfigurationError: the database or the master key cannot be used.
    """
    # The libraries below take longer to import than the whole command line; a pipe does without.
    from chatune_storage import sql_stores
    from chatune_storage.keys import load_master_key

    key = load_master_key(home.path, os.environ)
    url = settings.storage.url or f"sqlite:///{home.database}"
    lease_for = timedelta(seconds=settings.storage.lease_s)
    async with sql_stores.open_stores(
        url, key, utc_now, lease_for, platforms=platforms, alone=alone
    ) as stores:
        yield stores


def stores_in_memory(settings: Settings) -> Stores:
    """Return stores that keep nothing after the process."""
    from chatune_storage.memory import memory_stores

    return memory_stores(utc_now, timedelta(seconds=settings.storage.lease_s))


@dataclass(frozen=True, slots=True)
class Models:
    """The open models by configured name, and a line for people on each that runs here."""

    generators: Mapping[str, Generator]
    lines: Sequence[str]

    def attended(self) -> dict[str, AttendedGenerator]:
        """Return the models for a person who waits in front of them."""
        return {name: AttendedGenerator(model) for name, model in self.generators.items()}


@asynccontextmanager
async def open_models(
    settings: Settings, home: Home, progress: Progress
) -> AsyncGenerator[Models, None]:
    """Open every configured model for the body.

    Raises:
        ConfigurationError: one is missing, too large, or its server refuses the key.
    """
    async with AsyncExitStack() as stack:
        generators: dict[str, Generator] = {}
        lines: list[str] = []
        for name, model in settings.models.items():
            match model:
                case LocalModel():
                    opened = await to_thread.run_sync(partial(load_local, model, home, progress))
                    lines.append(opened.description)
                    generators[name] = await _engine(stack, opened, settings)
                case RemoteModel():
                    generators[name] = await _remote(stack, model, settings)
        yield Models(generators, lines)


async def _engine(stack: AsyncExitStack, opened: "OpenedModel", settings: Settings) -> Generator:
    from chatune_core.generation.engine import open_engine
    from chatune_core.generation.engine_settings import EngineSettings

    limits = EngineSettings(queue_limit=settings.generation.queue_limit)
    return await stack.enter_async_context(
        open_engine(opened.runner, opened.tokenizer, opened.model, limits)
    )


def load_local(model: LocalModel, home: Home, progress: Progress) -> "OpenedModel":
    """Load a model into this process; for a thread, since it takes seconds.

    Raises:
        ConfigurationError: it is missing, too large or of a kind that cannot run.
    """
    quiet_libraries()  # here `progress` is told
    from chatune_core.generation.loading import ModelSettings, open_runner

    return open_runner(
        ModelSettings(
            cache_dir=home.models,
            model=model.model,
            device=model.device,
            dtype=model.dtype,
            weights=model.weights,
            slots=model.slots or 0,
            context_tokens=model.context_tokens or 0,
            threads=model.threads or 0,
        ),
        progress,
    )


async def _remote(stack: AsyncExitStack, model: RemoteModel, settings: Settings) -> Generator:
    from chatune_core.generation.openai_engine import open_openai_engine

    return await stack.enter_async_context(open_openai_engine(remote_settings(model, settings)))


def remote_settings(model: RemoteModel, settings: Settings) -> "OpenAISettings":
    """Return the leaf that the engine for servers takes."""
    from chatune_core.generation.openai_settings import OpenAISettings

    return OpenAISettings(
        model.base_url,
        model.model,
        model.api_key.get_secret_value() if model.api_key else None,
        context_tokens=model.context_tokens,
        concurrency=model.concurrency,
        queue_limit=settings.generation.queue_limit,
    )
