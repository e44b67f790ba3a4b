"""Interactions: their tokens and deadlines, the one first answer, and what may follow it."""

import enum
import secrets
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.composing import compose, revise
from chatune_adapters.testing.discord.entities import (
    Channel,
    Json,
    Member,
    Message,
    MessageFlag,
    User,
)
from chatune_adapters.testing.discord.errors import invalid_form, refusal
from chatune_adapters.testing.discord.forms import Form
from chatune_adapters.testing.discord.gateway import Gateway
from chatune_adapters.testing.discord.shapes import (
    check_component_shapes,
    check_message_shape,
    objects,
)
from chatune_adapters.testing.discord.validation import (
    check_choices,
    check_custom_ids,
    check_text_inputs,
)
from chatune_adapters.testing.discord.world import World


class Kind(enum.IntEnum):
    """What the person did."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class Callback(enum.IntEnum):
    """What the bot answers first."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(eq=False, slots=True)
class Interaction:
    """One use of a command, component or modal, and everything that the bot made of it."""

    id: int
    token: str
    kind: Kind
    user: User
    channel: Channel
    at: datetime
    data: Json
    message: Message | None = None
    """The message whose component was used."""
    callback: Callback | None = None
    """The bot's first answer, or None as long as there is none."""
    callback_data: Json = field(default_factory=dict)
    callback_at: datetime | None = None
    response: Message | None = None
    """What `@original` means: the new message, or the one that was updated."""
    followups: list[Message] = field(default_factory=list)
    _answered: anyio.Event = field(default_factory=anyio.Event)

    async def answered(self) -> "Interaction":
        """Wait for the first answer; return this interaction."""
        await self._answered.wait()
        return self

    def answer(self, callback: Callback, data: Json, at: datetime) -> None:
        """Record the first answer."""
        self.callback, self.callback_data, self.callback_at = callback, data, at
        self._answered.set()

    @property
    def modal(self) -> Json | None:
        """The modal that was opened, if the answer was one."""
        return self.callback_data if self.callback is Callback.MODAL else None

    @property
    def choices(self) -> list[Json]:
        """The choices of an autocomplete answer."""
        return list(self.callback_data.get("choices", []))

    @property
    def messages(self) -> list[Message]:
        """The messages that it led to, as far as they still exist."""
        made = [self.response] if self.response is not self.message else []
        return [m for m in [*made, *self.followups] if m is not None and m.deleted_at is None]


_ALLOWED = {
    Kind.COMMAND: {Callback.MESSAGE, Callback.DEFERRED_MESSAGE, Callback.MODAL},
    Kind.COMPONENT: set(Callback) - {Callback.CHOICES},
    Kind.AUTOCOMPLETE: {Callback.CHOICES},
    Kind.MODAL_SUBMIT: set(Callback) - {Callback.CHOICES, Callback.MODAL},
}


