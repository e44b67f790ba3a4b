"""Where a reply goes: a channel, a direct message, or through the token of an interaction."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chatune_adapters.discord.catch_up import DirectMessages
from chatune_adapters.discord.errors import Refused
from chatune_adapters.discord.ids import channel_of, is_aside, is_direct, snowflake_in
from chatune_adapters.discord.outlets import ChannelOutlet, Outlet, TokenOutlet
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.taken import Taken
from chatune_adapters.discord.via import Via
from chatune_core.messages import EventKey, MessageKey, Reply, UserId

_OPENED = 10_000


class Ways:
    """Chooses the outlet of each reply."""

    def __init__(
        self, rest: Rest, taken: Taken, direct: DirectMessages, now: Callable[[], datetime]
    ) -> None:
        """Note in `direct` what is opened, so that what is answered there is heard."""
        self._rest, self._taken, self._direct, self._now = rest, taken, direct, now
        self._opened: OrderedDict[UserId, str] = OrderedDict()

    async def public(self, key: EventKey, channel: str, via: Via | None) -> Outlet:
        """Return where the public answer to an event goes."""
        if via is not None and (via.original or via.hidden) and via.lives(self._now()):
            await self._taken.answered(key)
            return TokenOutlet(self._rest, via, hidden=via.hidden)
        return ChannelOutlet(self._rest, channel, reference_of(key, via))

    async def of(self, reply: Reply, via: Via | None, reference: str = "") -> Outlet:
        """Return where the reply goes."""
        if is_aside(reply.conversation):
            return await self._with(reply.user)
        channel = channel_of(reply.conversation)
        if not reply.private:
            if via is None and reference:
                return ChannelOutlet(self._rest, channel, reference)
            return await self.public(reply.answers, channel, via)
        if via is not None and via.lives(self._now()):
            return await self._hidden(reply.answers, via)
        if is_direct(reply.conversation):
            return ChannelOutlet(self._rest, channel, reference or reference_of(reply.answers, via))
        return await self._with(reply.user)

    async def in_place(self, reply: Reply, message: MessageKey, via: Via | None) -> Outlet:
        """Return through what the bot's `message` is changed to show the reply."""
        if via is not None and via.hidden and via.lives(self._now()):
            await self._taken.answered(reply.answers)
            return TokenOutlet(self._rest, via, hidden=True, source=snowflake_in(message))
        if is_aside(reply.conversation):
            return await self._with(reply.user)
        return ChannelOutlet(self._rest, channel_of(reply.conversation))

    async def _hidden(self, key: EventKey, via: Via) -> Outlet:
        await self._taken.answered(key)
        if via.original and not via.hidden:
            # Everyone sees that the bot is thinking: that line goes, and the person gets theirs.
            await taken_away(TokenOutlet(self._rest, via, hidden=False), "@original")
            via = replace(via, original=False)
        return TokenOutlet(self._rest, via, hidden=True)

    async def _with(self, user: UserId) -> ChannelOutlet:
        """Return the direct messages with `user`."""
        channel = self._opened.get(user)
        if channel is None:
            person = user.partition(":")[2]
            opened = await self._rest.call("POST", "/users/@me/channels", {"recipient_id": person})
            channel = str(opened["id"])
            await self._direct.note(channel)
            self._opened[user] = channel
            if len(self._opened) > _OPENED:
                self._opened.popitem(last=False)
        return ChannelOutlet(self._rest, channel)


def reference_of(key: EventKey, via: Via | None) -> str:
    """Return the message that a public answer refers to."""
    return via.message if via is not None else snowflake_in(key)


async def taken_away(outlet: Outlet, message: str) -> None:
    """Delete `message`; nothing happens if it is gone."""
    try:
        await outlet.remove(message)
    except Refused as error:
        if error.status != 404:
            raise
