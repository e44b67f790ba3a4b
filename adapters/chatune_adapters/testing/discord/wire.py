"""The JSON that Discord sends for what exists on the server."""

from collections.abc import Iterable
from datetime import datetime

from chatune_adapters.testing.discord.entities import (
    Attachment,
    Channel,
    ChannelType,
    Guild,
    Json,
    Member,
    Message,
    Role,
    User,
)
from chatune_adapters.testing.discord.permissions import EVERYTHING as EVERY_BIT
from chatune_adapters.testing.discord.permissions import ORDINARY
from chatune_adapters.testing.discord.snowflakes import time_of

EVERYTHING = str(EVERY_BIT)
"""Every permission, as Discord writes them."""


def stamp(at: datetime | None) -> str | None:
    """Return `at` as Discord writes times."""
    return at.isoformat() if at else None


def user_json(user: User) -> Json:
    """Return a user object."""
    return {
        "id": str(user.id),
        "username": user.name,
        "global_name": None if user.bot else user.name.title(),
        "discriminator": "0000" if user.bot else "0",
        "avatar": None,
        "bot": user.bot,
        "public_flags": 0,
    }


def member_json(member: Member, guild: Guild) -> Json:
    """Return a member object without its user, as messages carry it."""
    return {
        "roles": [str(role.id) for role in member.roles],
        "nick": member.nick,
        "avatar": None,
        "joined_at": stamp(time_of(guild.id)),
        "deaf": False,
        "mute": False,
        "flags": 0,
        "pending": False,
        "permissions": str(guild.permissions_of(member)),
        "communication_disabled_until": stamp(member.silenced_until),
    }


def full_member_json(member: Member, guild: Guild) -> Json:
    """Return a member object with its user."""
    return {**member_json(member, guild), "user": user_json(member.user)}


def channel_json(channel: Channel) -> Json:
    """Return a channel, thread or direct message object."""
    last = channel.last_message_id
    body: Json = {
        "id": str(channel.id),
        "type": int(channel.type),
        "last_message_id": str(last) if last else None,
        "flags": 0,
    }
    if channel.type is ChannelType.DM:
        return body | {"recipients": [user_json(user) for user in channel.people]}
    body |= {
        "name": channel.name,
        "guild_id": str(channel.guild.id) if channel.guild else None,
        "permissions": EVERYTHING,
    }
    if channel.is_thread:
        return body | _thread_fields(channel)
    return body | {
        "position": 0,
        "parent_id": None,
        "topic": None,
        "nsfw": channel.nsfw,
        "rate_limit_per_user": channel.slow_mode_s,
        "permission_overwrites": [],
    }


def _thread_fields(thread: Channel) -> Json:
    made = stamp(time_of(thread.id))
    return {
        "parent_id": str(thread.parent.id) if thread.parent else None,
        "owner_id": str(thread.owner.id) if thread.owner else None,
        "message_count": len(thread.messages),
        "total_message_sent": len(thread.messages),
        "member_count": len(thread.people),
        "rate_limit_per_user": thread.slow_mode_s,
        "thread_metadata": {
            "archived": thread.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": made,
            "create_timestamp": made,
            "locked": False,
        },
    }


def thread_member_json(thread: Channel, user: User) -> Json:
    """Return what a thread says about someone who joined it."""
    return {
        "id": str(thread.id),
        "user_id": str(user.id),
        "join_timestamp": stamp(time_of(thread.id)),
        "flags": 0,
    }


def attachment_json(attachment: Attachment) -> Json:
    """Return an attachment object; its url leads to this server."""
    return {
        "id": str(attachment.id),
        "filename": attachment.name,
        "size": len(attachment.content),
        "url": attachment.url,
        "proxy_url": attachment.url,
        "content_type": attachment.media_type,
        "description": attachment.description,
    }


def emoji_json(emoji: str) -> Json:
    """Return a partial emoji: a character, or `name:id` for one of the guild's own."""
    name, _, snowflake = emoji.partition(":")
    return {"id": snowflake or None, "name": name, "animated": False}


