"""What is remembered of a person. Frozen values."""

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from chatune_core.messages import ConversationId, EventKey, UserId

MemoryId = NewType("MemoryId", str)
"""Ours, unique over all people; says nothing about what is remembered."""

SLOT = re.compile(r"(?:[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*)?")
"""What a slot may be called: nothing, or a dotted name such as "food.diet"."""


class Kind(enum.Enum):
    """What a memory says: what a person likes or wants, what is so, how to speak to them."""

    PREFERENCE = "preference"
    FACT = "fact"
    STYLE = "style"


@dataclass(frozen=True, slots=True)
class Memory:
    """One sentence about a person, said by them.

    user: whom it is about and to whom alone it belongs.
    text: one sentence. Data, never an instruction.
    slot: of memories in one slot a newer takes the place of the older; with "" none does.
    polarity: -1 if the person is against it, +1 if for it, 0 if neither.
    source: the message it was learned from; when that is deleted or edited this goes too.
    valid_from, valid_to: when it was so; `valid_to` is None while it is.
    superseded_by: what took its place, None if nothing did.
    confidence: 0 to 1, how sure it is that the person said and meant this.
    place: the conversation in which it was learned.
    private: it was learned where others do not read, and is not used where they do.
    pinned: it is in every prompt, whatever the question.

    Raises:
        ValueError: for a slot, polarity or confidence that cannot be.
    """

    id: MemoryId
    user: UserId
    text: str
    kind: Kind
    source: EventKey
    learned_at: datetime
    valid_from: datetime
    place: ConversationId
    slot: str = ""
    polarity: int = 0
    valid_to: datetime | None = None
    superseded_by: MemoryId | None = None
    confidence: float = 1.0
    private: bool = False
    pinned: bool = False

    def __post_init__(self) -> None:
        if not SLOT.fullmatch(self.slot):
            raise ValueError(f"slot must match {SLOT.pattern}, got {self.slot!r}")
        if self.polarity not in (-1, 0, 1):
            raise ValueError(f"polarity must be -1, 0 or 1, got {self.polarity!r}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence must be from 0 to 1, got {self.confidence!r}")

    @property
    def current(self) -> bool:
        """Whether it is still so: nothing ended it and nothing took its place."""
        return self.valid_to is None and self.superseded_by is None
