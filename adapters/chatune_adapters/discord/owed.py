"""Which conversations wait for a reply that is finished but not shown yet."""

from collections.abc import Callable
from datetime import timedelta

from chatune_core.errors import RetryLater
from chatune_core.messages import ConversationId, EventKey

_FORGOTTEN_AFTER_S = 120.0
_REST = timedelta(seconds=0.2)


class Owed:
    """Keeps previews of later answers from appearing above a reply that is due before them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[ConversationId, tuple[EventKey, float]] = {}

    def note(self, conversation: ConversationId, answers: EventKey) -> None:
        """Note that the reply to `answers` is the next to be shown there."""
        # Another process may get to show it: then nobody tells, and the note runs out.
        self._due[conversation] = (answers, self._clock() + _FORGOTTEN_AFTER_S)

    def settle(self, conversation: ConversationId) -> None:
        """Note that it is shown, or never will be."""
        self._due.pop(conversation, None)

    def check(self, conversation: ConversationId, event: EventKey) -> None:
        """Pass if a preview of the answer to `event` may appear.

        Raises:
            RetryLater: an earlier reply is due first.
        """
        due = self._due.get(conversation)
        if due is None or due[0] == event:
            return
        if due[1] <= self._clock():
            del self._due[conversation]
            return
        raise RetryLater("an earlier reply is shown first", _REST)