def message_json(message: Message, bot: User) -> Json:
    """Return the message as REST gives it to the bot."""
    body = _own_fields(message)
    body["reactions"] = [_reaction(emoji, users, bot) for emoji, users in message.reactions.items()]
    if message.nonce is not None:
        body["nonce"] = message.nonce
    if message.reply_to is not None:
        original = message.reply_to
        body["message_reference"] = {
            "type": 0,
            "message_id": str(original.id),
            "channel_id": str(original.channel.id),
            **_guild_id(original.channel),
        }
        body["referenced_message"] = None if original.deleted_at else _own_fields(original)
    if message.interaction is not None:
        body["interaction_metadata"] = message.interaction
        body["webhook_id"] = body["application_id"] = str(bot.id)
    if message.thread is not None:
        body["thread"] = channel_json(message.thread)
    return body


def _own_fields(message: Message) -> Json:
    return {
        "id": str(message.id),
        "channel_id": str(message.channel.id),
        "type": 0 if message.reply_to is None else 19,
        "author": user_json(message.author),
        "content": message.content,
        "timestamp": stamp(message.at),
        "edited_timestamp": stamp(message.edited_at),
        "tts": False,
        "mention_everyone": message.mention_everyone,
        "mentions": [user_json(user) for user in message.mentions],
        "mention_roles": [],
        "attachments": [attachment_json(a) for a in message.attachments],
        "embeds": message.embeds,
        "components": message.components,
        "flags": int(message.flags),
        "pinned": False,
    }


def _reaction(emoji: str, users: list[User], bot: User) -> Json:
    return {
        "emoji": emoji_json(emoji),
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "me": bot in users,
        "me_burst": False,
        "burst_colors": [],
    }


def _guild_id(channel: Channel) -> Json:
    return {"guild_id": str(channel.guild.id)} if channel.guild else {}


def message_event(message: Message, bot: User) -> Json:
    """Return the message as the gateway dispatches it: with guild and member."""
    body = message_json(message, bot) | _guild_id(message.channel)
    guild = message.channel.guild
    member = guild.member(message.author) if guild is not None else None
    if guild is not None and member is not None and message.interaction is None:
        body["member"] = member_json(member, guild)
    return body


def without_content(body: Json) -> Json:
    """Return the message as a bot without the message content intent sees it."""
    emptied = body | {"content": "", "embeds": [], "attachments": [], "components": []}
    original = body.get("referenced_message")
    if original:
        emptied["referenced_message"] = without_content(original)
    return emptied


def guild_json(guild: Guild, members: Iterable[Member]) -> Json:
    """Return the guild as GUILD_CREATE carries it, with `members`."""
    shown = [c for c in guild.channels if not c.hidden]
    return {
        **partial_guild_json(guild),
        "owner_id": str(guild.owner.id),
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "application_id": None,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "splash": None,
        "discovery_splash": None,
        "emojis": [],
        "stickers": [],
        "roles": roles_json(guild),
        "large": False,
        "unavailable": False,
        "joined_at": stamp(time_of(guild.id)),
        "member_count": len(guild.members),
        "members": [full_member_json(member, guild) for member in members],
        "channels": [channel_json(c) for c in shown if not c.is_thread],
        "threads": [channel_json(c) for c in shown if c.is_thread and not c.archived],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def partial_guild_json(guild: Guild) -> Json:
    """Return the few fields of a guild that interactions and lists carry."""
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "features": [],
        "locale": "en-US",
    }


def roles_json(guild: Guild) -> list[Json]:
    """Return the roles: @everyone, those below the bot's own, that, and those above it."""
    everyone = Role(guild.id, "@everyone", ORDINARY & ~guild.withheld)
    own = Role(guild.bot_role, "bot", guild.bot_permissions)
    low = [role for role in guild.roles if not role.above_bot]
    high = [role for role in guild.roles if role.above_bot]
    return [
        _role_json(role, position, managed=role is own)
        for position, role in enumerate((everyone, *low, own, *high))
    ]


def _role_json(role: Role, position: int, *, managed: bool) -> Json:
    return {
        "id": str(role.id),
        "name": role.name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "position": position,
        "permissions": str(int(role.permissions)),
        "managed": managed,
        "mentionable": False,
        "flags": 0,
    }
