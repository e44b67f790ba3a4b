"""Which messages of this process show answers that are still being written."""

from collections import OrderedDict

from chatune_adapters.discord.ids import snowflake_in
from chatune_core.messages import ConversationId, EventKey

_REMEMBERED = 4096


BEING_POSTED, NOBODY_KNOWS = "being posted", "nobody knows"
"""What stands for a message whose call is in flight, and for one whose call failed."""


class Growing:
    """Knows what has to make room for a reply that is due above it."""

    def __init__(self) -> None:
        self._messages: OrderedDict[EventKey, tuple[ConversationId, str]] = OrderedDict()

    def add(
        self, conversation: ConversationId, event: EventKey, message: str = BEING_POSTED
    ) -> None:
        """Note that `message` shows the unfinished answer to `event`."""
        self._messages[event] = (conversation, message)
        if len(self._messages) > _REMEMBERED:
            self._messages.popitem(last=False)

    def is_posting(self, conversation: ConversationId) -> bool:
        """Return whether a first preview is on its way there: two could overtake each other."""
        return (conversation, BEING_POSTED) in self._messages.values()

    def end(self, event: EventKey) -> None:
        """Note that the answer to `event` is finished."""
        self._messages.pop(event, None)

    def after(self, conversation: ConversationId, event: EventKey) -> list[str]:
        """Return the messages that show answers to later events of the conversation."""
        if not self._messages or not (told := snowflake_in(event)):
            return []
        return [
            message
            for other, (place, message) in self._messages.items()
            if place == conversation and int(snowflake_in(other) or 0) > int(told)
        ]