class Interactions:
    """All interactions, by token."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.all: list[Interaction] = []
        self._by_token: dict[str, Interaction] = {}
        self._world = world
        self._gateway = gateway

    def begin(
        self, kind: Kind, user: User, channel: Channel, data: Json, message: Message | None = None
    ) -> Interaction:
        """Let `user` do something and tell the bot."""
        world = self._world
        interaction = Interaction(
            world.ids.next(),
            secrets.token_urlsafe(60),
            kind,
            user,
            channel,
            world.now(),
            data,
            message,
        )
        self.all.append(interaction)
        self._by_token[interaction.token] = interaction
        self._gateway.invite(self._event(interaction), channel)
        return interaction

    def _event(self, interaction: Interaction) -> Json:
        bot, user, channel = self._world.bot, interaction.user, interaction.channel
        body: Json = {
            "id": str(interaction.id),
            "application_id": str(bot.id),
            "type": int(interaction.kind),
            "data": interaction.data,
            "channel_id": str(channel.id),
            "channel": wire.channel_json(channel),
            "token": interaction.token,
            "version": 1,
            "locale": "en-US",
            "app_permissions": _app_permissions(channel),
            "entitlements": [],
            "authorizing_integration_owners": {},
            "attachment_size_limit": self._world.settings.attachment_bytes,
            "context": 0 if channel.guild else 1,
        }
        if interaction.message is not None:
            body["message"] = wire.message_json(interaction.message, bot)
        if channel.guild is None:
            return body | {"user": wire.user_json(user)}
        return body | {
            "guild_id": str(channel.guild.id),
            "guild_locale": "en-US",
            "guild": wire.partial_guild_json(channel.guild),
            "member": wire.full_member_json(
                channel.guild.member(user) or Member(user), channel.guild
            ),
        }

    # the first answer

    def respond(self, id: int, token: str, form: Form, cdn: str) -> Json:
        """Take the first answer to an interaction and return Discord's description of it."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.id != id:
            raise refusal(10062)
        if interaction.callback is not None:
            raise refusal(40060)
        if self._world.now() - interaction.at > self._world.settings.first_response_within:
            raise refusal(10062)
        kind = form.fields.get("type")
        if not isinstance(kind, int) or kind not in _ALLOWED[interaction.kind]:
            raise invalid_form(
                "type",
                code="INTERACTION_CALLBACK_TYPE_INVALID",
                message=f"Callback type {kind!r} is not possible here.",
            )
        callback, answer = Callback(kind), form.part("data")
        self._apply(interaction, callback, answer, cdn)
        interaction.answer(callback, answer.fields, self._world.now())
        self._gateway.changed()
        return self._described(interaction)

    def _apply(self, interaction: Interaction, callback: Callback, form: Form, cdn: str) -> None:
        match callback:
            case Callback.MESSAGE:
                message = compose(self._world, cdn, interaction.channel, form)
                interaction.response = self._show(interaction, message)
            case Callback.DEFERRED_MESSAGE:
                message = self._world.draft(interaction.channel, self._world.bot)
                check_message_shape(form.fields)
                asked = MessageFlag(form.fields.get("flags") or 0)
                message.flags = MessageFlag.LOADING | (asked & MessageFlag.EPHEMERAL)
                interaction.response = self._show(interaction, message)
            case Callback.UPDATE:
                source = _source(interaction)
                revise(self._world, cdn, source, form)
                interaction.response = source
            case Callback.DEFERRED_UPDATE:
                interaction.response = _source(interaction)
            case Callback.CHOICES:
                check_choices(objects(form.fields, "choices"))
            case Callback.MODAL:
                _check_modal(form.fields)

    def _show(self, interaction: Interaction, message: Message) -> Message:
        message.interaction = {
            "id": str(interaction.id),
            "type": int(interaction.kind),
            "user": wire.user_json(interaction.user),
            "authorizing_integration_owners": {},
        }
        if message.ephemeral:
            message.shown_to = interaction.user
        self._world.post(message)
        return message

    def _described(self, interaction: Interaction) -> Json:
        response = interaction.response
        body: Json = {"id": str(interaction.id), "type": int(interaction.kind)}
        resource: Json = {"type": int(interaction.callback or 0)}
        if response is not None:
            body |= {
                "response_message_id": str(response.id),
                "response_message_loading": response.loading,
                "response_message_ephemeral": response.ephemeral,
            }
            if interaction.callback in (
                Callback.MESSAGE,
                Callback.DEFERRED_MESSAGE,
                Callback.UPDATE,
            ):
                resource["message"] = wire.message_json(response, self._world.bot)
        return {"interaction": body, "resource": resource}

    # what follows

    def _open(self, token: str) -> Interaction:
        interaction = self._by_token.get(token)
        if interaction is None or interaction.callback is None:
            raise refusal(10015)
        if self._world.now() - interaction.at > self._world.settings.interaction_lives:
            raise refusal(50027)
        return interaction

    def follow_up(self, token: str, form: Form, cdn: str) -> Json:
        """Post one more message; after a deferred answer the first one takes its place."""
        interaction = self._open(token)
        response = interaction.response
        if response is not None and response.loading and response.deleted_at is None:
            revise(self._world, cdn, response, form)
            return wire.message_json(response, self._world.bot)
        message = compose(self._world, cdn, interaction.channel, form)
        interaction.followups.append(self._show(interaction, message))
        return wire.message_json(message, self._world.bot)

    def _made(self, interaction: Interaction, id: str) -> Message:
        candidates = [interaction.response, *interaction.followups]
        chosen = candidates[:1] if id == "@original" else candidates
        for message in chosen:
            if message is None or message.deleted_at is not None:
                continue
            if id in ("@original", str(message.id)):
                return message
        raise refusal(10008)

    def read(self, token: str, id: str) -> Json:
        """Return a message of the interaction; `id` may be `@original`."""
        return wire.message_json(self._made(self._open(token), id), self._world.bot)

    def edit(self, token: str, id: str, form: Form, cdn: str) -> Json:
        """Change a message of the interaction."""
        message = self._made(self._open(token), id)
        revise(self._world, cdn, message, form)
        return wire.message_json(message, self._world.bot)

    def delete(self, token: str, id: str) -> None:
        """Delete a message of the interaction."""
        self._world.remove(self._made(self._open(token), id))


def _app_permissions(channel: Channel) -> str:
    return str(channel.guild.bot_permissions) if channel.guild else wire.EVERYTHING


def _source(interaction: Interaction) -> Message:
    if interaction.message is None:
        raise invalid_form(
            "type",
            code="INTERACTION_CALLBACK_TYPE_INVALID",
            message="There is no message to update.",
        )
    return interaction.message


def _check_modal(modal: Json) -> None:
    for name, limit in (("custom_id", 100), ("title", 45)):
        value = modal.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= limit:
            raise invalid_form(
                "data",
                name,
                code="BASE_TYPE_BAD_LENGTH",
                message=f"Must be between 1 and {limit} in length.",
            )
    check_component_shapes(modal)
    components = modal.get("components") or []
    if not 1 <= len(components) <= 5:
        raise invalid_form(
            "data",
            "components",
            code="BASE_TYPE_BAD_LENGTH",
            message="Must be between 1 and 5 in length.",
        )
    check_custom_ids(components)
    check_text_inputs(components)
