"""What the bot may do on Discord about messages and people. All of it may be repeated."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from chatune_adapters.discord.errors import (
    UNKNOWN_CHANNEL,
    UNKNOWN_EMOJI,
    UNKNOWN_MEMBER,
    UNKNOWN_MESSAGE,
    Refused,
    as_measure_error,
)
from chatune_adapters.discord.ids import aside_of, channel_of, guild_of, is_thread, snowflake_in
from chatune_adapters.discord.rest import Rest
from chatune_core.errors import MeasureRefused
from chatune_core.messages import ConversationId, MessageKey, UserId
from chatune_core.moderation.cases import Measure
from chatune_core.ports import KeyValues

logger = logging.getLogger(__name__)
_PAUSE = ":pause:"
"""In the name of a note about a channel's slow mode."""
_FLAG = quote("\N{WARNING SIGN}\N{VARIATION SELECTOR-16}")
_LONGEST_TIME_OUT = timedelta(days=28) - timedelta(minutes=1)
"""Discord takes 28 days; the minute is for clocks that differ."""
_SLOWEST_S = 21_600
_REMEMBERED = 10_000
_NEVER = datetime.min.replace(tzinfo=UTC)
_GONE = frozenset({UNKNOWN_MESSAGE, UNKNOWN_CHANNEL, UNKNOWN_EMOJI})


@dataclass(frozen=True, slots=True)
class _Slowed:
    """The slow mode that was replaced, the one that replaced it, in seconds, and when that ends."""

    earlier: int
    pause: int
    until: datetime | None

    def __str__(self) -> str:
        end = f" {self.until.isoformat()}" if self.until else ""
        return f"{self.earlier} {self.pause}{end}"

    @classmethod
    def noted(cls, note: str | None) -> "_Slowed | None":
        """Return what `note` says."""
        if note is None:
            return None
        earlier, pause, *end = note.split()
        return cls(int(earlier), int(pause), datetime.fromisoformat(end[0]) if end else None)


