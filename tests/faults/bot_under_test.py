"""A bot over any stores: a platform that records and sometimes refuses, a model that may fail."""

import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import anyio

from chatune_core.bots import Bot
from chatune_core.errors import DeliveryRefused, GenerationFailed, RetryLater
from chatune_core.generation.requests import (
    ChatMessage,
    Delta,
    Finished,
    GenerationEvent,
    GenerationRequest,
    Queued,
)
from chatune_core.messages import EventKey, Inbound, MessageKey, Reply
from chatune_core.ports import Capabilities
from chatune_core.runtime import Runtime
from chatune_core.settings import CoreSettings
from chatune_storage.stores import Stores

PLATFORM = "fault"


class Recorder:
    """Counts what was posted and what was refused, by event; with `faults`, fails now and then."""

    capabilities = Capabilities(buttons=True, files=True)

    def __init__(self, faults: random.Random | None = None) -> None:
        self.posted: Counter[EventKey] = Counter()
        self.refused: Counter[EventKey] = Counter()
        self._faults = faults
        self._changed = anyio.Event()

    def preview(self, event: Inbound, text: str) -> None: ...

    def waiting(self, event: Inbound, position: int) -> None: ...

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        drawn = self._faults.random() if self._faults else 1.0
        if drawn < 0.1:
            raise RetryLater("the platform asks to wait", timedelta(seconds=5))
        refused = drawn < 0.15
        (self.refused if refused else self.posted)[reply.answers] += 1
        self._changed.set()
        if refused:
            raise DeliveryRefused("the channel is gone")
        return [shown(reply.answers)]

    async def ends(self, keys: Iterable[EventKey]) -> None:
        """Return when the reply to each of `keys` was posted or refused."""
        for key in keys:
            while not (self.posted[key] or self.refused[key]):
                self._changed = anyio.Event()
                await self._changed.wait()


class Parrot:
    """Says the last message again, word by word; with `faults`, waits or fails now and then."""

    model, context_tokens = "parrot", 4096

    def __init__(self, faults: random.Random | None = None) -> None:
        self._faults = faults

    def count_tokens(self, message: ChatMessage) -> int:
        return len(message.content)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationEvent, None]:
        drawn = self._faults.random() if self._faults else 1.0
        if drawn < 0.1:
            raise RetryLater("the queue is full", timedelta(seconds=5))
        if drawn < 0.15:
            raise GenerationFailed("the model cannot answer this")
        yield Queued(1)
        words = request.messages[-1].content.split()[:20]
        for word in words:
            yield Delta(word + " ")
        yield Finished("stop", self.model, None, 1, 10, 0, len(words), 0.0, 0.0, 0.0)


def shown(key: EventKey) -> MessageKey:
    """Return the message under which the platform shows the reply to `key`."""
    return MessageKey(f"shown:{key}")


def make_runtime(
    stores: Stores, platform: Recorder, model: Parrot, now: Callable[[], datetime], poll_s: float
) -> Runtime:
    """Return the bot; it looks for work every `poll_s` seconds, and when it receives an event."""
    return Runtime(
        inbox=stores.inbox, ledger=stores.ledger, outbox=stores.outbox, history=stores.history,
        generators={"parrot": model}, default_model="parrot", senders={PLATFORM: platform},
        files={}, bot=Bot(), now=now, settings=CoreSettings(lanes=8, poll=timedelta(seconds=poll_s)),
    )  # fmt: skip


async def is_empty(stores: Stores) -> bool:
    """Return whether nothing waits in the inbox or the outbox at the present time."""
    return not await stores.inbox.lease(1) and not await stores.outbox.lease(1)
