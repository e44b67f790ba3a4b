"""Previews: Slack's native streams in threads, post-and-edit elsewhere and where they fail.

A block in a stream stays in the message, and Slack's own stop button tells only apps of its choice.
So the person who asked is shown a button beside a stream that takes long, for them alone.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from chatune_adapters.healing import healed
from chatune_adapters.slack import blocks
from chatune_adapters.slack.errors import ApiRefused, Limited, Unclear
from chatune_adapters.slack.ids import Place, place_of, slack_user
from chatune_adapters.slack.limits import POST
from chatune_adapters.slack.lookup import metadata
from chatune_adapters.slack.memory import Recent, doubt
from chatune_adapters.slack.mrkdwn import harmless
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.slack.web import Answer, Web
from chatune_core.errors import RetryLater
from chatune_core.fitting import STOP
from chatune_core.messages import (
    ActionTaken,
    ConversationId,
    EventKey,
    Inbound,
    MessageReceived,
    UserId,
)

logger = logging.getLogger(__name__)
STREAM_AT_MOST = 11_000
STILL_WRITING = "I am still writing; this stops me."
_LINES = 10_000
_OVERDUE_S = 60.0  # an answer that takes longer to arrive does not hold up previews
_TURN = timedelta(milliseconds=200)
DEAD_STREAM = "message_not_in_streaming_state"


@dataclass(slots=True)
class Draft:
    """A preview that is shown. `sent` is what a running stream has been given so far.

    From `offer_at` on `user` is to be offered to stop it; None if that was done or is not needed.
    """

    place: Place
    ts: str
    streaming: bool = False
    sent: str = ""
    user: str = ""
    offer_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Answering:
    """Whose answer is being made; `until` it holds up the previews of later ones."""

    user: UserId
    until: float


class Writer:
    """Fulfils `DraftWriter`. `known` says of which events it is certain what is shown."""

    def __init__(self, web: Web, known: Recent[EventKey, bool], settings: SlackSettings) -> None:
        self._web, self._known, self._settings = web, known, settings
        self._refused: Recent[tuple[str, str], bool] = Recent(1_000)
        self._streams: Recent[str, EventKey] = Recent(10_000)
        self._uncertain: dict[EventKey, Place] = {}
        self._answering: dict[ConversationId, dict[EventKey, _Answering]] = {}
        self._statusless: Recent[str, bool] = Recent(1_000)

    def announce(self, event: Inbound) -> None:
        """Be told that the answer to `event` is being made."""
        line = self._answering.setdefault(event.conversation, {})
        line.setdefault(event.key, _Answering(event.user, time.monotonic() + _OVERDUE_S))
        if len(self._answering) > _LINES:
            self._answering.pop(next(iter(self._answering)))

    def running(self, place: Place, user: UserId) -> list[ConversationId]:
        """Return where in a channel, its threads included, an answer to `user` is being made."""
        channel = Place(place.team, place.channel).conversation
        return [
            conversation
            for conversation, line in self._answering.items()
            if f"{conversation}:".startswith(f"{channel}:")
            and any(answering.user == user for answering in line.values())
        ]

    def _is_next(self, event: Inbound) -> bool:
        """Return whether every earlier answer of the conversation is there: previews keep order."""
        line, now = self._answering.get(event.conversation, {}), time.monotonic()
        return all(answering.until < now for answering in _before(line, event.key))

    async def begin(self, event: Inbound, text: str) -> Draft | None:
        """See DraftWriter.begin. Answers that may be private are not previewed in channels."""
        place = place_of(event.conversation)
        public = isinstance(event, MessageReceived | ActionTaken)
        if not (public or place.direct) or not self._known.get(event.key):
            return None  # unknown: something of it may be shown already
        if not self._is_next(event):
            raise RetryLater("an earlier answer is not there yet", _TURN)
        try:
            if self._may_stream(place, text):
                try:
                    return await self._start(place, event, text)
                except ApiRefused as error:
                    logger.info("%s; posting and editing instead", error)
                    self._refused.put((place.team, place.channel), True)
            return await self._post(place, event, text)
        except Unclear:
            doubt(self._known, event.key)
            raise
        except ApiRefused as error:
            raise _no_preview(error) from error

    async def update(self, draft: Draft, text: str) -> None:
        """See DraftWriter.update."""
        try:
            if not draft.streaming:
                await self.edit(draft.place, draft.ts, blocks.preview(healed(text)))
            elif text.startswith(draft.sent) and len(text) <= STREAM_AT_MOST:
                await self._append(draft, text)
                await self._offer_to_stop(draft)
        except ApiRefused as error:
            if error.code != DEAD_STREAM:
                raise _no_preview(error) from error
            draft.streaming = False

    async def typing(self, event: Inbound, position: int) -> None:
        """See DraftWriter.typing: the status of an assistant thread."""
        place = place_of(event.conversation)
        if not (place.direct and place.thread) or place.team in self._statusless:
            return
        status = f"is busy, you are number {position} in line" if position else "is thinking..."
        try:
            await self._web.call(
                place.team,
                "assistant.threads.setStatus",
                channel_id=place.channel,
                thread_ts=place.thread,
                status=status,
            )
        except ApiRefused as error:
            logger.info("no status is shown: %s", error)
            self._statusless.put(place.team, True)

    async def edit(self, place: Place, ts: str, body: blocks.Body, **more: object) -> None:
        """Make a message of the bot show `body`."""
        await self._web.call(
            place.team,
            "chat.update",
            channel=place.channel,
            ts=ts,
            text=body.text,
            blocks=list(body.blocks),
            **more,
        )

    async def stop(self, draft: Draft, **more: object) -> None:
        """End the stream of a draft, with what is still to be said."""
        await self._web.call(
            draft.place.team,
            "chat.stopStream",
            channel=draft.place.channel,
            ts=draft.ts,
            **more,
        )
        draft.streaming = False

    def stream_of(self, event: EventKey, place: Place, unfinished: Sequence[str]) -> str:
        """Return which of the streams without an owner is of `event`, or "".

        Events of a conversation are answered one after the other, so it is the first of them;
        but the answer to a later event may be streaming already, known or in doubt.
        """
        if event in self._known and event not in self._uncertain:
            return next((ts for ts in unfinished if self._streams.get(ts) == event), "")
        free = [ts for ts in unfinished if self._streams.get(ts) in (None, event)]
        others = sum(where == place and other != event for other, where in self._uncertain.items())
        return free[0] if len(free) > others else ""

    def settled(self, event: EventKey, conversation: ConversationId) -> None:
        """Be told that the answer to `event` is delivered, or never will be."""
        self._uncertain.pop(event, None)
        line = self._answering.get(conversation, {})
        line.pop(event, None)
        if not line:
            self._answering.pop(conversation, None)

    def _may_stream(self, place: Place, text: str) -> bool:
        refused = (place.team, place.channel) in self._refused
        return (
            self._settings.stream
            and bool(place.thread)
            and not refused
            and len(text) <= STREAM_AT_MOST
        )

    async def _start(self, place: Place, event: Inbound, text: str) -> Draft:
        self._uncertain[event.key] = place  # until Slack says what has become of it
        try:
            answer = await self._started(place, event, text)
        except (ApiRefused, Limited):
            self._uncertain.pop(event.key)
            raise
        self._uncertain.pop(event.key)
        self._streams.put(answer["ts"], event.key)
        offer_at = time.monotonic() + self._settings.offer_to_stop_after_s
        return Draft(place, answer["ts"], True, text, slack_user(event.user), offer_at)

    async def _started(self, place: Place, event: Inbound, text: str) -> Answer:
        return await self._web.call(
            place.team,
            "chat.startStream",
            channel=place.channel,
            thread_ts=place.thread,
            recipient_team_id=place.team,
            recipient_user_id=slack_user(event.user),
            markdown_text=harmless(text),
        )

    async def _offer_to_stop(self, draft: Draft) -> None:
        """Show a button to the person who asked; at most once, and it does not matter if not."""
        if draft.offer_at is None or time.monotonic() < draft.offer_at:
            return
        draft.offer_at = None
        body = blocks.bodies(STILL_WRITING, (STOP,))[0]
        try:
            await self._web.call(
                draft.place.team,
                "chat.postEphemeral",
                channel=draft.place.channel,
                user=draft.user,
                thread_ts=draft.place.thread,
                text=body.text,
                blocks=list(body.blocks),
            )
        except (ApiRefused, RetryLater) as error:
            logger.info("no button is offered: %s", error)

    async def _post(self, place: Place, event: Inbound, text: str) -> Draft:
        body = blocks.preview(healed(text))
        answer = await self._web.call(
            place.team,
            POST,
            event.key,
            channel=place.channel,
            thread_ts=place.thread or None,
            text=body.text,
            blocks=list(body.blocks),
            metadata=metadata(event.key, 0),
            unfurl_links=False,
            unfurl_media=False,
        )
        return Draft(place, answer["ts"])

    async def _append(self, draft: Draft, text: str) -> None:
        more = harmless(text)[len(harmless(draft.sent)) :]
        if not more:
            return
        try:
            await self._web.call(
                draft.place.team,
                "chat.appendStream",
                channel=draft.place.channel,
                ts=draft.ts,
                markdown_text=more,
            )
        except Unclear:
            draft.sent = "\x00"  # nobody knows how much of it is there: the end replaces it
            raise
        draft.sent = text


def _no_preview(error: ApiRefused) -> RetryLater:
    """Return what lets previews rest: the reply itself will say what is wrong."""
    return RetryLater(str(error), timedelta(seconds=30))


def _before(line: Mapping[EventKey, _Answering], event: EventKey) -> Iterator[_Answering]:
    for key, answering in line.items():
        if key == event:
            return
        yield answering
