"""What people do: speak, react, run commands, press buttons, fill in modals."""

from collections.abc import Mapping, Sequence

import anyio

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.commands import CHAT, MESSAGE_MENU, Commands, Value, fill
from chatune_adapters.testing.discord.entities import (
    Attachment,
    Channel,
    ChannelType,
    Json,
    Message,
    User,
    flat,
)
from chatune_adapters.testing.discord.interactions import Interaction, Interactions, Kind
from chatune_adapters.testing.discord.permissions import Permission
from chatune_adapters.testing.discord.validation import BUTTON, CONTENT_CHARS, TEXT_INPUT
from chatune_adapters.testing.discord.world import World

LABEL = 18
Upload = tuple[str, str, bytes]
"""A file to send: its name, media type and bytes."""


class People:
    """Acts for any person; each act returns when the connected sessions had a chance to see it."""

    def __init__(self, world: World, commands: Commands, interactions: Interactions) -> None:
        self._world = world
        self._commands = commands
        self._interactions = interactions
        self.cdn = ""
        """What discord.py calls `Asset.BASE`: where files are fetched from."""

    async def say(
        self,
        user: User,
        channel: Channel,
        content: str,
        *,
        attachments: Sequence[Upload] = (),
        reply_to: Message | None = None,
    ) -> Message:
        """Post a message of `user`; at most 2,000 characters, as for the bot.

        Raises:
            PermissionError: a time-out or slow mode keeps them from writing.
        """
        if len(content) > CONTENT_CHARS:
            raise ValueError(
                f"a person says at most {CONTENT_CHARS} characters, not {len(content)}"
            )
        if channel.type is ChannelType.DM and user not in channel.people:
            raise ValueError(f"{user.name!r} has no part in this direct message")
        self._check_not_silenced(user, channel)
        self._check_slow_mode(user, channel)
        message = self._world.draft(channel, user, content)
        message.reply_to = reply_to
        message.attachments = self._attach(channel, attachments)
        self._world.post(message)
        await anyio.lowlevel.checkpoint()
        return message

    def _check_not_silenced(self, user: User, channel: Channel) -> None:
        member = channel.guild.member(user) if channel.guild is not None else None
        until = member.silenced_until if member is not None else None
        if until is not None and until > self._world.now():
            raise PermissionError(f"{user.name!r} is timed out until {until}")

    def _check_slow_mode(self, user: User, channel: Channel) -> None:
        member = channel.guild.member(user) if channel.guild is not None else None
        if not channel.slow_mode_s or channel.guild is None or member is None or user.bot:
            return
        if channel.guild.permissions_of(member) & Permission.BYPASS_SLOWMODE:
            return
        said = [message.at for message in channel.messages.values() if message.author is user]
        if said and (self._world.now() - max(said)).total_seconds() < channel.slow_mode_s:
            raise PermissionError(f"{user.name!r} has to wait: slow mode")

    def upload(self, channel: Channel, file: Upload) -> Attachment:
        """Keep a file that a person gives to a command's option."""
        return self._attach(channel, [file])[0]

    def _attach(self, channel: Channel, files: Sequence[Upload]) -> list[Attachment]:
        noted = [(name, media_type, content, None) for name, media_type, content in files]
        return self._world.attach(channel, noted, self.cdn)

    async def edit(self, message: Message, content: str) -> None:
        """Change what a message says."""
        self._world.change(message, content=content)
        await anyio.lowlevel.checkpoint()

    async def preview_links(self, message: Message, *embeds: Json) -> None:
        """Let Discord add what links of the message lead to, as it does after a moment."""
        self._world.preview(message, list(embeds))
        await anyio.lowlevel.checkpoint()

    async def delete(self, message: Message) -> None:
        """Delete a message."""
        self._world.remove(message)
        await anyio.lowlevel.checkpoint()

    async def react(self, user: User, message: Message, emoji: str) -> None:
        """Add a reaction; `emoji` is a character, or `name:id`.

        Raises:
            PermissionError: a time-out keeps them from it.
        """
        self._check_not_silenced(user, message.channel)
        self._world.react(message, user, emoji)
        await anyio.lowlevel.checkpoint()

    async def unreact(self, user: User, message: Message, emoji: str) -> None:
        """Take a reaction back."""
        self._world.unreact(message, user, emoji)
        await anyio.lowlevel.checkpoint()

    async def slash(
        self,
        user: User,
        channel: Channel,
        name: str,
        options: Mapping[str, Value] | None = None,
    ) -> Interaction:
        """Run the command `name` (with its subcommands, separated by spaces).

        Raises:
            LookupError: it is not registered there.
            PermissionError: a time-out keeps them from it.
            ValueError: the options do not fit what was registered.
        """
        self._check_not_silenced(user, channel)
        top, *path = name.split()
        command = self._commands.find(channel.guild, top, CHAT)
        data = fill(command, path, dict(options or {}))
        return await self._begin(Kind.COMMAND, user, channel, data)

    async def autocomplete(
        self,
        user: User,
        channel: Channel,
        name: str,
        option: str,
        typed: str,
        others: Mapping[str, Value] | None = None,
    ) -> Interaction:
        """Type into an option of a command; the answer is in `choices`."""
        top, *path = name.split()
        command = self._commands.find(channel.guild, top, CHAT)
        data = fill(command, path, {**(others or {}), option: typed}, focused=option)
        return await self._begin(Kind.AUTOCOMPLETE, user, channel, data)

    async def context_menu(self, user: User, message: Message, name: str) -> Interaction:
        """Choose `name` in the menu of a message."""
        channel = message.channel
        command = self._commands.find(channel.guild, name, MESSAGE_MENU)
        shown = wire.message_json(message, self._world.bot)
        data: Json = {
            "id": command["id"],
            "name": name,
            "type": MESSAGE_MENU,
            "target_id": str(message.id),
            "resolved": {"messages": {str(message.id): shown}},
        }
        if "guild_id" in command:
            data["guild_id"] = command["guild_id"]
        return await self._begin(Kind.COMMAND, user, channel, data)

    async def press(
        self, user: User, message: Message, custom_id: str, values: Sequence[str] = ()
    ) -> Interaction:
        """Press a button, or choose `values` in a select menu.

        Raises:
            LookupError: the message shows no such component to this person, or it is disabled.
        """
        if message.deleted_at is not None or message.shown_to not in (None, user):
            raise LookupError(f"{user.name!r} does not see the message {message.id}")
        for component in flat(message.components):
            if component.get("custom_id") == custom_id and not component.get("disabled"):
                break
        else:
            raise LookupError(f"{message.custom_ids!r} has no enabled {custom_id!r}")
        data: Json = {
            "custom_id": custom_id,
            "component_type": component["type"],
            "id": component.get("id"),
        }
        if component["type"] != BUTTON:
            data["values"] = list(values)
        return await self._begin(Kind.COMPONENT, user, message.channel, data, message)

    async def submit_modal(
        self, user: User, interaction: Interaction, values: Mapping[str, str]
    ) -> Interaction:
        """Fill in the modal that answered `interaction`, by custom id, and submit it.

        Raises:
            LookupError: there is no modal, or it has no such field.
            ValueError: a text is too short or too long, or a required one is missing.
        """
        modal = interaction.modal
        if modal is None or user is not interaction.user:
            raise LookupError(f"{interaction.callback!r} opened no modal for {user.name!r}")
        left = dict(values)
        data = {
            "custom_id": modal["custom_id"],
            "components": [_filled(row, left) for row in modal["components"]],
        }
        if left:
            raise LookupError(f"the modal has no field {sorted(left)!r}")
        message = interaction.message
        return await self._begin(Kind.MODAL_SUBMIT, user, interaction.channel, data, message)

    async def _begin(
        self, kind: Kind, user: User, channel: Channel, data: Json, message: Message | None = None
    ) -> Interaction:
        interaction = self._interactions.begin(kind, user, channel, data, message)
        await anyio.lowlevel.checkpoint()
        return interaction


def _filled(component: Json, values: dict[str, str]) -> Json:
    filled: Json = {"type": component["type"], "id": component.get("id", 0)}
    if component["type"] == LABEL:
        return filled | {"component": _filled(component["component"], values)}
    if "components" in component:
        return filled | {"components": [_filled(c, values) for c in component["components"]]}
    if "custom_id" not in component:
        return filled
    text = values.pop(component["custom_id"], component.get("value") or "")
    filled["custom_id"] = component["custom_id"]
    if component["type"] != TEXT_INPUT:
        return filled | {"values": [text] if text else []}
    if not text and component.get("required", True):
        raise ValueError(f"the field {component['custom_id']!r} is required")
    low, high = component.get("min_length") or 0, component.get("max_length") or 4000
    if text and not low <= len(text) <= high:
        raise ValueError(f"{component['custom_id']!r} takes {low} to {high} characters")
    return filled | {"value": text}
