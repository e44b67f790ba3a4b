"""Memories for tests, made in one line."""

from datetime import datetime

from chatune_core.memory.values import Kind, Memory, MemoryId
from chatune_core.messages import ConversationId, EventKey, UserId
from fakes.events import ANN, AT, ROOM


def memory(
    name: str,
    text: str = "Likes tea.",
    user: UserId = ANN,
    source: str = "1",
    place: ConversationId = ROOM,
    at: datetime = AT,
    kind: Kind = Kind.PREFERENCE,
    slot: str = "",
    private: bool = False,
    pinned: bool = False,
) -> Memory:
    """Return the memory `name` of `user`, learned from the event `test:SOURCE`."""
    return Memory(
        id=MemoryId(name),
        user=user,
        text=text,
        kind=kind,
        source=EventKey(f"test:{source}"),
        learned_at=at,
        valid_from=at,
        place=place,
        slot=slot,
        polarity=1,
        confidence=0.75,
        private=private,
        pinned=pinned,
    )
