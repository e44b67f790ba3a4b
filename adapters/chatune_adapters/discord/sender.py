"""The way out to Discord: one visible reply for each event, however often it is tried.

A public reply is exact: posts carry an enforced nonce, and for an event that this process did not
take in, or whose outcome is unknown, the channel is searched first; follow-ups of a command, which
carry none, are known by its interaction there. Discord's protocol cannot make
two cases exact: a follow-up that one person alone sees, posted while the connection broke or the
process was killed, may be shown twice; and so may a direct message in place of a private reply if
the person's history there cannot be read.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from anyio.abc import TaskStatus

from chatune_adapters.discord.earlier import Earlier, Sought, shown_earlier
from chatune_adapters.discord.errors import (
    CANNOT_SEND_TO_USER,
    NOT_OUR_MESSAGE,
    TOKEN_GONE,
    UNKNOWN_MESSAGE,
    OutcomeUnknown,
    Refused,
    as_delivery_error,
)
from chatune_adapters.discord.growing import BEING_POSTED, NOBODY_KNOWS, Growing
from chatune_adapters.discord.ids import (
    channel_of,
    is_aside,
    message_key,
    nonce_of,
    snowflake_in,
    unreached_key,
)
from chatune_adapters.discord.outlets import (
    Body,
    ChannelOutlet,
    Outlet,
    TokenOutlet,
    message_body,
)
from chatune_adapters.discord.owed import Owed
from chatune_adapters.discord.parts import Part, parts_of, unfinished, without_files
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.settings import DiscordSettings
from chatune_adapters.discord.taken import Taken
from chatune_adapters.discord.via import Via, via_in
from chatune_adapters.discord.ways import Ways, reference_of, taken_away
from chatune_adapters.drafts import Drafts
from chatune_core.errors import DeliveryRefused, RetryLater
from chatune_core.fitting import STOP
from chatune_core.messages import EventKey, File, Inbound, MessageKey, Reply
from chatune_core.ports import Capabilities

logger = logging.getLogger(__name__)
_UNDER_WAY = 1000
_AGAIN = 4
_MOMENT = timedelta(seconds=0.05)
_TOO_LARGE = 413
_NO_DIRECT = "I cannot send you a direct message; use the slash command to see this privately."
_UNREACHED = (
    "<@{person}> There is a message for you, and you take no direct messages from me. Allow them "
    "in the privacy settings of this server to get the next one."
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The message that shows an unfinished answer."""

    outlet: Outlet
    message: str


@dataclass(slots=True)
class _Delivery:
    """What is shown of one reply: `there` in order of its parts, the first `done` finished.

    `in_place`: the first of them is a message that was there before, and is changed.
    """

    outlet: Outlet
    there: list[str] = field(default_factory=list)
    done: int = 0
    in_place: bool = False


