"""Slash commands, menus, buttons, modals and completions: stored first, then answered in time.

Discord waits 3 s for the first answer. What cannot be stored by then is answered with a line that
asks to try again; nothing else tells the person.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import anyio

from chatune_adapters.discord.arguments import argument_line, option_name
from chatune_adapters.discord.components import entered, modal
from chatune_adapters.discord.errors import Refused
from chatune_adapters.discord.ids import (
    conversation_id,
    event_key,
    message_key,
    pressed,
    time_of,
    user_id,
)
from chatune_adapters.discord.registration import MENU, MOST_CHOICES
from chatune_adapters.discord.rest import Rest
from chatune_adapters.discord.taken import Taken
from chatune_adapters.discord.via import Via
from chatune_core.commands import Command
from chatune_core.errors import InvalidInput, RetryLater
from chatune_core.messages import (
    ActionTaken,
    CommandInvoked,
    ConversationId,
    EventKey,
    FormSubmitted,
    Inbound,
    UserId,
)
from chatune_core.ports import Intake

logger = logging.getLogger(__name__)
Payload = Mapping[str, Any]
_COMMAND, _COMPONENT, _AUTOCOMPLETE, _MODAL_SUBMIT = 2, 3, 4, 5
_MESSAGE, _DEFERRED, _DEFERRED_UPDATE, _CHOICES, _OPEN_MODAL = 4, 5, 6, 8, 9
EPHEMERAL = 64
_STORE_S = 2.0
_CHOICE_CHARS = 100
_TRY_AGAIN = "That did not work just now. Please try again in a moment."


class Interactions:
    """Takes in interactions, each in a task of its own."""

    def __init__(self, rest: Rest, taken: Taken, intake: Intake) -> None:
        self._rest, self._taken, self._intake = rest, taken, intake

    async def take(self, data: Payload) -> None:
        """Take in one interaction; one that cannot be read or answered is skipped."""
        try:
            await self._kinds[int(data["type"])](self, data)
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInput) as error:
            logger.warning("Discord: skipped an interaction (%s)", type(error).__name__)
        except (Refused, RetryLater) as error:
            logger.warning("Discord: an interaction could not be answered: %s", error)

    # what people do

    async def _command(self, data: Payload) -> None:
        told = data["data"]
        if told.get("type", 1) == MENU:
            command = self._on_message(told["name"])
            message = told["resolved"]["messages"][told["target_id"]]
            arguments, target = message.get("content", ""), message_key(message["id"])
        else:
            command = self._intake.commands.find(told["name"])
            values = {option["name"]: option["value"] for option in told.get("options") or ()}
            arguments, target = argument_line(command, values), None
        via = _via(data, original=True, hidden=command.private)
        key, conversation, user = _who_and_where(data)
        event = CommandInvoked(
            key,
            conversation,
            user,
            time_of(data["id"]),
            command.name,
            arguments,
            target,
            via.text(),
        )
        await self._store(event, data, _DEFERRED, hidden=command.private)

    def _on_message(self, title: str) -> Command:
        for command in self._intake.commands:
            if command.on_message and command.on_message[:32] == title:
                return command
        raise KeyError(title)

    async def _press(self, data: Payload) -> None:
        told = data["data"]["custom_id"]
        action, value = pressed(told)
        form = self._intake.forms.get(action)
        if form is not None:
            form = await self._intake.opened(form, message_key(data["message"]["id"]))
            await self._answer(data, _OPEN_MODAL, modal(form, told))
            return
        key, conversation, user = _who_and_where(data)
        event = ActionTaken(
            key,
            conversation,
            user,
            time_of(data["id"]),
            message_key(data["message"]["id"]),
            action,
            value,
            _under_message(data).text(),
        )
        await self._store(event, data, _DEFERRED_UPDATE)

    async def _submit(self, data: Payload) -> None:
        name, value = pressed(data["data"]["custom_id"])
        key, conversation, user = _who_and_where(data)
        event = FormSubmitted(
            key,
            conversation,
            user,
            time_of(data["id"]),
            message_key(data["message"]["id"]),
            name,
            value,
            entered(self._intake.forms.get(name), data["data"]["components"]),
            _under_message(data).text(),
        )
        await self._store(event, data, _DEFERRED_UPDATE)

    async def _complete(self, data: Payload) -> None:
        told = data["data"]
        command = self._intake.commands.find(told["name"])
        focused = next(option for option in told["options"] if option.get("focused"))
        names = {option_name(each): each.name for each in command.parameters}
        found = command.completions(names[focused["name"]], str(focused["value"]))
        choices = [
            {"name": value, "value": value} for value in found if 1 <= len(value) <= _CHOICE_CHARS
        ]
        await self._answer(data, _CHOICES, {"choices": choices[:MOST_CHOICES]})

    _kinds: Mapping[int, Callable[["Interactions", Payload], Any]] = {
        _COMMAND: _command,
        _COMPONENT: _press,
        _AUTOCOMPLETE: _complete,
        _MODAL_SUBMIT: _submit,
    }

    # what they are answered

    async def _store(
        self, event: Inbound, data: Payload, kind: int, *, hidden: bool = False
    ) -> None:
        self._taken.expect_answer(event.key)
        try:
            if await self._stored(event):
                await self._answer(data, kind, {"flags": EPHEMERAL} if hidden else None)
            else:
                told = {"content": _TRY_AGAIN, "flags": EPHEMERAL}
                await self._answer(data, _MESSAGE, told)
        finally:
            self._taken.note_answer(event.key)

    async def _stored(self, event: Inbound) -> bool:
        with anyio.move_on_after(_STORE_S):
            try:
                if await self._intake.receive(event):
                    self._taken.add(event.key)
            except RetryLater as error:
                logger.warning("Discord: an interaction could not be stored: %s", error)
                return False
            return True
        return False

    async def _answer(self, data: Payload, kind: int, told: Mapping[str, Any] | None) -> None:
        body: dict[str, Any] = {"type": kind}
        if told is not None:
            body["data"] = told
        await self._rest.call(
            "POST",
            "/interactions/{interaction}/{token}/callback",
            body,
            authorized=False,
            interaction=data["id"],
            token=data["token"],
        )


def _who_and_where(data: Payload) -> tuple[EventKey, ConversationId, UserId]:
    user = data["member"]["user"] if data.get("member") else data["user"]
    place = conversation_id(data.get("guild_id"), data["channel_id"])
    return event_key(data["id"]), place, user_id(user["id"])


def _via(data: Payload, *, original: bool, hidden: bool, message: str = "") -> Via:
    return Via(data["application_id"], data["id"], data["token"], original, hidden, message)


def _under_message(data: Payload) -> Via:
    """Return the address of what is said about the message under which a button was."""
    message = data["message"]
    hidden = bool(int(message.get("flags") or 0) & EPHEMERAL)
    return _via(data, original=False, hidden=hidden, message="" if hidden else message["id"])
