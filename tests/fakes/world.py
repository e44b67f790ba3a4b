"""A whole bot over the in-memory stores, with a scripted model and a recording platform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from chatune_core.bots import Bot
from chatune_core.messages import Inbound
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

    async def say(self, text: str, conversation: str = "test:c1") -> str:
        """Say `text`; return what the bot answered."""
        self.said += 1
        event = message(f"test:{self.said}", text, conversation)
        await self.runtime.handle(event)
        return self.platform.posts.get(event.key, "")

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
) -> World:
    """Build a bot whose only model is `model`, called "small".

    `wrap` may put a fault before the stores; a plain platform has neither buttons nor files.
    """
    clock, platform, files = FakeClock(), FakePlatform(plain=plain), FakeFiles()
    model = model or ScriptedGenerator()
    stores = wrap(memory_stores(clock, timedelta(seconds=60)))
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
    )
    return World(runtime, stores, model, platform, files, clock)
