"""What was said while nobody listened, read over REST; and how far was listened."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import anyio

from chatune_adapters.discord.errors import Refused
from chatune_adapters.discord.ids import channel_of, is_direct, snowflake_at
from chatune_adapters.discord.inbound import Payload
from chatune_adapters.discord.lanes import Work
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.settings import DiscordSettings
from chatune_core.errors import RetryLater
from chatune_core.messages import ConversationId
from chatune_core.ports import KeyValues

logger = logging.getLogger(__name__)
_PAGE = 100
_BOOKMARK = "discord:bookmark"
_BEGAN = "discord:began"
_DIRECT = "discord:direct:"


class CatchUp:
    """Makes the work that reads the messages of a conversation, oldest first."""

    def __init__(
        self,
        rest: Rest,
        settings: DiscordSettings,
        take: Callable[[Payload], Awaitable[None]],
        watched: Callable[[Payload], bool],
    ) -> None:
        """Give each message to `take`, which stores it; what is stored already is skipped there.

        A history does not say what the author is in the server; where it is `watched`, that is
        asked for.
        """
        self._rest, self._take, self._watched = rest, take, watched
        self._limiter = anyio.CapacityLimiter(settings.catch_up_at_once)

    def of(self, conversation: ConversationId, since: datetime) -> Work:
        """Return the work that takes in what was said there after `since`.

        It goes on where it was when it is done again after a `RetryLater`.
        """
        after = str(snowflake_at(since))
        place = {} if is_direct(conversation) else {"guild_id": conversation.split(":")[1]}
        members: dict[str, Payload] = {}

        async def read() -> None:
            nonlocal after
            while page := await self._page(channel_of(conversation), after):
                for payload in sorted(page, key=lambda message: int(message["id"])):
                    message = {**payload, **place}
                    if self._watched(message):
                        message["member"] = await self._member(message, members)
                    await self._take(message)
                    after = payload["id"]
                if len(page) < _PAGE:
                    return

        return read

    def completed(self, message: Payload) -> Work:
        """Return the work that takes in a message of a server that came without its member."""

        async def take() -> None:
            await self._take({**message, "member": await self._member(message, {})})

        return take

    async def _member(self, message: Payload, known: dict[str, Payload]) -> Payload:
        author = message["author"]["id"]
        if author not in known:
            try:
                async with self._limiter:
                    known[author] = await self._rest.call(
                        "GET",
                        "/guilds/{guild}/members/{user}",
                        guild=message["guild_id"],
                        user=author,
                    )
            except Refused:
                known[author] = {}  # Left since then, so it has no roles any more.
        return known[author]

    async def _page(self, channel: str, after: str) -> list[Payload]:
        query = {"after": after, "limit": str(_PAGE)}
        try:
            async with self._limiter:
                page: list[Payload] = await self._rest.call(
                    "GET", "/channels/{channel}/messages", query=query, channel=channel
                )
        except Refused as error:
            if error.status == 401:
                raise RetryLater(str(error), timedelta(minutes=1)) from error
            return []  # Nobody who cannot read there could have been heard either.
        return page


class Bookmark:
    """The time up to which all that was said is stored."""

    def __init__(
        self, store: KeyValues, settings: DiscordSettings, reached: Callable[[], datetime | None]
    ) -> None:
        """Ask `reached` how far that is; None while it cannot be told."""
        self._store, self._settings, self._reached = store, settings, reached
        self._written = ""

    async def read(self, now: datetime) -> tuple[datetime, datetime]:
        """Return when the bot listened for the very first time, and what was stored last.

        Both are `now` at that first time, and are stored before anything is heard.
        """
        began = await self._store.get(_BEGAN)
        if began is None:
            began = now.isoformat()
            await self._store.put(_BEGAN, began)
        stored = await self._store.get(_BOOKMARK)
        return datetime.fromisoformat(began), datetime.fromisoformat(stored or began)

    async def keep(self) -> None:
        """Write it down now and then until cancelled."""
        while True:
            await anyio.sleep(self._settings.bookmark_every.total_seconds())
            await self.write()

    async def write(self) -> None:
        """Write it down if it moved."""
        at = self._reached()
        if at is None or (text := at.isoformat()) == self._written:
            return
        try:
            await self._store.put(_BOOKMARK, text)
            self._written = text
        except RetryLater as error:
            logger.warning("Discord: the bookmark could not be stored: %s", error)


class DirectMessages:
    """The direct messages that are known: Discord lists them nowhere."""

    def __init__(self, store: KeyValues) -> None:
        self._store = store
        self._known: set[str] = set()

    async def load(self) -> None:
        """Read the list."""
        self._known.update(name[len(_DIRECT) :] for name in await self._store.names(_DIRECT))

    @property
    def known(self) -> frozenset[str]:
        """The channels."""
        return frozenset(self._known)

    async def note(self, channel: str) -> None:
        """Remember `channel`."""
        if channel not in self._known:
            await self._store.put(_DIRECT + channel, "")
            self._known.add(channel)
