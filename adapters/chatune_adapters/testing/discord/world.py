"""The state of the server, and the only place where it changes; each change says what happened."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from chatune_adapters.testing.discord import wire
from chatune_adapters.testing.discord.entities import (
    Attachment,
    Channel,
    ChannelType,
    Edit,
    Guild,
    Json,
    Member,
    Message,
    MessageFlag,
    Role,
    User,
)
from chatune_adapters.testing.discord.errors import refusal
from chatune_adapters.testing.discord.permissions import Permission
from chatune_adapters.testing.discord.settings import Settings
from chatune_adapters.testing.discord.snowflakes import Snowflakes

Happened = Callable[[str, Json, Channel | Guild], None]
"""Told the event's name, its payload, and where: the guild or channel that it belongs to."""
_MENTION = re.compile(r"<@!?(\d+)>")


class World:
    """Guilds, channels, people and messages, by id; told to `happened` as they change."""

    def __init__(self, settings: Settings, clock: Callable[[], float], happened: Happened) -> None:
        self.settings = settings
        self.ids = Snowflakes(clock)
        self.bot = User(self.ids.next(), settings.bot_name, bot=True)
        self.owner = User(self.ids.next(), "owner")
        self.users = {user.id: user for user in (self.bot, self.owner)}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.attachments: dict[int, Attachment] = {}
        self._nonces: dict[tuple[int, str], Message] = {}
        self._clock = clock
        self._happened = happened

    def now(self) -> datetime:
        """Return the present time of the server."""
        return datetime.fromtimestamp(self._clock(), UTC)

    # people and places

    def add_user(self, name: str, *, bot: bool = False) -> User:
        """Add a person or another bot; members of every guild, so that they can speak anywhere."""
        user = User(self.ids.next(), name, bot=bot)
        self.users[user.id] = user
        for guild in self.guilds.values():
            member = Member(user)
            guild.members.append(member)
            self._member_happened("GUILD_MEMBER_ADD", guild, member)
        return user

    def member(self, guild: Guild, user: int) -> Member:
        """Return the member of the guild with that id, or refuse."""
        for member in guild.members:
            if member.user.id == user:
                return member
        raise refusal(10007)

    def change_member(self, guild: Guild, member: Member) -> None:
        """Tell that the member was changed."""
        self._member_happened("GUILD_MEMBER_UPDATE", guild, member)

    def remove_member(self, guild: Guild, member: Member) -> None:
        """Let a person leave the guild."""
        guild.members.remove(member)
        body = {"guild_id": str(guild.id), "user": wire.user_json(member.user)}
        self._happened("GUILD_MEMBER_REMOVE", body, guild)

    def _member_happened(self, name: str, guild: Guild, member: Member) -> None:
        body = wire.full_member_json(member, guild) | {"guild_id": str(guild.id)}
        self._happened(name, body, guild)

    def add_role(self, guild: Guild, name: str, permissions: int, *, above_bot: bool) -> Role:
        """Add a role to the guild."""
        role = Role(self.ids.next(), name, permissions, above_bot)
        guild.roles.append(role)
        shown = next(each for each in wire.roles_json(guild) if each["id"] == str(role.id))
        body = {"guild_id": str(guild.id), "role": shown}
        self._happened("GUILD_ROLE_CREATE", body, guild)
        return role

    def add_guild(self, name: str, id: int | None = None) -> Guild:
        """Add a guild that the bot belongs to; `id` chooses its shard."""
        members = [Member(user) for user in self.users.values()]
        guild = Guild(id or self.ids.next(), name, self.owner, members, bot_role=self.ids.next())
        own = Role(guild.bot_role, "bot")
        for member in members:
            member.roles = [own] if member.user is self.bot else []
        self.guilds[guild.id] = guild
        self._happened("GUILD_CREATE", wire.guild_json(guild, guild.members), guild)
        return guild

    def remove_bot(self, guild: Guild) -> None:
        """Take the bot out of the guild: it is told, and the channels are unknown to it."""
        del self.guilds[guild.id]
        for channel in guild.channels:
            del self.channels[channel.id]
        self._happened("GUILD_DELETE", {"id": str(guild.id)}, guild)

    def add_channel(self, guild: Guild, name: str, *, nsfw: bool = False) -> Channel:
        """Add a text channel."""
        channel = Channel(self.ids.next(), ChannelType.TEXT, name, guild, nsfw=nsfw)
        self._open(channel, guild)
        self._happened("CHANNEL_CREATE", wire.channel_json(channel), guild)
        return channel

    def change_channel(
        self,
        channel: Channel,
        *,
        name: str | None = None,
        nsfw: bool | None = None,
        slow_mode_s: int | None = None,
        archived: bool | None = None,
    ) -> None:
        """Change what is given of a channel or thread."""
        channel.name = channel.name if name is None else name
        channel.nsfw = channel.nsfw if nsfw is None else nsfw
        channel.slow_mode_s = channel.slow_mode_s if slow_mode_s is None else slow_mode_s
        channel.archived = channel.archived if archived is None else archived
        event = "THREAD_UPDATE" if channel.is_thread else "CHANNEL_UPDATE"
        self._happened(event, wire.channel_json(channel), channel)

    def add_thread(
        self,
        parent: Channel,
        name: str,
        owner: User,
        *,
        starter: Message | None = None,
        type: ChannelType = ChannelType.PUBLIC_THREAD,
    ) -> Channel:
        """Start a thread, under `starter` if given, which lends it its id."""
        if parent.guild is None:
            raise ValueError(f"a thread needs a channel of a guild, got {parent!r}")
        if starter is not None and starter.thread is not None:
            raise refusal(160004)
        thread = Channel(
            starter.id if starter else self.ids.next(),
            type,
            name,
            parent.guild,
            parent=parent,
            owner=owner,
            people=[owner],
        )
        self._open(thread, parent.guild)
        if starter is not None:
            starter.thread = thread
            starter.flags |= MessageFlag.HAS_THREAD
        body = wire.channel_json(thread) | {"newly_created": True}
        self._happened("THREAD_CREATE", body, thread)
        if starter is not None:
            self._happened("MESSAGE_UPDATE", wire.message_event(starter, self.bot), parent)
        return thread

    def _open(self, channel: Channel, guild: Guild) -> None:
        self.channels[channel.id] = channel
        guild.channels.append(channel)

    def join_thread(self, thread: Channel, user: User) -> None:
        """Make `user` a member of the thread; repeating it changes nothing."""
        if user not in thread.people:
            thread.people.append(user)
            joined = wire.thread_member_json(thread, user)
            if user is self.bot:
                body = wire.channel_json(thread) | {"member": joined}
                self._happened("THREAD_CREATE", body, thread)
            self._members_changed(thread, {"added_members": [joined]})

    def leave_thread(self, thread: Channel, user: User) -> None:
        """Take `user` out of the thread; repeating it changes nothing."""
        if user in thread.people:
            thread.people.remove(user)
            self._members_changed(thread, {"removed_member_ids": [str(user.id)]})

    def _members_changed(self, thread: Channel, what: Json) -> None:
        body = {
            "id": str(thread.id),
            "guild_id": str(thread.guild.id) if thread.guild else None,
            "member_count": len(thread.people),
        }
        self._happened("THREAD_MEMBERS_UPDATE", body | what, thread)

    def dm_with(self, user: User) -> Channel:
        """Return the direct messages between the bot and `user`, one channel for each person."""
        for channel in self.channels.values():
            if channel.type is ChannelType.DM and channel.people == [user]:
                return channel
        channel = Channel(self.ids.next(), ChannelType.DM, people=[user])
        self.channels[channel.id] = channel
        return channel

    def channel(self, id: int) -> Channel:
        """Return the channel as the bot may see it, or refuse."""
        channel = self.channels.get(id)
        if channel is None:
            raise refusal(10003)
        if channel.hidden or (channel.parent is not None and channel.parent.hidden):
            raise refusal(50001)
        if channel.type is ChannelType.PRIVATE_THREAD and self.bot not in channel.people:
            raise refusal(50001)
        return channel

    def message(self, channel: Channel, id: int) -> Message:
        """Return a message that still exists, or refuse."""
        message = channel.messages.get(id)
        if message is None or message.deleted_at is not None:
            raise refusal(10008)
        return message

    # messages

    def check_may(self, channel: Channel, permission: Permission) -> None:
        """Refuse what the bot lacks `permission` for."""
        if not channel.bot_may(permission):
            raise refusal(50013)

    def sent_before(self, channel: Channel, nonce: str) -> Message | None:
        """Return the bot's message of the last minutes in `channel` that carries `nonce`."""
        message = self._nonces.get((channel.id, nonce))
        if message and self.now() - message.at < self.settings.nonce_lives:
            return message
        return None

    def draft(self, channel: Channel, author: User, content: str = "") -> Message:
        """Return a message that nobody sees yet; `post` shows it."""
        return Message(self.ids.next(), channel, author, self.now(), content)

    def post(self, message: Message) -> None:
        """Show the message; an ephemeral one is recorded and dispatched to no one."""
        channel = message.channel
        self._settle(message)
        channel.messages[message.id] = message
        if message.nonce is not None and message.author is self.bot:
            self._nonces[channel.id, message.nonce] = message
        if not message.ephemeral:
            channel.last_message_id = message.id
            self._happened("MESSAGE_CREATE", wire.message_event(message, self.bot), channel)

    def change(
        self,
        message: Message,
        *,
        content: str | None = None,
        embeds: list[Json] | None = None,
        components: list[Json] | None = None,
        attachments: list[Attachment] | None = None,
    ) -> None:
        """Replace what is given, keep the rest, and remember what the message said before."""
        message.edits.append(Edit(self.now(), message.content, message.components))
        message.flags &= ~MessageFlag.LOADING
        message.edited_at = self.now()
        if content is not None:
            message.content = content
        if embeds is not None:
            message.embeds = embeds
        if components is not None:
            message.components = components
        if attachments is not None:
            message.attachments = attachments
        self._settle(message)
        if not message.ephemeral:
            event = wire.message_event(message, self.bot)
            self._happened("MESSAGE_UPDATE", event, message.channel)

    def preview(self, message: Message, embeds: list[Json]) -> None:
        """Add what links in the message lead to; that is no edit."""
        message.embeds = [*message.embeds, *embeds]
        event = wire.message_event(message, self.bot)
        self._happened("MESSAGE_UPDATE", event, message.channel)

    def _settle(self, message: Message) -> None:
        named = [int(found) for found in _MENTION.findall(message.content)]
        message.mentions = [self.users[id] for id in dict.fromkeys(named) if id in self.users]
        message.mention_everyone = "@everyone" in message.content or "@here" in message.content
        original = message.reply_to
        if original is not None and original.author not in message.mentions:
            message.mentions.append(original.author)

    def remove(self, message: Message) -> None:
        """Delete the message; it stays in the record, marked."""
        message.deleted_at = self.now()
        if not message.ephemeral:
            body = self._place(message) | {"id": str(message.id)}
            self._happened("MESSAGE_DELETE", body, message.channel)

    def react(self, message: Message, user: User, emoji: str) -> None:
        """Add a reaction; a second of the same person changes nothing."""
        users = message.reactions.setdefault(emoji, [])
        if user in users:
            return
        users.append(user)
        body = self._reaction(message, user, emoji)
        body["message_author_id"] = str(message.author.id)
        if message.channel.guild is not None:
            member = message.channel.guild.member(user) or Member(user)
            body["member"] = wire.full_member_json(member, message.channel.guild)
        self._happened("MESSAGE_REACTION_ADD", body, message.channel)

    def unreact(self, message: Message, user: User, emoji: str) -> None:
        """Take a reaction back; one that is not there changes nothing."""
        users = message.reactions.get(emoji, [])
        if user not in users:
            return
        users.remove(user)
        if not users:
            del message.reactions[emoji]
        body = self._reaction(message, user, emoji)
        self._happened("MESSAGE_REACTION_REMOVE", body, message.channel)

    def _reaction(self, message: Message, user: User, emoji: str) -> Json:
        return self._place(message) | {
            "message_id": str(message.id),
            "user_id": str(user.id),
            "emoji": wire.emoji_json(emoji),
            "burst": False,
            "type": 0,
        }

    def _place(self, message: Message) -> Json:
        guild = message.channel.guild
        place = {"channel_id": str(message.channel.id)}
        return place | ({"guild_id": str(guild.id)} if guild else {})

    def attach(
        self,
        channel: Channel,
        files: Iterable[tuple[str, str, bytes, str | None]],
        cdn: str,
    ) -> list[Attachment]:
        """Keep files (name, media type, bytes, description) under urls of `cdn`."""
        kept = []
        for name, media_type, content, description in files:
            if len(content) > self.settings.attachment_bytes:
                raise refusal(40005)
            id = self.ids.next()
            url = f"{cdn}/attachments/{channel.id}/{id}/{name}"
            kept.append(Attachment(id, name, media_type, content, url, description))
        self.attachments.update((attachment.id, attachment) for attachment in kept)
        return kept