class DiscordEnforcer:
    """Fulfils `Enforcer`. What a moderator set by hand is never made milder."""

    measures = frozenset(Measure)

    def __init__(self, rest: Rest, store: KeyValues, now: Callable[[], datetime]) -> None:
        """Note in `store` the slow mode that was replaced."""
        self._rest, self._store, self._now = rest, store, now
        self._silenced: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    async def remove(self, conversation: ConversationId, message: MessageKey) -> None:
        """See Enforcer.remove."""
        number = snowflake_in(message)
        try:
            await self._rest.call(
                "DELETE",
                "/channels/{channel}/messages/{message}",
                reason=_reason(f"message {number}"),
                channel=channel_of(conversation),
                message=number,
            )
        except Refused as error:
            if error.code not in _GONE:
                raise as_measure_error(error, "Manage Messages") from error

    async def flag(self, conversation: ConversationId, message: MessageKey, *, on: bool) -> None:
        """See Enforcer.flag. The mark is a reaction of the bot's; a message that is gone has none."""
        try:
            await self._rest.call(
                "PUT" if on else "DELETE",
                "/channels/{channel}/messages/{message}/reactions/{emoji}/@me",
                channel=channel_of(conversation),
                message=snowflake_in(message),
                emoji=_FLAG,
            )
        except Refused as error:
            if error.code not in _GONE:
                raise as_measure_error(error, "Add Reactions") from error

    async def time_out(
        self, conversation: ConversationId, user: UserId, until: datetime | None
    ) -> None:
        """See Enforcer.time_out. Discord takes at most 28 days.

        A longer time-out that this process did not set stays.
        """
        guild, person = guild_of(conversation), user.rpartition(":")[2]
        if guild is None:
            raise MeasureRefused("only possible in a server")
        if until is not None:
            until = min(until, self._now() + _LONGEST_TIME_OUT)
            if until <= self._now() or until < await self._set_by_others(guild, person):
                return
        try:
            await self._rest.call(
                "PATCH",
                "/guilds/{guild}/members/{person}",
                {"communication_disabled_until": until.isoformat() if until else None},
                reason=_reason(f"channel {channel_of(conversation)}"),
                guild=guild,
                person=person,
            )
        except Refused as error:
            if until is None and error.code == UNKNOWN_MEMBER:
                return
            raise as_measure_error(error, "Timeout Members", above=True) from error
        self._silenced.pop((guild, person), None)
        if until is not None:
            self._silenced[guild, person] = until
            if len(self._silenced) > _REMEMBERED:
                self._silenced.popitem(last=False)

    async def _set_by_others(self, guild: str, person: str) -> datetime:
        """Return until when a person is silenced by anyone else; the distant past if by no one."""
        try:
            member = await self._rest.call(
                "GET", "/guilds/{guild}/members/{person}", guild=guild, person=person
            )
        except Refused as error:
            raise as_measure_error(error, "Timeout Members") from error
        told = member.get("communication_disabled_until")
        until = datetime.fromisoformat(told) if told else _NEVER
        ours = self._silenced.get((guild, person), _NEVER)
        return _NEVER if abs(until - ours) < timedelta(seconds=1) else until

    async def slow_down(
        self, conversation: ConversationId, pause: timedelta, until: datetime | None = None
    ) -> None:
        """See Enforcer.slow_down. A slower channel stays so; its end brings back what was before."""
        guild = guild_of(conversation)
        if guild is None:
            raise MeasureRefused("only possible in a server")
        channel, wanted = channel_of(conversation), round(pause.total_seconds())
        note = f"discord:{guild}{_PAUSE}{channel}"
        try:
            if wanted > 0:
                await self._slow(channel, min(wanted, _SLOWEST_S), until, note)
            else:
                await self._lift(channel, note)
        except Refused as error:
            permission = "Manage Threads" if is_thread(conversation) else "Manage Channels"
            raise as_measure_error(error, permission) from error

    async def lift_ended(self) -> None:
        """Lift every slow mode whose time is over. One that cannot be lifted is tried again later.

        Raises:
            RetryLater: an outage or a limit.
        """
        for note in await self._store.names("discord:"):
            _, found, channel = note.partition(_PAUSE)
            slowed = _Slowed.noted(await self._store.get(note)) if found else None
            if slowed is None or slowed.until is None or slowed.until > self._now():
                continue
            try:
                await self._lift(channel, note)
            except Refused as error:
                if error.code == UNKNOWN_CHANNEL:
                    await self._store.delete(note)
                else:
                    logger.info("slow mode of channel %s cannot be lifted: %s", channel, error)

    async def _slow(self, channel: str, wanted: int, until: datetime | None, note: str) -> None:
        present = await self._pause(channel)
        slowed = _Slowed.noted(await self._store.get(note))
        ours = slowed is not None and slowed.pause == present
        if present >= wanted and not ours:
            return
        earlier = slowed.earlier if slowed and ours else present
        if slowed and ours and until is not None:
            until = max(until, slowed.until) if slowed.until else None
        pause = max(present, wanted)
        await self._store.put(note, str(_Slowed(earlier, pause, until)))
        if pause > present:
            await self._set_pause(channel, pause)

    async def _lift(self, channel: str, note: str) -> None:
        slowed = _Slowed.noted(await self._store.get(note))
        if slowed is None:
            return
        if await self._pause(channel) == slowed.pause:
            await self._set_pause(channel, slowed.earlier)
        await self._store.delete(note)

    async def _pause(self, channel: str) -> int:
        told = await self._rest.call("GET", "/channels/{channel}", channel=channel)
        return int(told.get("rate_limit_per_user") or 0)

    async def _set_pause(self, channel: str, seconds: int) -> None:
        body: dict[str, Any] = {"rate_limit_per_user": seconds}
        reason = _reason(f"channel {channel}")
        await self._rest.call("PATCH", "/channels/{channel}", body, reason=reason, channel=channel)

    def aside(self, conversation: ConversationId, user: UserId) -> ConversationId:
        """See Enforcer.aside. It is a direct message, and the channel where there is none."""
        return aside_of(conversation, user)


def _reason(about: str) -> str:
    """Return what the audit log of the server says; it never holds what anyone wrote."""
    return f"Community moderation: {about}"