class DiscordSender:
    """Fulfils `Sender`; usable while the calls of `rest` are."""

    capabilities = Capabilities(buttons=True, files=True)

    def __init__(self, rest: Rest, settings: DiscordSettings, taken: Taken, ways: Ways) -> None:
        self._rest, self._taken, self._ways = rest, taken, ways
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
        outlet = await self._ways.public(event.key, channel_of(event.conversation), via)
        body = message_body(unfinished(text), [STOP], unfinished=True)
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
            sought = Sought(key, outlet.reference, via)
            found = await shown_earlier(self._rest, self.me, outlet.channel, sought)
            if found.parts:
                await outlet.edit(found.parts[0], body, spare=True)
                return found.parts[0]
            if found.unfinished:
                raise RetryLater("a later answer is shown already", timedelta(seconds=1))
        return await outlet.post(nonce_of(key, 0), body, first=True, spare=True)

    async def update(self, draft: Draft, text: str) -> None:
        """See DraftWriter.update."""
        body = message_body(unfinished(text), [STOP], unfinished=True)
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
        if not _has_its_turn(reply):
            return await self._deliver(reply)
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
            try:
                delivery = await self._delivery(reply, draft)
                await self._show(reply, delivery)
            except Refused as error:
                delivery = await self._other_way(reply, error)
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
        via = _via(reply)
        delivery = self._under_way.get(reply.answers)
        if delivery is None:
            delivery = await self._begun(reply, via, draft)
            self._keep(reply.answers, delivery)
        if not delivery.in_place:
            await self._make_room(reply, delivery, via)
        elif len(parts_of(reply)) > 1 and not delivery.done:
            found = await self._look(reply, delivery.outlet, via, by_text=True)
            delivery.there[1:] = found.parts
        return delivery

    async def _begun(self, reply: Reply, via: Via | None, draft: Draft | None) -> _Delivery:
        if draft is not None and not _fits(reply, draft):
            await taken_away(draft.outlet, draft.message)
            draft = None
        if reply.replaces is not None:
            outlet = await self._ways.in_place(reply, reply.replaces, via)
            return _Delivery(outlet, [snowflake_in(reply.replaces)], in_place=True)
        if draft is not None:
            return _Delivery(draft.outlet, [draft.message])
        return _Delivery(await self._ways.of(reply, via))

    async def _make_room(self, reply: Reply, delivery: _Delivery, via: Via | None) -> None:
        """Find what is there already; if nothing is, take away what stands in its place."""
        in_the_way = self._growing.after(reply.conversation, reply.answers)
        if BEING_POSTED in in_the_way and not delivery.there:
            raise RetryLater("a later answer is just being posted", _MOMENT)
        looks = reply.answers not in self._taken or NOBODY_KNOWS in in_the_way
        if looks and not delivery.outlet.hidden:
            found = await self._look(reply, delivery.outlet, via, by_text=not _has_its_turn(reply))
            if len(found.parts) > len(delivery.there):
                delivery.there = found.parts
            if isinstance(delivery.outlet, ChannelOutlet):
                in_the_way = found.unfinished
        if not delivery.there and _has_its_turn(reply):
            # Shown before their turn: they come again, below this reply.
            place = ChannelOutlet(self._rest, channel_of(reply.conversation))
            for message in in_the_way:
                await taken_away(place, message)

    def _keep(self, answers: EventKey, delivery: _Delivery) -> None:
        self._under_way[answers] = delivery
        if len(self._under_way) > _UNDER_WAY:
            self._under_way.popitem(last=False)

    async def _look(
        self, reply: Reply, outlet: Outlet, via: Via | None, *, by_text: bool
    ) -> Earlier:
        if outlet.hidden:
            return Earlier([], [])
        bodies = [_body(part) for part in parts_of(reply)] if by_text else ()
        channel, reference = channel_of(reply.conversation), ""
        if isinstance(outlet, ChannelOutlet):
            channel, reference = outlet.channel, outlet.reference
        sought = Sought(reply.answers, reference, via, bodies)
        return await shown_earlier(self._rest, self.me, channel, sought)

    async def _show(self, reply: Reply, delivery: _Delivery) -> None:
        for index, part in enumerate(parts_of(reply)):
            if index < delivery.done:
                continue
            message = await self._show_part(reply.answers, index, part, delivery)
            delivery.there[index : index + 1] = [message]
            delivery.done = index + 1

    async def _show_part(
        self, answers: EventKey, index: int, part: Part, delivery: _Delivery
    ) -> str:
        outlet, there = delivery.outlet, delivery.there
        body, nonce = _body(part), nonce_of(answers, index)
        try:
            if index < len(there):
                await outlet.edit(there[index], body, part.files)
                return there[index]
            return await outlet.post(nonce, body, part.files, first=index == 0)
        except Refused as error:
            if error.status == _TOO_LARGE and part.files:
                return await self._show_part(answers, index, without_files(part), delivery)
            replaced = delivery.in_place and index == 0
            deleted = error.code == UNKNOWN_MESSAGE and isinstance(outlet, ChannelOutlet)
            if deleted and not replaced:
                return await _anew(outlet, answers, index, body, part.files)
            raise

    async def _other_way(self, reply: Reply, error: Refused) -> _Delivery:
        """Show the reply where it can be shown, after `error` says that it cannot as planned."""
        via, by_text = _via(reply), not _has_its_turn(reply)
        reply, outlet = await self._instead(reply, via, error)
        other = _Delivery(outlet)
        if reply.answers not in self._taken:
            other.there = (await self._look(reply, outlet, via, by_text=by_text)).parts
        self._keep(reply.answers, other)
        await self._show(reply, other)
        return other

    async def _instead(self, reply: Reply, via: Via | None, error: Refused) -> tuple[Reply, Outlet]:
        """Return what is shown in place of what was refused, and where."""
        delivery = self._under_way.get(reply.answers)
        reference = reference_of(reply.answers, via)
        gone = error.code == UNKNOWN_MESSAGE or error.code in TOKEN_GONE
        if delivery is not None and delivery.in_place and (gone or error.code == NOT_OUR_MESSAGE):
            anew = replace(reply, replaces=None)
            return anew, await self._ways.of(anew, via, reference)
        if reply.private and error.code in CANNOT_SEND_TO_USER:
            line = replace(reply, text=_NO_DIRECT, buttons=(), files=())
            if is_aside(reply.conversation):
                key = unreached_key(reply.answers, reply.user)
                text = _UNREACHED.format(person=reply.user.rpartition(":")[2])
                line = replace(line, answers=key, text=text)
            return line, ChannelOutlet(self._rest, channel_of(reply.conversation), reference)
        if delivery is not None and isinstance(delivery.outlet, TokenOutlet) and gone:
            return reply, await self._ways.of(reply, None, reference)
        raise error


def _fits(reply: Reply, draft: Draft) -> bool:
    """Return whether the reply may be shown where it grew."""
    return reply.replaces is None and (draft.outlet.hidden or not reply.private)


def _has_its_turn(reply: Reply) -> bool:
    """Return whether the reply is one of the conversation's answers, which have an order.

    What is announced, and what changes a message that stands where it stood, has none.
    """
    return reply.replaces is None and bool(snowflake_in(reply.answers))


def _via(reply: Reply) -> Via | None:
    """Return the return address; what nobody asked for has none."""
    return via_in(reply.via) if snowflake_in(reply.answers) else None


def _body(part: Part) -> Body:
    return message_body(part.text, part.buttons, part.files)


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
