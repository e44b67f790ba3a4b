"""Finds memories for a question without holding up the event loop; see `search` for how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from anyio import CapacityLimiter, to_thread

from chatune_core.memory.entries import entry_of
from chatune_core.memory.search import Encoder, MemorySearch
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import UserId

MOST_FOUND = 8
"""Memories that bear on a question, besides those that are in every prompt."""
_NEW_AT_ONCE = 64  # entries that are encoded while a question waits, about a third of a second


class SearchFinder:
    """See Finder. One thread searches; the model that it takes is opened at the first question."""

    def __init__(self, open_encoder: Callable[[], Encoder | None]) -> None:
        """Take what loads the encoder, or returns None to find by words alone."""
        self._open_encoder = open_encoder
        self._search: MemorySearch | None = None
        self._loaded: dict[UserId, tuple[str, dict[MemoryId, str]]] = {}
        self._thread = CapacityLimiter(1)

    async def best(
        self,
        user: UserId,
        revision: str,
        memories: Sequence[Memory],
        question: str,
        *,
        at: datetime,
        allowed: Callable[[MemoryId], bool],
    ) -> Sequence[MemoryId]:
        """See Finder.best."""

        def find() -> Sequence[MemoryId]:
            search = self._up_to_date(user, revision, memories)
            search.encode_new(user, _NEW_AT_ONCE)
            found = search.search(user, question, MOST_FOUND, today=at.date(), allowed=allowed)
            return [one.entry.id for one in found]

        return await to_thread.run_sync(find, limiter=self._thread)

    async def forget(self, user: UserId) -> None:
        """See Finder.forget."""

        def forget() -> None:
            self._loaded.pop(user, None)
            if self._search is not None:
                self._search.forget_user(user)

        await to_thread.run_sync(forget, limiter=self._thread)

    def _opened(self) -> MemorySearch:
        if self._search is None:
            self._search = MemorySearch(self._open_encoder())
        return self._search

    def _up_to_date(self, user: UserId, revision: str, memories: Sequence[Memory]) -> MemorySearch:
        """Bring what is loaded of the person to `revision`, changing no more than has changed."""
        search = self._opened()
        loaded, texts = self._loaded.get(user, ("", {}))
        if search.holds(user) and loaded == revision:
            return search
        current = {memory.id: memory for memory in memories if memory.current}
        if not search.holds(user):
            search.load(user, map(entry_of, current.values()))
        else:
            for gone in [
                key for key in texts if key not in current or current[key].text != texts[key]
            ]:
                search.forget(user, gone)
                del texts[gone]
            for key, memory in current.items():
                if key not in texts:
                    search.add(user, entry_of(memory))
        self._loaded[user] = (revision, {key: memory.text for key, memory in current.items()})
        for other in [other for other in self._loaded if not search.holds(other)]:
            del self._loaded[other]
        return search
