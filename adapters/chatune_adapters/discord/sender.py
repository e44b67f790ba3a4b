"""The way out to Discord: one visible reply for each event, however often it is tried.

A public reply is exact: posts carry an enforced nonce, and for an event that this process did not
take in, or whose outcome is unknown, the channel is searched first. Discord's protocol cannot make
two cases exact: a follow-up that one person alone sees, posted while the connection broke or the
process was killed, may be shown twice; and so may a direct message in place of a private reply if
the person's history there cannot be read.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from anyio.abc import TaskStatus

from chatune_adapters.discord.earlier import Earlier, shown_earlier
from chatune_adapters.discord.errors import (
    CANNOT_SEND_TO_USER,
    TOKEN_GONE,
    UNKNOWN_MESSAGE,
    OutcomeUnknown,
    Refused,
    as_delivery_error,
)
from chatune_adapters.discord.growing import BEING_POSTED, NOBODY_KNOWS, Growing
from chatune_adapters.discord.ids import (
    channel_of,
    is_direct,
    message_key,
    nonce_of,
    snowflake_in,
)
from chatune_adapters.discord.outlets import (
    Body,
    ChannelOutlet,
    Outlet,
    TokenOutlet,
    message_body,
)
from chatune_adapters.discord.owed import Owed
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.discord.taken import Taken
from chatune_adapters.discord.via import Via, via_in
from chatune_adapters.drafts import Drafts
from chatune_adapters.healing import healed
from chatune_adapters.splitting import split
from chatune_core.errors import DeliveryRefused, RetryLater
from chatune_core.fitting import STOP
from chatune_core.messages import Button, EventKey, File, Inbound, MessageKey, Reply, UserId
from chatune_core.ports import Capabilities

logger = logging.getLogger(__name__)
CONTENT_CHARS = 2000
_PREVIEW_CHARS = 1900
_FILES = 10
_UNDER_WAY = 1000
_AGAIN = 4
_MOMENT = timedelta(seconds=0.05)
_TOO_LARGE = 413
_NO_DIRECT = "I cannot send you a direct message; use the slash command to see this privately."


@dataclass(frozen=True, slots=True)
class Draft:
    """The message that shows an unfinished answer."""

    outlet: Outlet
    message: str


@dataclass(slots=True)
class _Delivery:
    """What is shown of one reply: `there` in order of its parts, the first `done` finished."""

    outlet: Outlet
    there: list[str] = field(default_factory=list)
    done: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()


class DiscordSender:
    """Fulfils `Sender`; usable while the calls of `rest` are."""

    capabilities = Capabilities(buttons=True, files=True)

    def __init__(
        self, rest: Rest, settings: DiscordSettings, taken: Taken, now: Callable[[], datetime]
    ) -> None:
        self._rest, self._taken, self._now = rest, taken, now
        self._drafts: Drafts[Draft] = Drafts(self, settings.preview_every.total_seconds())
        self._under_way: OrderedDict[EventKey, _Delivery] = OrderedDict()
        self._owed, self._growing = Owed(time.monotonic), Growing()
        self.me = ""

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Write previews until cancelled."""
        await self._drafts.run(task_status=task_status)

    # previews

    def preview(self, event: Inbound, text: str) -> None:
        """See Sender.preview."""
        self._drafts.preview(event, text)

    def waiting(self, event: Inbound, position: int) -> None:
        """See Sender.waiting."""
        self._drafts.waiting(event, position)

    async def begin(self, event: Inbound, text: str) -> Draft | None:
        """See DraftWriter.begin."""
        self._owed.check(event.conversation, event.key)
        via = via_in(event.via)
        outlet = await self._outlet(event.key, channel_of(event.conversation), via)
        body = message_body(_unfinished(text), [STOP], unfinished=True)
        if isinstance(outlet, ChannelOutlet):
            if self._growing.is_posting(event.conversation):
                raise RetryLater("another answer is just being posted", _MOMENT)
            if self._growing.after(event.conversation, event.key):
                raise RetryLater("a later answer is shown already", timedelta(seconds=1))
            self._growing.add(event.conversation, event.key)
        message = NOBODY_KNOWS
        try:
            message = await self._first_preview(event.key, outlet, via, body)
        except Refused as error:
            logger.info("Discord: an answer grows unseen: %s", error)
            return None
        finally:
            if isinstance(outlet, ChannelOutlet):
                self._growing.add(event.conversation, event.key, message)
        return Draft(outlet, message)

    async def _first_preview(
        self, key: EventKey, outlet: Outlet, via: Via | None, body: Body
    ) -> str:
        if isinstance(outlet, ChannelOutlet) and key not in self._taken:
            found = await self._look(key, outlet, via)
            if found.parts:
                await outlet.edit(found.parts[0], body, spare=True)
                return found.parts[0]
            if found.unfinished:
                raise RetryLater("a later answer is shown already", timedelta(seconds=1))
        return await outlet.post(nonce_of(key, 0), body, first=True, spare=True)

    async def update(self, draft: Draft, text: str) -> None:
        """See DraftWriter.update."""
        body = message_body(_unfinished(text), [STOP], unfinished=True)
        try:
            await draft.outlet.edit(draft.message, body, spare=True)
        except Refused as error:
            logger.info("Discord: an answer grows unseen: %s", error)

    async def typing(self, event: Inbound, position: int) -> None:
        """See DraftWriter.typing. A deferred answer says by itself that the bot is thinking."""
        via = via_in(event.via)
        if via is not None and (via.original or via.hidden):
            return
        channel = channel_of(event.conversation)
        try:
            await self._rest.call("POST", "/channels/{channel}/typing", spare=True, channel=channel)
        except Refused as error:
            logger.info("Discord: typing is not shown: %s", error)

    # replies

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See Sender.deliver."""
        self._owed.note(reply.conversation, reply.answers)
        try:
            shown = await self._deliver(reply)
        except DeliveryRefused:
            self._owed.settle(reply.conversation)
            raise
        self._owed.settle(reply.conversation)
        return shown

    async def _deliver(self, reply: Reply) -> Sequence[MessageKey]:
        draft = await self._drafts.finish(reply.answers)
        try:
            delivery = await self._delivery(reply, draft)
            try:
                await self._show(reply, delivery)
            except Refused as error:
                delivery = await self._other_way(reply, delivery, error)
        except Refused as error:
            raise as_delivery_error(error) from error
        except OutcomeUnknown:
            self._taken.forget(reply.answers)
            raise
        self._under_way.pop(reply.answers, None)
        self._growing.end(reply.answers)
        self._taken.add(reply.answers)
        return [message_key(message) for message in delivery.there]

    async def _delivery(self, reply: Reply, draft: Draft | None) -> _Delivery:
        """Return where the reply goes and what is there already."""
        via = via_in(reply.via)
        delivery = self._under_way.get(reply.answers)
        if delivery is None:
            if draft is not None and reply.private and not draft.outlet.hidden:
                await _remove(draft.outlet, draft.message)
                draft = None
            if draft is not None:
                delivery = _Delivery(draft.outlet, [draft.message])
            else:
                delivery = _Delivery(await self._outlet_for(reply, via))
            self._keep(reply.answers, delivery)
        await self._make_room(reply, delivery, via)
        return delivery

    async def _make_room(self, reply: Reply, delivery: _Delivery, via: Via | None) -> None:
        """Find what is there already; if nothing is, take away what stands in its place."""
        outlet = delivery.outlet
        in_the_way = self._growing.after(reply.conversation, reply.answers)
        if BEING_POSTED in in_the_way and not delivery.there:
            raise RetryLater("a later answer is just being posted", _MOMENT)
        looks = reply.answers not in self._taken or NOBODY_KNOWS in in_the_way
        if looks and isinstance(outlet, ChannelOutlet):
            found = await self._look(reply.answers, outlet, via)
            if len(found.parts) > len(delivery.there):
                delivery.there = found.parts
            in_the_way = found.unfinished
        if not delivery.there:
            # Shown before their turn: they come again, below this reply.
            place = ChannelOutlet(self._rest, channel_of(reply.conversation))
            for message in in_the_way:
                await _remove(place, message)

    def _keep(self, answers: EventKey, delivery: _Delivery) -> None:
        self._under_way[answers] = delivery
        if len(self._under_way) > _UNDER_WAY:
            self._under_way.popitem(last=False)

    async def _look(self, answers: EventKey, outlet: ChannelOutlet, via: Via | None) -> Earlier:
        return await shown_earlier(
            self._rest, self.me, outlet.channel, answers, outlet.reference, via
        )

    async def _show(self, reply: Reply, delivery: _Delivery) -> None:
        for index, part in enumerate(_parts(reply)):
            if index < delivery.done:
                continue
            message = await self._show_part(reply.answers, index, part, delivery)
            delivery.there[index : index + 1] = [message]
            delivery.done = index + 1

    async def _show_part(
        self, answers: EventKey, index: int, part: _Part, delivery: _Delivery
    ) -> str:
        outlet, there = delivery.outlet, delivery.there
        body = message_body(part.text, part.buttons, part.files)
        nonce = nonce_of(answers, index)
        try:
            if index < len(there):
                await outlet.edit(there[index], body, part.files)
                return there[index]
            return await outlet.post(nonce, body, part.files, first=index == 0)
        except Refused as error:
            if error.status == _TOO_LARGE and part.files:
                return await self._show_part(answers, index, _without_files(part), delivery)
            if error.code == UNKNOWN_MESSAGE and isinstance(outlet, ChannelOutlet):
                return await _anew(outlet, answers, index, body, part.files)
            raise

    async def _other_way(self, reply: Reply, delivery: _Delivery, error: Refused) -> _Delivery:
        """Show the reply where it can be shown, after `error` says that it cannot as planned."""
        channel, via = channel_of(reply.conversation), via_in(reply.via)
        reference = _reference(reply.answers, via)
        gone = error.code in TOKEN_GONE or error.code == UNKNOWN_MESSAGE
        if reply.private and error.code == CANNOT_SEND_TO_USER:
            reply = replace(reply, text=_NO_DIRECT, buttons=(), files=())
            other = _Delivery(ChannelOutlet(self._rest, channel, reference))
        elif isinstance(delivery.outlet, TokenOutlet) and gone:
            other = _Delivery(await self._outlet_for(reply, None, reference))
        else:
            raise error
        if reply.answers not in self._taken and isinstance(other.outlet, ChannelOutlet):
            other.there = (await self._look(reply.answers, other.outlet, via)).parts
        self._keep(reply.answers, other)
        await self._show(reply, other)
        return other

    # where replies go

    async def _outlet(self, key: EventKey, channel: str, via: Via | None) -> Outlet:
        """Return where the public answer to an event goes."""
        if via is not None and (via.original or via.hidden) and via.lives(self._now()):
            await self._taken.answered(key)
            return TokenOutlet(self._rest, via, hidden=via.hidden)
        return ChannelOutlet(self._rest, channel, _reference(key, via))

    async def _outlet_for(self, reply: Reply, via: Via | None, reference: str = "") -> Outlet:
        channel = channel_of(reply.conversation)
        if not reply.private:
            if via is None and reference:
                return ChannelOutlet(self._rest, channel, reference)
            return await self._outlet(reply.answers, channel, via)
        if via is not None and via.lives(self._now()):
            return await self._hidden(reply.answers, via)
        if is_direct(reply.conversation):
            return ChannelOutlet(self._rest, channel, reference or _reference(reply.answers, via))
        return await self._direct(reply.user, channel, reference)

    async def _hidden(self, key: EventKey, via: Via) -> Outlet:
        await self._taken.answered(key)
        if via.original and not via.hidden:
            # Everyone sees that the bot is thinking: that line goes, and the person gets theirs.
            await _remove(TokenOutlet(self._rest, via, hidden=False), "@original")
            via = replace(via, original=False)
        return TokenOutlet(self._rest, via, hidden=True)

    async def _direct(self, user: UserId, channel: str, reference: str) -> Outlet:
        person = user.partition(":")[2]
        opened = await self._rest.call("POST", "/users/@me/channels", {"recipient_id": person})
        return ChannelOutlet(self._rest, opened["id"])


def _reference(key: EventKey, via: Via | None) -> str:
    """Return the message that a public answer refers to."""
    return via.message if via is not None else snowflake_in(key)


async def _anew(
    outlet: Outlet, answers: EventKey, index: int, body: Body, files: Sequence[File]
) -> str:
    """Show a part once more that was deleted while it grew."""
    for again in range(1, _AGAIN):
        try:
            return await outlet.post(nonce_of(answers, index, again), body, files, first=False)
        except Refused as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
    raise DeliveryRefused("the message was deleted each time that it was shown")


async def _remove(outlet: Outlet, message: str) -> None:
    try:
        await outlet.remove(message)
    except Refused as error:
        if error.status != 404:
            raise


def _unfinished(text: str) -> str:
    """Return the end of an unfinished text, as much as a message shows."""
    text = text.strip()
    if len(text) > _PREVIEW_CHARS:
        text = "…\n" + split(text, _PREVIEW_CHARS)[-1]
    return healed(text)[:CONTENT_CHARS]


def _parts(reply: Reply) -> list[_Part]:
    """Return the messages that the reply takes: buttons and files with the last."""
    texts = split(reply.text, CONTENT_CHARS) or [""]
    packs = [reply.files[at : at + _FILES] for at in range(0, len(reply.files), _FILES)] or [()]
    if not texts[-1] and not packs[0]:
        texts = ["(There is nothing to say.)"]
    parts = [_Part(text) for text in texts[:-1]]
    parts.append(_Part(texts[-1], (), packs[0]))
    parts += [_Part("", (), pack) for pack in packs[1:]]
    parts[-1] = replace(parts[-1], buttons=reply.buttons)
    return parts


def _without_files(part: _Part) -> _Part:
    names = ", ".join(file.name for file in part.files)[:200]
    line = f"(Too large for Discord: {names})"
    return _Part(f"{part.text[: CONTENT_CHARS - len(line) - 1]}\n{line}".strip(), part.buttons)
