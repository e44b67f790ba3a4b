"""What arrives: read, stored, and only then acknowledged.

Slack counts three seconds to the acknowledgement. An event that cannot be stored is not
acknowledged, so Slack brings it again; a command or a form, which Slack brings only once, is
answered with a request to try again.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import anyio
from anyio.abc import TaskGroup

from chatune_adapters.slack import interactions
from chatune_adapters.slack.blocks import Body
from chatune_adapters.slack.errors import ApiRefused
from chatune_adapters.slack.ids import Place, place_of, slack_user, workspace_id
from chatune_adapters.slack.inbound import Heard, heard, organisation
from chatune_adapters.slack.memory import Recent
from chatune_adapters.slack.names import Names
from chatune_adapters.slack.posts import posted
from chatune_adapters.slack.private import respond
from chatune_adapters.slack.settings import SlackSettings
from chatune_adapters.slack.threads import Threads
from chatune_adapters.slack.via import read_via
from chatune_adapters.slack.web import Web
from chatune_core.errors import RetryLater
from chatune_core.fitting import STOP
from chatune_core.logs import without_text
from chatune_core.messages import (
    BotRemoved,
    CommandInvoked,
    ConversationId,
    EventKey,
    Inbound,
    MessageDeleted,
    UserId,
)
from chatune_core.ports import Intake

logger = logging.getLogger(__name__)
Json = Mapping[str, Any]
AGAIN = "I could not take that in just now. Please try again in a moment."
_UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Ack:
    """How to acknowledge: not at all if `stored` is False, else with `body` if there is one."""

    stored: bool = True
    body: Json | None = None


_FINE = Ack()
_NOT_NOW = Ack(stored=False)


@dataclass(slots=True)
class _Turn:
    lock: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))
    present: int = 0


class Receiver:
    """Hands what arrives to the intake, in order within a conversation."""

    def __init__(
        self,
        settings: SlackSettings,
        intake: Intake,
        web: Web,
        threads: Threads,
        known: Recent[EventKey, bool],
        running: Callable[[Place, UserId], Sequence[ConversationId]],
        now: Callable[[], datetime],
        tasks: TaskGroup,
    ) -> None:
        self._settings, self._intake, self._web = settings, intake, web
        self._threads, self._known, self._now, self._tasks = threads, known, now, tasks
        self._running = running
        self._names = Names(web)
        self._turns: dict[Place, _Turn] = {}
        self._kinds: Mapping[str, Callable[[Json], Awaitable[Ack]]] = {
            "event_callback": self._event,
            "block_actions": self._press,
            "view_submission": self._submission,
            "message_action": self._message_shortcut,
            "shortcut": self._shortcut,
        }

    async def receive(self, body: Json) -> Ack:
        """Take in one payload. Never raises: a payload that cannot be read is done with."""
        kind = body.get("type") or ("command" if "command" in body else None)
        handle = self._slash if kind == "command" else self._kinds.get(str(kind))
        if handle is None:
            logger.info("a payload of type %.40r is skipped", kind)
            return _FINE
        try:
            if (within := organisation(body)) is not None:
                await self._web.workspaces.note(*within)
            return await handle(body)
        except RetryLater as error:
            logger.warning("a payload of type %s could not be stored: %s", kind, error)
            return _NOT_NOW
        except _UNREADABLE as error:
            # Slack would only send the same again, so it is acknowledged.
            failure = without_text(error)
            logger.error("a payload of type %s could not be read", kind, exc_info=failure)
            return _FINE

    async def _event(self, body: Json) -> Ack:
        event = body["event"]
        if event["type"] == "assistant_thread_started":
            self._tasks.start_soon(self._suggest, body["team_id"], event["assistant_thread"])
            return _FINE
        await self._watch(body)
        found = heard(body, {})
        if found is None or found.event.key in self._known:
            return _FINE
        async with self._in_turn(found.place):
            if found.event.key not in self._known:  # a mention comes as a message, too
                await self._take_in(body, found)
        return _FINE

    async def _watch(self, body: Json) -> None:
        """Store what was posted where the core watches, with who posted it."""
        post = posted(body, self._intake.watches)
        if post is not None:
            author = await self._names.person(
                place_of(post.conversation).team, slack_user(post.user)
            )
            await self._intake.receive(replace(post, name=author.name, roles=author.roles))

    async def _take_in(self, body: Json, found: Heard) -> None:
        place = found.place
        in_thread = bool(place.thread) and not place.direct
        if not found.addressed and not (in_thread and await self._threads.joined(place)):
            if isinstance(found.event, MessageDeleted) and self._intake.watches(place.conversation):
                await self._store(found.event)
            return
        if found.mentions:
            names = await self._names.of(place.team, found.mentions)
            found = heard(body, names) or found
        if isinstance(found.event, BotRemoved):
            return await self._removed(found.event, place.team)
        await self._store(found.event)
        if in_thread:
            self._threads.note(place)

    async def _removed(self, event: BotRemoved, team: str) -> None:
        """Forget a workspace, or each that is known of an organisation."""
        for each in await self._web.workspaces.teams_of(team):
            key, workspace = EventKey(f"{event.key}.{each}"), workspace_id(each)
            where = ConversationId(f"{workspace}:removed")
            each_event = replace(event, key=key, conversation=where, workspace=workspace)
            await self._removed(each_event, each)
        await self._threads.remove(team)
        if team.startswith("E"):
            return await self._web.workspaces.remove(team)
        await self._store(event)  # before it is forgotten which organisation it belongs to
        await self._web.workspaces.remove(team)

    async def _slash(self, body: Json) -> Ack:
        command = interactions.slash_command(body, self._now())
        if command.key in self._known:
            return _FINE
        try:
            for each in self._meant(command):
                await self._store(each)
        except RetryLater as error:
            logger.warning("a command could not be stored: %s", error)
            return Ack(body={"response_type": "ephemeral", "text": AGAIN})
        return _FINE

    def _meant(self, command: CommandInvoked) -> list[CommandInvoked]:
        """Return the command where it is meant: to stop reaches the threads of one's own answers.

        Slack offers no commands in threads, where answers in channels are.
        """
        if command.name != STOP.action:
            return [command]
        running = self._running(place_of(command.conversation), command.user)
        if not running:
            return [command]
        self._known.put(command.key, True)  # were it told again, other answers might be running
        return [
            replace(
                command,
                key=EventKey(f"{command.key}.{place_of(conversation).thread}"),
                conversation=conversation,
            )
            for conversation in running
        ]

    async def _message_shortcut(self, body: Json) -> Ack:
        on_message = {one.name for one in self._intake.commands if one.on_message}
        if body["callback_id"] in on_message:
            await self._store(interactions.message_shortcut(body, self._now()))
        return _FINE

    async def _shortcut(self, body: Json) -> Ack:
        if body["callback_id"] in {one.name for one in self._intake.commands}:
            await self._store(interactions.global_shortcut(body, self._now()))
        return _FINE

    async def _press(self, body: Json) -> Ack:
        pressed = interactions.press(body, self._now())
        if pressed is None:
            return _FINE
        form = self._intake.forms.get(pressed.event.action)
        if form is None:
            async with self._in_turn(place_of(pressed.event.conversation)):
                await self._store(pressed.event)
            return _FINE
        form = await self._intake.opened(form, pressed.event.message)
        view = interactions.form_view(form, pressed.event)
        try:
            await self._web.call(
                pressed.place.team, "views.open", trigger_id=pressed.trigger, view=view
            )
        except (ApiRefused, RetryLater) as error:  # the press is over: nothing brings it again
            logger.warning("a form could not be opened: %s", error)
            self._tasks.start_soon(self._excuse, pressed.event.via)
        return _FINE

    async def _submission(self, body: Json) -> Ack:
        form = self._intake.forms.get(body["view"]["callback_id"])
        if form is None:
            return _FINE
        try:
            await self._store(interactions.submission(body, form, self._now()))
        except RetryLater as error:
            logger.warning("a form could not be stored: %s", error)
            errors = {form.fields[0].name: AGAIN}
            return Ack(body={"response_action": "errors", "errors": errors})
        return _FINE

    async def _store(self, event: Inbound) -> None:
        if await self._intake.receive(event):
            self._known.put(event.key, True)

    @asynccontextmanager
    async def _in_turn(self, place: Place) -> AsyncIterator[None]:
        """Keep what is said in one place in the order in which it came."""
        turn = self._turns.setdefault(place, _Turn())
        turn.present += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.present -= 1
            if not turn.present:
                del self._turns[place]

    async def _suggest(self, team: str, thread: Json) -> None:
        prompts = [{"title": title, "message": text} for title, text in self._settings.prompts[:4]]
        if not prompts:
            return
        try:
            await self._web.call(
                team,
                "assistant.threads.setSuggestedPrompts",
                channel_id=thread["channel_id"],
                thread_ts=thread["thread_ts"],
                prompts=prompts,
            )
        except (ApiRefused, RetryLater) as error:
            logger.info("no prompts are suggested: %s", error)

    async def _excuse(self, via: str) -> None:
        try:
            await respond(self._web, read_via(via), Body(AGAIN), private=True)
        except RetryLater as error:
            logger.info("nor could that be said: %s", error)
