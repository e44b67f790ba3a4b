"""Discord's snowflakes as the core's ids, and back."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from chatune_core.messages import (
    Button,
    ConversationId,
    EventKey,
    MessageKey,
    UserId,
    WorkspaceId,
)

PLATFORM = "discord"
UNKNOWN = UserId("discord:unknown")
_EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
_DIRECT = "@me"
_NONCE_CHARS = 25
_COUNTER_BITS = 22
_LINES_APART_MS = 600_000


def conversation_id(guild: str | None, channel: str) -> ConversationId:
    """Return the conversation of a channel or thread, or of a direct message without `guild`."""
    return ConversationId(f"{PLATFORM}:{guild or _DIRECT}:{channel}")


def channel_of(conversation: ConversationId) -> str:
    """Return the channel, thread or direct message that a conversation is."""
    return conversation.rpartition(":")[2]


def guild_of(conversation: ConversationId) -> str | None:
    """Return the server in which the conversation is; None of a direct message."""
    guild = conversation.split(":")[1]
    return None if guild == _DIRECT else guild


def thread_below(channel: ConversationId, thread: str) -> ConversationId:
    """Return a thread as a place below its channel: what is set for the channel holds for it."""
    return ConversationId(f"{channel}:{thread}")


def is_thread(conversation: ConversationId) -> bool:
    """Return whether the conversation is one that `thread_below` made."""
    return conversation.count(":") > 2 and not is_aside(conversation)


def aside_of(conversation: ConversationId, user: UserId) -> ConversationId:
    """Return the direct messages of the bot and `user`, opened when something is said there.

    It names the channel that it is about too: there one line is said if no direct message can be.
    """
    person = user.rpartition(":")[2]
    return ConversationId(f"{PLATFORM}:{_DIRECT}:@{person}:{channel_of(conversation)}")


def is_aside(conversation: ConversationId) -> bool:
    """Return whether the conversation is one that `aside_of` made."""
    return conversation.startswith(f"{PLATFORM}:{_DIRECT}:@")


def is_direct(conversation: ConversationId) -> bool:
    """Return whether the conversation is a direct message that is open."""
    return conversation.startswith(f"{PLATFORM}:{_DIRECT}:") and not is_aside(conversation)


def workspace_id(guild: str) -> WorkspaceId:
    """Return the id of a Discord server."""
    return WorkspaceId(f"{PLATFORM}:{guild}")


def shard_of(guild: str, shards: int) -> int:
    """Return which of `shards` tells of a Discord server."""
    return (int(guild) >> _COUNTER_BITS) % shards


def user_id(user: str) -> UserId:
    """Return the id of a person."""
    return UserId(f"{PLATFORM}:{user}")


def event_key(snowflake: str) -> EventKey:
    """Return the key of the message or interaction `snowflake` as an event."""
    return EventKey(f"{PLATFORM}:{snowflake}")


def message_key(snowflake: str) -> MessageKey:
    """Return the key of a message."""
    return MessageKey(f"{PLATFORM}:{snowflake}")


def snowflake_in(key: str) -> str:
    """Return the snowflake in a key or id; "" where it holds none, as in derived keys."""
    last = key.rpartition(":")[2]
    return last if last.isdecimal() and key.count(":") == 1 else ""


def since_in(key: str) -> str:
    """Return the newest snowflake in a key, derived ones included; "" where it holds none.

    Whatever came of an event is shown after it.
    """
    return max((part for part in key.split(":") if part.isdecimal()), key=int, default="")


def time_of(snowflake: str | int) -> datetime:
    """Return when Discord made `snowflake`."""
    return _EPOCH + timedelta(milliseconds=int(snowflake) >> _COUNTER_BITS)


def snowflake_at(at: datetime) -> int:
    """Return the least snowflake of the moment `at`."""
    return max(0, (at - _EPOCH) // timedelta(milliseconds=1)) << _COUNTER_BITS


def nonce_of(answers: EventKey, part: int, again: int = 0) -> str:
    """Return what Discord knows part `part` of the answer by, for some minutes.

    `again` counts messages that somebody deleted while they grew and that are posted anew.
    """
    told = f"{answers}{part}" + (f"again{again}" if again else "")
    digest = hashlib.sha256(told.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_NONCE_CHARS]


def unreached_key(reply: EventKey, user: UserId) -> EventKey:
    """Return the key of the line that says that `user` takes no direct message.

    All replies to what happened within ten minutes have the same: one line is enough.
    """
    happened_ms = int(since_in(reply) or 0) >> _COUNTER_BITS
    begun = (happened_ms - happened_ms % _LINES_APART_MS) << _COUNTER_BITS
    return EventKey(f"{user}:unreached:{begun}")


def custom_id(button: Button) -> str:
    """Return how a press of `button` is told."""
    return f"{button.action}={button.value}" if button.value else button.action


def pressed(told: str) -> tuple[str, str]:
    """Return action and value of a custom id."""
    action, _, value = told.partition("=")
    return action, value
