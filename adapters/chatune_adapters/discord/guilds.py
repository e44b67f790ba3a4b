"""The servers that the bot is known to be in, so that a removal while it was off is noticed."""

from collections.abc import Iterable

from chatune_adapters.discord.ids import shard_of
from chatune_core.ports import KeyValues

_GUILD = "discord:guild:"


class KnownGuilds:
    """Remembers the servers over restarts."""

    def __init__(self, store: KeyValues) -> None:
        self._store = store
        self._known: set[str] = set()

    async def load(self) -> None:
        """Read the list."""
        self._known.update(name[len(_GUILD) :] for name in await self._store.names(_GUILD))

    async def note(self, guild: str) -> None:
        """Remember that the bot is in `guild`."""
        if guild not in self._known:
            await self._store.put(_GUILD + guild, "")
            self._known.add(guild)

    async def forget(self, guild: str) -> None:
        """Remember that it is not, any more."""
        await self._store.delete(_GUILD + guild)
        self._known.discard(guild)

    def left(self, shard: int, shards: int, present: Iterable[str]) -> list[str]:
        """Return the servers of `shard` that the bot was in and that are not `present` now."""
        here = {guild for guild in self._known if shard_of(guild, shards) == shard}
        return sorted(here.difference(present))
