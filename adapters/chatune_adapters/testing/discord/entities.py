"""What exists on the server: people, places, messages. The record that a test judges by."""

import enum
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chatune_adapters.testing.discord.permissions import (
    EVERYTHING,
    NO_PERMISSION,
    ORDINARY,
    Permission,
)

Json = dict[str, Any]
"""A JSON object of the wire."""


class ChannelType(enum.IntEnum):
    """The kinds of channel that this server has."""

    TEXT = 0
    DM = 1
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


THREADS = (
    ChannelType.ANNOUNCEMENT_THREAD,
    ChannelType.PUBLIC_THREAD,
    ChannelType.PRIVATE_THREAD,
)


class MessageFlag(enum.IntFlag):
    """The bits of a message's `flags` that mean something here."""

    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    COMPONENTS_V2 = 1 << 15


NO_FLAGS = MessageFlag(0)


@dataclass(eq=False, slots=True)
class User:
    """A person, or a bot.

    Clear `takes_dms` to refuse direct messages of the bot (50007), set `blocks_bot` to refuse its
    reactions (90001).
    """

    id: int
    name: str
    bot: bool = False
    takes_dms: bool = True
    blocks_bot: bool = False


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a guild; members with one `above_bot` are out of the bot's reach."""

    id: int
    name: str
    permissions: int = NO_PERMISSION
    above_bot: bool = False


@dataclass(eq=False, slots=True)
class Member:
    """What a person is in one guild. `silenced_until` is when a time-out ends."""

    user: User
    nick: str | None = None
    roles: list[Role] = field(default_factory=list)
    silenced_until: datetime | None = None


@dataclass(eq=False, slots=True)
class Guild:
    """A server in Discord's sense, with its channels and members.

    Set `withheld` to take permissions away from the bot (50013); without it the bot may everything.
    """

    id: int
    name: str
    owner: User = field(repr=False)
    members: list[Member] = field(repr=False)
    channels: list["Channel"] = field(default_factory=list, repr=False)
    roles: list[Role] = field(default_factory=list, repr=False)
    bot_role: int = 0
    withheld: Permission = NO_PERMISSION

    def member(self, user: User) -> Member | None:
        """Return what `user` is here, if anything."""
        return next((each for each in self.members if each.user is user), None)

    @property
    def bot_permissions(self) -> int:
        """What the bot may do here."""
        if not self.withheld:
            return EVERYTHING
        return EVERYTHING & ~self.withheld & ~Permission.ADMINISTRATOR

    def permissions_of(self, member: Member) -> int:
        """Return what a member may do here, time-outs aside."""
        if member.user.bot:
            return self.bot_permissions
        granted = ORDINARY
        for role in member.roles:
            granted |= role.permissions
        master = member.user is self.owner or granted & Permission.ADMINISTRATOR
        return EVERYTHING if master else granted


@dataclass(eq=False, slots=True)
class Channel:
    """A text channel, a thread or a direct message.

    Set `hidden` to take the bot's access away (50001), `read_only` to refuse its posts (50013).
    `slow_mode_s` is how long a person waits between two messages.
    """

    id: int
    type: ChannelType
    name: str = ""
    guild: Guild | None = field(default=None, repr=False)
    parent: "Channel | None" = field(default=None, repr=False)
    owner: User | None = None
    people: list[User] = field(default_factory=list)
    """The recipients of a direct message; who has joined a thread."""
    messages: dict[int, "Message"] = field(default_factory=dict, repr=False)
    last_message_id: int | None = None
    archived: bool = False
    hidden: bool = False
    read_only: bool = False
    nsfw: bool = False
    slow_mode_s: int = 0
    typing: list[datetime] = field(default_factory=list)
    """When the bot showed that it is typing."""

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread."""
        return self.type in THREADS

    def bot_may(self, permission: Permission) -> bool:
        """Return whether the bot has `permission` here; in direct messages it has all."""
        return self.guild is None or bool(self.guild.bot_permissions & permission)


@dataclass(eq=False, slots=True)
class Attachment:
    """A file of a message, with its bytes."""

    id: int
    name: str
    media_type: str
    content: bytes = field(repr=False)
    url: str
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a message said before it was changed, and when it was changed."""

    at: datetime
    content: str
    components: list[Json]


@dataclass(eq=False, slots=True)
class Message:
    """One message, with everything that was ever done to it."""

    id: int
    channel: Channel = field(repr=False)
    author: User
    at: datetime
    content: str = ""
    nonce: str | None = None
    reply_to: "Message | None" = field(default=None, repr=False)
    attachments: list[Attachment] = field(default_factory=list)
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    flags: MessageFlag = NO_FLAGS
    mentions: list[User] = field(default_factory=list)
    mention_everyone: bool = False
    edits: list[Edit] = field(default_factory=list)
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    reactions: dict[str, list[User]] = field(default_factory=dict)
    interaction: Json | None = None
    """`interaction_metadata`, if an interaction led to this message."""
    shown_to: User | None = None
    """The one person who sees it, if it is ephemeral."""
    thread: Channel | None = field(default=None, repr=False)

    @property
    def ephemeral(self) -> bool:
        """Whether only the person of the interaction sees it."""
        return MessageFlag.EPHEMERAL in self.flags

    @property
    def loading(self) -> bool:
        """Whether it says that the bot is thinking: a deferred answer that has not come."""
        return MessageFlag.LOADING in self.flags

    @property
    def custom_ids(self) -> list[str]:
        """The custom ids of its components, in order of appearance."""
        return [c["custom_id"] for c in flat(self.components) if "custom_id" in c]


def flat(components: list[Json]) -> list[Json]:
    """Return every component of the tree, parents before children."""
    found = []
    for component in components:
        nested = component.get("components") or []
        inner = [component[key] for key in ("accessory", "component") if component.get(key)]
        found += [component, *flat([*nested, *inner])]
    return found
