"""A chat platform that records what people would see."""

from datetime import UTC, datetime

import anyio

from chatune_core.messages import (
    ConversationId,
    EventKey,
    MessageKey,
    MessageReceived,
    Reply,
    UserId,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)


class FakePlatform:
    """Fulfils `Sender`. `refuse` holds errors to raise at the next deliveries, first first."""

    def __init__(self) -> None:
        self.previews: list[str] = []
        self.positions: list[int] = []
        self.posts: dict[EventKey, str] = {}
        self.private: set[EventKey] = set()
        self.refuse: list[Exception] = []
        self.deliveries = 0
        self.posted = anyio.Event()

    def preview(self, answers: EventKey, conversation: ConversationId, text: str) -> None:
        self.previews.append(text)

    def waiting(self, answers: EventKey, conversation: ConversationId, position: int) -> None:
        self.positions.append(position)

    async def deliver(self, reply: Reply) -> MessageKey:
        if self.refuse:
            raise self.refuse.pop(0)
        self.deliveries += 1
        self.posts[reply.answers] = reply.text
        self.posted.set()
        if reply.private:
            self.private.add(reply.answers)
        return MessageKey(f"shown:{reply.answers}")

    @property
    def texts(self) -> list[str]:
        return list(self.posts.values())


def message(
    key: str, text: str, conversation: str = "test:c1", user: str = "test:ann"
) -> MessageReceived:
    return MessageReceived(EventKey(key), ConversationId(conversation), UserId(user), AT, text)
