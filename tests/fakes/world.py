"""A whole bot over the in-memory stores, with a scripted model and a recording platform."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from chatune_core.bots import Bot
from chatune_core.consents import ConsentCommands
from chatune_core.learning.ports import LoraChoice
from chatune_core.memory.commands import MemoryCommands
from chatune_core.memory.finding import SearchFinder
from chatune_core.memory.linking import LinkCommand
from chatune_core.memory.recalling import Recalling
from chatune_core.memory.walk import PersonalMemory, Places
from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    Reply,
    UserId,
)
from chatune_core.ports import Generator, Moderation
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.memory import memory_stores
from chatune_storage.stores import Stores
from fakes.clock import FakeClock
from fakes.generator import ScriptedGenerator
from fakes.platform import FakeFiles, FakePlatform, message


@dataclass
class World:
    """What a test holds in its hands."""

    runtime: Runtime
    stores: Stores
    model: ScriptedGenerator
    platform: FakePlatform
    files: FakeFiles
    clock: FakeClock
    said: int = 0

    async def say(self, text: str, conversation: str = "test:c1", user: str = "test:ann") -> str:
        """Say `text`; return what the bot answered."""
        self.said += 1
        event = replace(message(f"test:{self.said}", text, conversation, user), at=self.clock.at)
        await self.runtime.handle(event)
        return self.platform.posts.get(event.key, "")

    @property
    def last(self) -> Reply:
        """The newest reply."""
        return list(self.platform.replies.values())[-1]

    async def press(self, action: str, value: str = "", user: str = "test:ann") -> str:
        """Press a button under the newest reply; return what the bot answered."""
        self.said += 1
        under = self.last
        key = EventKey(f"test:{self.said}")
        await self.runtime.handle(
            ActionTaken(
                key, under.conversation, UserId(user), self.clock.at,
                MessageKey(f"shown:{under.answers}"), action, value,
            )
        )  # fmt: skip
        return self.platform.posts.get(key, "")

    async def happen(self, event: Inbound) -> None:
        """Let `event` happen and be worked off."""
        await self.runtime.handle(event)


def make_world(
    model: ScriptedGenerator | None = None,
    *,
    bot: Bot | None = None,
    settings: CoreSettings | None = None,
    more_models: Mapping[str, Generator] | None = None,
    wrap: Callable[[Stores], Stores] = lambda stores: stores,
    lease_for: timedelta = timedelta(seconds=60),
    plain: bool = False,
    moderation: Moderation | None = None,
    allowed: Callable[[ConversationId], bool] = lambda conversation: True,
    stores: Stores | None = None,
    reads_notes: bool = False,
    loras: LoraChoice | None = None,
) -> World:
    """Build a bot whose only model is `model`, called "small".

    Conversations whose id begins with "test:private" are; memory may work where it is `allowed`.
    `stores` are in memory unless given; `wrap` may put a fault before them; a plain platform has
    neither buttons nor files.
    """
    clock, platform, files = FakeClock(), FakePlatform(plain=plain), FakeFiles()
    model = model or ScriptedGenerator()
    stores = wrap(stores or memory_stores(clock, timedelta(seconds=60)))
    places = Places(allowed, lambda place: place.startswith("test:private"))
    recalling = Recalling(stores.memories, SearchFinder(lambda: None, stores.vectors))
    tokens = map("memory{}".format, itertools.count(1))
    codes = itertools.count(1)
    memory = PersonalMemory(
        stores.memories, recalling, places, lambda text: True, lambda: next(tokens), reads_notes
    )
    commands = MemoryCommands(memory, stores.history, stores.personal_data, stores.links, clock)
    runtime = Runtime(
        inbox=stores.inbox,
        ledger=stores.ledger,
        outbox=stores.outbox,
        history=stores.history,
        generators={"small": model, **(more_models or {})},
        default_model="small",
        senders={"test": platform},
        files={"test": files},
        bot=bot or Bot(),
        settings=settings or CoreSettings(poll=timedelta(seconds=0.01), lease_for=lease_for),
        now=clock,
        moderation=moderation,
        parts=[
            commands,
            ConsentCommands(stores.consents, clock),
            LinkCommand(stores.links, lambda: f"CODE-{next(codes)}", clock),
        ],
        memory=memory,
        consents=stores.consents,
        loras=loras,
    )
    return World(runtime, stores, model, platform, files, clock)
