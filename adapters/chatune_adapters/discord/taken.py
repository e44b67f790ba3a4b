"""Which events this process took in, and which of their first answers are still on the way."""

from collections import OrderedDict

import anyio

from chatune_core.messages import EventKey

_REMEMBERED = 20_000
_LONGEST_S = 3.5


class Taken:
    """Remembers the newest events, so that the sender knows for which it must look first."""

    def __init__(self) -> None:
        self._keys: OrderedDict[EventKey, None] = OrderedDict()
        self._unanswered: dict[EventKey, anyio.Event] = {}

    def add(self, key: EventKey) -> None:
        """Remember that `key` is of this process."""
        self._keys[key] = None
        if len(self._keys) > _REMEMBERED:
            self._keys.popitem(last=False)

    def __contains__(self, key: EventKey) -> bool:
        return key in self._keys

    def forget(self, key: EventKey) -> None:
        """Look for earlier messages of this event from now on: an outcome is unknown."""
        self._keys.pop(key, None)

    def expect_answer(self, key: EventKey) -> None:
        """Let `answered` wait: nothing may follow before Discord has the first answer."""
        self._unanswered.setdefault(key, anyio.Event())

    def note_answer(self, key: EventKey) -> None:
        """Let go who waits in `answered`."""
        event = self._unanswered.pop(key, None)
        if event is not None:
            event.set()

    async def answered(self, key: EventKey) -> None:
        """Wait for the first answer to an interaction, as long as one may still come."""
        if key in self._unanswered:
            with anyio.move_on_after(_LONGEST_S):
                await self._unanswered[key].wait()
