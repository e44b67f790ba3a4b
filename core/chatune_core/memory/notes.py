"""Messages that wait for a model to read them for memories. Frozen values."""

from dataclasses import dataclass
from datetime import datetime

from chatune_core.messages import ConversationId, EventKey, UserId


@dataclass(frozen=True, slots=True)
class Note:
    """What `user` wrote in the message `event`; `private` if others do not read there."""

    event: EventKey
    user: UserId
    place: ConversationId
    at: datetime
    private: bool
    text: str
