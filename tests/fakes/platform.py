"""A chat platform that records what people would see."""

from datetime import UTC, datetime

import anyio

from chatune_core.errors import InvalidInput
from chatune_core.messages import (
    Attachment,
    ConversationId,
    EventKey,
    Inbound,
    MessageKey,
    MessageReceived,
    Reply,
    UserId,
)
from chatune_core.ports import Capabilities

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FakePlatform:
    """Fulfils `Sender`. `refuse` holds errors to raise at the next deliveries, first first."""

    def __init__(self, *, plain: bool = False) -> None:
        self.capabilities = Capabilities(buttons=not plain, files=not plain)
        self.previews: list[str] = []
        self.positions: list[int] = []
        self.posts: dict[EventKey, str] = {}
        self.replies: dict[EventKey, Reply] = {}
        self.private: set[EventKey] = set()
        self.refuse: list[Exception] = []
        self.deliveries = 0
        self.posted = anyio.Event()

    def preview(self, event: Inbound, text: str) -> None:
        self.previews.append(text)

    def waiting(self, event: Inbound, position: int) -> None:
        if position:
            self.positions.append(position)

    async def deliver(self, reply: Reply) -> list[MessageKey]:
        if self.refuse:
            raise self.refuse.pop(0)
        self.deliveries += 1
        self.posts[reply.answers] = reply.text
        self.posted.set()
        if reply.private:
            self.private.add(reply.answers)
        self.replies[reply.answers] = reply
        return [MessageKey(f"shown:{reply.answers}")]

    @property
    def texts(self) -> list[str]:
        return list(self.posts.values())


class FakeFiles:
    """Fulfils `Files`: contents by URL."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.outage: Exception | None = None

    async def read(self, attachment: Attachment, limit_bytes: int) -> bytes:
        if self.outage is not None:
            raise self.outage
        content = self.contents.get(attachment.url)
        if content is None:
            raise InvalidInput(f"{attachment.name} is gone.")
        if len(content) > limit_bytes:
            raise InvalidInput(f"{attachment.name} is too large.")
        return content


def message(
    key: str, text: str, conversation: str = "test:c1", user: str = "test:ann"
) -> MessageReceived:
    return MessageReceived(EventKey(key), ConversationId(conversation), UserId(user), AT, text)
