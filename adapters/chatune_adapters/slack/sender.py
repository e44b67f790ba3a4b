"""The way out: a reply becomes exactly one set of visible messages, whatever the wire does.

Every message carries the event that it answers in its metadata. A reply to an event that this
process did not take in, or whose last try ended unclear, is looked for before anything is posted,
and what is found is edited. So is whatever is announced because of an event: no process knows by
itself that another has not sent it. Nothing that is sent mentions or notifies anybody.

What Slack's protocol cannot make exact: ephemeral messages and answers through a response URL are
in no history, so after an unclear outcome they are sent again; a file whose name is in the thread
already counts as sent; without the scope to read a conversation nothing can be looked up.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from chatune_adapters.drafts import Drafts
from chatune_adapters.slack import blocks, files, lookup
from chatune_adapters.slack.blocks import Body
from chatune_adapters.slack.errors import ApiRefused, Limited, refused
from chatune_adapters.slack.ids import (
    Place,
    announced,
    message_key,
    place_of,
    place_of_message,
    slack_user,
    ts_of,
)
from chatune_adapters.slack.limits import POST
from chatune_adapters.slack.lookup import Found, metadata
from chatune_adapters.slack.memory import Recent, doubt
from chatune_adapters.slack.mrkdwn import harmless
from chatune_adapters.slack.private import AWAY, respond, whisper
from chatune_adapters.slack.streaming import DEAD_STREAM, STREAM_AT_MOST, Draft, Writer
from chatune_adapters.slack.threads import Threads
from chatune_adapters.slack.via import read_via
from chatune_adapters.slack.web import Web
from chatune_core.errors import RetryLater
from chatune_core.messages import EventKey, Inbound, MessageKey, Reply
from chatune_core.ports import Capabilities

logger = logging.getLogger(__name__)
_GONE = frozenset(("message_not_found", "cant_update_message", "edit_window_closed"))
_PEOPLE = 10_000
_EARLIER_S = 120.0  # how far Slack's clock may be behind ours
_EARLIEST = timedelta(days=1)  # where nothing says when a reply was asked for


class SlackSender:
    """Fulfils `Sender`. `known` holds the events that this process took in, and whether it is certain what
    is shown of them."""

    def __init__(
        self,
        web: Web,
        writer: Writer,
        drafts: Drafts[Draft],
        known: Recent[EventKey, bool],
        threads: Threads,
        now: Callable[[], datetime],
    ) -> None:
        self._web, self._writer, self._drafts, self._known = web, writer, drafts, known
        self._threads, self._now = threads, now
        self._direct: Recent[str, str] = Recent(_PEOPLE)

    @property
    def capabilities(self) -> Capabilities:
        """See Sender.capabilities."""
        return Capabilities(buttons=True, files=True)

    def preview(self, event: Inbound, text: str) -> None:
        """See Sender.preview."""
        self._writer.announce(event)
        self._drafts.preview(event, text)

    def waiting(self, event: Inbound, position: int) -> None:
        """See Sender.waiting."""
        self._writer.announce(event)
        self._drafts.waiting(event, position)

    async def deliver(self, reply: Reply) -> Sequence[MessageKey]:
        """See Sender.deliver."""
        place = place_of(reply.conversation)
        draft = await self._drafts.finish(reply.answers)
        try:
            if reply.private and not place.direct:
                shown = await self._privately(reply, place, draft)
            else:
                shown = await self._publicly(reply, place, draft)
        except Limited:
            raise
        except RetryLater:  # unclear, or cut short between two calls
            doubt(self._known, reply.answers)
            raise
        except ApiRefused as error:
            self._writer.settled(reply.answers, reply.conversation)
            raise refused(error) from error
        self._writer.settled(reply.answers, reply.conversation)
        if not announced(reply.answers):
            await self._joined(place)
        return [message_key(where.team, where.channel, ts) for where, ts in shown]

    async def _publicly(
        self, reply: Reply, place: Place, draft: Draft | None
    ) -> list[tuple[Place, str]]:
        place, found = await self._looked_for(reply, await self._opened(place))
        if reply.replaces is not None:
            _take_over(reply.replaces, place, found)
            await self._taken_back(draft)
            draft = None
        if draft is not None:
            place = draft.place
            found.parts.setdefault(0, draft.ts)
        if draft is not None and draft.streaming and draft.ts == found.parts[0]:
            if await self._finish_stream(reply, draft):
                await self._share(reply, place, found)
                return [(place, draft.ts)]
        elif 0 not in found.parts and not announced(reply.answers):
            stream = self._writer.stream_of(reply.answers, place, found.unfinished)
            found.parts |= {0: stream} if stream else {}
        try:
            shown = await self._show(reply, place, found)
        except ApiRefused as error:
            if error.code not in AWAY:
                raise
            await self._respond(reply, error)
            return []
        await self._share(reply, place, found)
        return shown

    async def _show(self, reply: Reply, place: Place, found: Found) -> list[tuple[Place, str]]:
        """Edit the parts that are there, post those that are not."""
        shown = []
        for part, body in enumerate(blocks.bodies(reply.text, reply.buttons)):
            ts = found.parts.get(part)
            if ts is None or not await self._edited(reply, place, ts, part, body):
                ts = await self._posted(reply, place, part, body)
            shown.append((place, ts))
            doubt(self._known, reply.answers)  # were the rest to fail, this part is looked for
        return shown

    async def _posted(self, reply: Reply, place: Place, part: int, body: Body) -> str:
        answer = await self._web.call(
            place.team,
            POST,
            reply.answers,
            channel=place.channel,
            thread_ts=place.thread or None,
            text=body.text,
            blocks=list(body.blocks) or None,
            metadata=metadata(reply.answers, part),
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(answer["ts"])

    async def _edited(self, reply: Reply, place: Place, ts: str, part: int, body: Body) -> bool:
        """Make a message show a part; False if it cannot be changed any more."""
        marked = metadata(reply.answers, part)
        try:
            try:
                await self._writer.edit(place, ts, body, metadata=marked)
            except ApiRefused as error:
                if error.code != "streaming_state_conflict":
                    raise
                await self._halt(Draft(place, ts, True))
                await self._writer.edit(place, ts, body, metadata=marked)
        except ApiRefused as error:
            if error.code not in _GONE:
                raise
            return False
        return True

    async def _halt(self, draft: Draft) -> None:
        """End a stream, which may have died just now."""
        try:
            await self._writer.stop(draft)
        except ApiRefused as error:
            if error.code != DEAD_STREAM:
                raise

    async def _finish_stream(self, reply: Reply, draft: Draft) -> bool:
        """End a stream so that it shows the reply; False if it has to be edited for that."""
        fits = reply.text.startswith(draft.sent) and len(reply.text) <= STREAM_AT_MOST
        rest = harmless(reply.text)[len(harmless(draft.sent)) :] if fits else ""
        rows = list(blocks.button_rows(reply.buttons)) if fits else []
        try:
            await self._writer.stop(
                draft,
                markdown_text=rest or None,
                blocks=rows or None,
                metadata=metadata(reply.answers, 0),
            )
        except ApiRefused as error:
            logger.info("%s; editing instead", error)
            draft.streaming = draft.streaming and error.code != DEAD_STREAM
            return False
        return fits

    async def _found(self, reply: Reply, place: Place) -> Found:
        """Return what is shown of the reply already; nothing for an event of this process."""
        if self._known.get(reply.answers):
            return Found()
        try:
            return await lookup.find(self._web, place, reply.answers, self._since(reply))
        except ApiRefused as error:
            logger.info("earlier messages cannot be looked up: %s", error)
            return Found()

    async def _looked_for(self, reply: Reply, place: Place) -> tuple[Place, Found]:
        """Return where the reply goes and what is shown of it already.

        What is announced to a thread goes to the channel where somebody has deleted the thread.
        """
        if place.thread and announced(reply.answers):
            try:
                since = self._since(reply)
                return place, await lookup.find(self._web, place, reply.answers, since)
            except ApiRefused as error:
                if error.code == "thread_not_found":
                    place = Place(place.team, place.channel)
        return place, await self._found(reply, place)

    def _since(self, reply: Reply) -> str:
        """Return the ts before which nothing of the reply can be there."""
        if ts := ts_of(reply.answers):
            return ts
        asked_at = read_via(reply.via).at
        if asked_at:
            return f"{asked_at - _EARLIER_S:.6f}"
        return f"{(self._now() - _EARLIEST).timestamp():.6f}"

    async def _share(self, reply: Reply, place: Place, found: Found) -> None:
        left = [file for file in reply.files if file.name not in found.files]
        if left:
            doubt(self._known, reply.answers)  # from here on something of it may be visible
            await files.share(self._web, place, left)

    async def _opened(self, place: Place) -> Place:
        """Return the direct messages with a user in place of the user."""
        if place.channel[:1] not in ("U", "W"):
            return place
        if (known := self._direct.get(place.channel)) is None:
            answer = await self._web.call(place.team, "conversations.open", users=place.channel)
            known = str(answer["channel"]["id"])
            self._direct.put(place.channel, known)
        return Place(place.team, known)

    async def _privately(
        self, reply: Reply, place: Place, draft: Draft | None
    ) -> list[tuple[Place, str]]:
        await self._taken_back(draft)  # others see it
        shown = await whisper(self._web, reply, place)
        if reply.files:
            person = await self._opened(Place(place.team, slack_user(reply.user)))
            await self._share(reply, person, await self._found(reply, person))
        return shown

    async def _taken_back(self, draft: Draft | None) -> None:
        """Delete a preview that is not to become the reply."""
        if draft is None:
            return
        if draft.streaming:
            try:
                await self._halt(draft)
            except ApiRefused as error:
                logger.info("a stream cannot be ended: %s", error)
        await self._delete(draft.place, draft.ts)

    async def _joined(self, place: Place) -> None:
        try:
            await self._threads.join(place)
        except RetryLater as error:  # the reply is there, and that counts
            logger.warning("a thread is followed until the next start only: %s", error)

    async def _delete(self, place: Place, ts: str) -> None:
        try:
            await self._web.call(place.team, "chat.delete", channel=place.channel, ts=ts)
        except ApiRefused as error:
            logger.info("a preview stays: %s", error)

    async def _respond(self, reply: Reply, cause: ApiRefused) -> None:
        """Answer where the bot is no member: through the response URL, for all to see."""
        via = read_via(reply.via)
        for body in blocks.bodies(reply.text, reply.buttons):
            if not await respond(self._web, via, body, private=False):
                raise cause


def _take_over(replaced: MessageKey, place: Place, found: Found) -> None:
    """Let the message that is to be replaced show the reply, unless another does already."""
    where, ts = place_of_message(replaced)
    if where.channel == place.channel:
        found.parts.setdefault(0, ts)
