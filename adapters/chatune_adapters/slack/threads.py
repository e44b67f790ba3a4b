"""The threads that the bot takes part in: there it need not be mentioned again."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chatune_adapters.slack.ids import Place
from chatune_adapters.slack.memory import Recent
from chatune_core.ports import KeyValues

_PREFIX = "slack/thread/"
_KEPT = 10_000
FORGOTTEN_AFTER = timedelta(days=90)


class Threads:
    """Threads by place, in the store so that a restart does not make the bot deaf to them.

    A thread is noted when the bot is addressed there and stored when it has answered: an answer is
    delivered until it is there, so none is forgotten, and no question waits for the store.
    """

    def __init__(self, store: KeyValues, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now
        self._kept: Recent[Place, bool] = Recent(_KEPT)
        self._stored: Recent[Place, bool] = Recent(_KEPT)

    async def joined(self, place: Place) -> bool:
        """Return whether the bot takes part."""
        known = self._kept.get(place)
        if known is None:
            known = await self._store.get(_name(place)) is not None
            self._kept.put(place, known)
            if known:
                self._stored.put(place, True)
        return known

    def note(self, place: Place) -> None:
        """Take part from now on, for as long as the process lives."""
        self._kept.put(place, True)

    async def join(self, place: Place) -> None:
        """Take part from now on, and after a restart too."""
        if place.thread and not place.direct and place not in self._stored:
            await self._store.put(_name(place), "1")
            self._stored.put(place, True)
            self._kept.put(place, True)

    async def sweep(self) -> None:
        """Forget threads that began long ago."""
        oldest = (self._now() - FORGOTTEN_AFTER).timestamp()
        for name in await self._store.names(_PREFIX):
            if float(name.rpartition("/")[2]) < oldest:
                await self._store.delete(name)

    async def remove(self, team: str) -> None:
        """Forget all threads of a workspace."""
        for name in await self._store.names(f"{_PREFIX}{team}/"):
            await self._store.delete(name)
        self._kept, self._stored = Recent(_KEPT), Recent(_KEPT)


def _name(place: Place) -> str:
    return f"{_PREFIX}{place.team}/{place.channel}/{place.thread}"
