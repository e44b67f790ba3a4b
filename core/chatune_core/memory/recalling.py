"""What is remembered of a person, kept for their next message, and what of it bears on a question."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from chatune_core.memory.places import may_be_used
from chatune_core.memory.ports import Memories, MemoryStanding
from chatune_core.memory.recalled import NOTHING_RECALLED, Recalled, recalled_from
from chatune_core.memory.values import Memory, MemoryId
from chatune_core.messages import ConversationId, UserId

_PEOPLE_KEPT = 1_000


class Finder(Protocol):
    """Finds what bears on a question among one person's memories."""

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
        """Return the current ones of `memories` that bear on `question` most, best first.

        Only those that are `allowed` are returned.
        `memories` are all that `user` has at `revision`; what was made of them may be kept for the
        next question, until they are asked for at another revision or `forget` is called.
        """
        ...

    async def forget(self, user: UserId) -> None:
        """Let go of whatever is kept of `user`."""
        ...


class Recalling:
    """Recalls by person. The memories of the people seen last are kept, of each at one revision."""

    def __init__(self, memories: Memories, finder: Finder, people_kept: int = _PEOPLE_KEPT) -> None:
        self._memories, self._finder, self._people_kept = memories, finder, people_kept
        self._kept: OrderedDict[UserId, tuple[str, Sequence[Memory]]] = OrderedDict()

    async def known(self, user: UserId, standing: MemoryStanding) -> Sequence[Memory]:
        """Return everything that is remembered of `user`, oldest first."""
        kept = self._kept.get(user)
        if kept is not None and kept[0] == standing.revision:
            self._kept.move_to_end(user)
            return kept[1]
        memories = await self._memories.of(user)
        self._kept[user] = (standing.revision, memories)
        self._kept.move_to_end(user)
        if len(self._kept) > self._people_kept:
            await self.forget(next(iter(self._kept)))
        return memories

    async def recalled(
        self,
        user: UserId,
        standing: MemoryStanding,
        question: str,
        here: ConversationId,
        *,
        at: datetime,
        private: bool,
    ) -> Recalled:
        """Return what bears on `question` and may be used in `here`; `private` as in `may_be_used`."""
        memories = await self.known(user, standing)
        usable = {
            memory.id: memory
            for memory in memories
            if memory.current and may_be_used(memory, here, standing.preferences, private=private)
        }
        if not usable:
            return NOTHING_RECALLED
        best = await self._finder.best(
            user, standing.revision, memories, question, at=at, allowed=usable.__contains__
        )
        return recalled_from(list(usable.values()), [usable[memory] for memory in best])

    async def forget(self, user: UserId) -> None:
        """Let go of whatever is kept of `user` in this process."""
        self._kept.pop(user, None)
        await self._finder.forget(user)
