"""Finds memories for a question without holding up the event loop; see `search` for how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from anyio import CapacityLimiter, to_thread

from chatune_core.memory.dense import Vector, packed, unpacked
from chatune_core.memory.entries import entry_of
from chatune_core.memory.ports import TextVector, Vectors
from chatune_core.memory.search import Encoder, MemorySearch
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import UserId

MOST_FOUND = 8
"""Memories that bear on a question, besides those that are in every prompt."""
_NEW_AT_ONCE = 64  # entries that are encoded while a question waits, about a third of a second


class SearchFinder:
    """See Finder. One thread searches; the model that it takes is opened at the first question.

    What it made of a memory is kept, so that after a restart only what is new is encoded.
    """

    def __init__(self, open_encoder: Callable[[], Encoder | None], vectors: Vectors) -> None:
        """Take what loads the encoder, or returns None to find by words alone."""
        self._open_encoder, self._vectors = open_encoder, vectors
        self._encoder_name: str | None = None
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

        search = await to_thread.run_sync(self._opened, limiter=self._thread)
        kept = {} if search.holds(user) else await self._kept(user)

        def find() -> tuple[Sequence[MemoryId], Mapping[MemoryId, Vector]]:
            self._bring_up_to_date(search, user, revision, memories, kept)
            new = search.encode_new(user, _NEW_AT_ONCE)
            found = search.search(user, question, MOST_FOUND, today=at.date(), allowed=allowed)
            return [one.entry.id for one in found], new

        found, new = await to_thread.run_sync(find, limiter=self._thread)
        await self._keep(user, memories, new)
        return found

    async def forget(self, user: UserId) -> None:
        """See Finder.forget."""

        def forget() -> None:
            self._loaded.pop(user, None)
            if self._search is not None:
                self._search.forget_user(user)

        await to_thread.run_sync(forget, limiter=self._thread)

    def _opened(self) -> MemorySearch:
        if self._search is None:
            encoder = self._open_encoder()
            self._encoder_name = None if encoder is None else encoder.name
            self._search = MemorySearch(encoder)
        return self._search

    async def _kept(self, user: UserId) -> Mapping[MemoryId, Vector]:
        if self._encoder_name is None:
            return {}
        kept = await self._vectors.kept(user, self._encoder_name)
        return {key: unpacked(numbers) for key, numbers in kept.items()}

    async def _keep(
        self, user: UserId, memories: Sequence[Memory], new: Mapping[MemoryId, Vector]
    ) -> None:
        if new and self._encoder_name is not None:
            texts = {memory.id: memory.text for memory in memories}
            made = {key: TextVector(texts[key], packed(new[key])) for key in new}
            await self._vectors.keep(user, self._encoder_name, made)

    def _bring_up_to_date(
        self,
        search: MemorySearch,
        user: UserId,
        revision: str,
        memories: Sequence[Memory],
        kept: Mapping[MemoryId, Vector],
    ) -> None:
        """Bring what is loaded of the person to `revision`, changing no more than has changed."""
        loaded, texts = self._loaded.get(user, ("", {}))
        if search.holds(user) and loaded == revision:
            return
        current = {memory.id: memory for memory in memories if memory.current}
        if not search.holds(user):
            search.load(user, map(entry_of, current.values()), kept)
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
