"""What the gateway tells, put into lanes in the order in which it came."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chatune_adapters.discord import inbound
from chatune_adapters.discord.catch_up import CatchUp, DirectMessages
from chatune_adapters.discord.guilds import KnownGuilds
from chatune_adapters.discord.ids import channel_of, conversation_id, is_direct, snowflake_at
from chatune_adapters.discord.lanes import Lanes
from chatune_adapters.discord.places import Places
from chatune_adapters.discord.posts import Posts
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.discord.taken import Taken
from chatune_adapters.discord.threads import JoinedThreads
from chatune_core.messages import Inbound, MessagePosted
from chatune_core.ports import Intake, KeyValues

logger = logging.getLogger(__name__)
Payload = Mapping[str, Any]
Receive = Callable[[Inbound], Awaitable[bool]]
_NEWS = timedelta(hours=1)
"""Discord tells of a message again when it is pinned, long after it was written or changed."""


class Feed:
    """Takes in the gateway's events; knows what was missed and up to when all is stored."""

    def __init__(
        self,
        rest: Rest,
        settings: DiscordSettings,
        store: KeyValues,
        taken: Taken,
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._taken, self._now = settings, taken, now
        self._catch_up = CatchUp(rest, settings, self._take_missed, self._watched)
        self.lanes = Lanes(self._catch_up.of)
        self.direct, self.guilds = DirectMessages(store), KnownGuilds(store)
        self.me = ""
        self._threads, self._places = JoinedThreads(), Places()
        self._posts: Posts | None = None
        self._receive: Receive | None = None
        self._heard_at = now()
        self._began = self._bookmark = now()
        self._lost: set[int] = {0}
        self._awaited: dict[str, datetime] = {}
        self._handlers: Mapping[str, Callable[[Payload], None]] = {
            "READY": self._ready,
            "RESUMED": self._resumed,
            "GUILD_CREATE": self._guild_came,
            "GUILD_DELETE": self._guild_went,
            "MESSAGE_CREATE": self._said,
            "MESSAGE_UPDATE": self._edited,
            "MESSAGE_DELETE": self._deleted,
            "MESSAGE_DELETE_BULK": self._deleted_many,
            "MESSAGE_REACTION_ADD": lambda data: self._reacted(data, added=True),
            "MESSAGE_REACTION_REMOVE": lambda data: self._reacted(data, added=False),
        }

    def begin(self, me: str, intake: Intake, began: datetime, bookmark: datetime) -> None:
        """Hand events to `intake` from now on.

        What was said before `bookmark` is stored; what was said before `began` is nobody's wish.
        """
        self.me = self._threads.me = me
        self._posts = Posts(self._places, intake.watches)
        self._receive, self._began, self._bookmark = intake.receive, began, bookmark

    async def load(self) -> None:
        """Read what is remembered of direct messages and servers."""
        await self.direct.load()
        await self.guilds.load()

    # where it stands

    @property
    def connected(self) -> bool:
        """Whether every shard has a session."""
        return not self._lost

    @property
    def heard_at(self) -> datetime:
        """When anything was heard last."""
        return self._heard_at

    def heard(self) -> None:
        """Note that the gateway lives."""
        self._heard_at = self._now()

    def lost(self, shard: int) -> None:
        """Note that a shard hears nothing at present."""
        self._bookmark = self.reached() or self._bookmark
        self._lost.add(shard)

    def reached(self) -> datetime | None:
        """Return up to when all is stored; None while something of the gap may be missing."""
        if self._lost or self._awaited:
            return None
        oldest = self.lanes.oldest
        return self._heard_at if oldest is None else min(oldest, self._heard_at)

    # what comes

    def take(self, name: str, data: Payload) -> None:
        """Take in one event of the gateway; one that cannot be read is skipped."""
        try:
            self._threads.take(name, data)
            self._places.take(name, data)
            handler = self._handlers.get(name)
            if handler is not None:
                handler(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("Discord: skipped a malformed %s (%s)", name, type(error).__name__)

    def _put(self, event: Inbound) -> None:
        receive = self._receive
        if receive is None:
            return

        async def store() -> None:
            if await receive(event) and not isinstance(event, MessagePosted):
                self._taken.add(event.key)
            if is_direct(event.conversation):
                await self.direct.note(channel_of(event.conversation))

        self.lanes.put(event.conversation, event.at, store)

    def _said(self, data: Payload) -> None:
        event = inbound.received(data, self.me, self._threads)
        if event is not None:
            self._put(event)
        self._see(data)

    def _edited(self, data: Payload) -> None:
        event = inbound.edited(data, self.me, self._threads)
        if event is not None:
            self._put(event)
        self._see(data)

    def _watched(self, data: Payload) -> bool:
        return self._posts is not None and self._posts.watched(data)

    def _see(self, data: Payload) -> None:
        """Take in a post, or what became of it; a change of its pins or its thread is none."""
        if self._posts is None or not self._posts.watched(data):
            return
        posted = self._posts.posted(data)
        if posted.at <= self._now() - _NEWS:
            return
        if data.get("member"):
            self._put(posted)
        else:
            self.lanes.put(posted.conversation, posted.at, self._catch_up.completed(data))

    def _deleted(self, data: Payload) -> None:
        self._put(inbound.deleted(data, data["id"], self._now()))

    def _deleted_many(self, data: Payload) -> None:
        for message in data["ids"]:
            self._put(inbound.deleted(data, message, self._now()))

    def _reacted(self, data: Payload, *, added: bool) -> None:
        event = inbound.reacted(data, self.me, self._now(), added=added)
        if event is not None:
            self._put(event)

    # sessions and gaps

    def _ready(self, data: Payload) -> None:
        shard, shards = (int(number) for number in data.get("shard") or (0, 1))
        since = self._since()
        present = [guild["id"] for guild in data["guilds"]]
        self._awaited.update(dict.fromkeys(present, since))
        for guild in self.guilds.left(shard, shards, present):
            self._left(guild)
        if shard == 0:
            for channel in self.direct.known:
                self._read(None, channel, since)
        self._lost.discard(shard)

    def _resumed(self, data: Payload) -> None:
        self._lost.discard(int(data.get("__shard_id__") or 0))

    def _guild_came(self, data: Payload) -> None:
        if data.get("unavailable"):
            return
        guild = data["id"]
        self.lanes.put(inbound.removal_of(guild), self._now(), lambda: self.guilds.note(guild))
        since = self._awaited.pop(guild, None)
        if since is None:
            return
        horizon = snowflake_at(since)
        for channel in [*data.get("channels", ()), *data.get("threads", ())]:
            if int(channel.get("last_message_id") or 0) > horizon:
                self._read(guild, channel["id"], since)

    def _guild_went(self, data: Payload) -> None:
        if data.get("unavailable"):
            self._awaited.setdefault(data["id"], self._since())
            return
        self._awaited.pop(data["id"], None)
        self._left(data["id"])

    def _left(self, guild: str) -> None:
        event = inbound.removed(guild, self._now())
        self._put(event)
        self.lanes.put(event.conversation, event.at, lambda: self.guilds.forget(guild))

    def _read(self, guild: str | None, channel: str, since: datetime) -> None:
        conversation = conversation_id(guild, channel)
        self.lanes.put(conversation, since, self._catch_up.of(conversation, since))

    def _since(self) -> datetime:
        """Return from when on something may be missing."""
        begin = (self.reached() or self._bookmark) - self._settings.catch_up_margin
        return max(begin, self._began, self._now() - self._settings.catch_up_most)

    async def _take_missed(self, data: Payload) -> None:
        receive = self._receive
        if receive is None:
            return
        try:
            event = inbound.received(data, self.me, self._threads)
            edited = inbound.edited(data, self.me, self._threads)
            posted = self._posts.posted(data) if self._posts and self._watched(data) else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("Discord: skipped a malformed message (%s)", type(error).__name__)
            return
        if event is not None and await receive(event):
            logger.info("Discord: took in a message that was missed")
        elif edited is not None:
            await receive(edited)  # Its first form was heard before the gap.
        if posted is not None:
            await receive(posted)
