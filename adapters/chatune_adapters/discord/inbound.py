"""From Discord's messages to the core's events: pure functions over the JSON of the wire."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chatune_adapters.discord.ids import (
    UNKNOWN,
    conversation_id,
    event_key,
    message_key,
    time_of,
    user_id,
    workspace_id,
)
from chatune_core.messages import (
    Attachment,
    BotRemoved,
    ConversationId,
    EventKey,
    MessageDeleted,
    MessageEdited,
    MessageReceived,
    ReactionChanged,
)

Payload = Mapping[str, Any]
_SPOKEN = frozenset({0, 19})
"""The types of messages that people write; the others are the platform's own notices."""
_MENTION = re.compile(r"<@!?(\d+)>")


def received(payload: Payload, me: str, joined: Callable[[str], bool]) -> MessageReceived | None:
    """Return the message if a person addressed the bot with it.

    Args:
        me: the bot's own id.
        joined: whether the bot takes part in the thread of that id.
    """
    if not _addressed(payload, me, joined):
        return None
    return MessageReceived(
        event_key(payload["id"]),
        conversation_id(payload.get("guild_id"), payload["channel_id"]),
        user_id(payload["author"]["id"]),
        time_of(payload["id"]),
        _text(payload, me),
        tuple(attachment(each) for each in payload.get("attachments", ())),
    )


def edited(payload: Payload, me: str, joined: Callable[[str], bool]) -> MessageEdited | None:
    """Return the change if a person changed what they had said to the bot."""
    stamp = payload.get("edited_timestamp")
    if not stamp or "author" not in payload or not _addressed(payload, me, joined):
        return None
    return MessageEdited(
        EventKey(f"discord:edited:{payload['id']}:{stamp}"),
        conversation_id(payload.get("guild_id"), payload["channel_id"]),
        user_id(payload["author"]["id"]),
        datetime.fromisoformat(stamp),
        message_key(payload["id"]),
        _text(payload, me),
    )


def deleted(payload: Payload, message: str, at: datetime) -> MessageDeleted:
    """Return that `message` of the payload's channel is gone; Discord does not say whose it was."""
    return MessageDeleted(
        EventKey(f"discord:deleted:{message}"),
        conversation_id(payload.get("guild_id"), payload["channel_id"]),
        UNKNOWN,
        at,
        message_key(message),
    )


def reacted(payload: Payload, me: str, at: datetime, *, added: bool) -> ReactionChanged | None:
    """Return the reaction if a person gave it and it may be to a message of the bot's.

    Discord gives reactions no id; the key is new each time, for the last one counts.
    """
    emoji, user = payload["emoji"], payload["user_id"]
    if emoji.get("id") or user == me or payload.get("message_author_id", me) != me:
        return None
    if payload.get("member", {}).get("user", {}).get("bot"):
        return None
    moment = int(at.timestamp() * 1_000_000)
    message = payload["message_id"]
    return ReactionChanged(
        EventKey(f"discord:reacted:{message}:{user}:{moment}"),
        conversation_id(payload.get("guild_id"), payload["channel_id"]),
        user_id(user),
        at,
        message_key(message),
        emoji["name"],
        added,
    )


def removal_of(guild: str) -> ConversationId:
    """Return the conversation in which it is told that the bot left `guild`."""
    return conversation_id(guild, "removed")


def removed(guild: str, at: datetime) -> BotRemoved:
    """Return that the bot is no longer in `guild`."""
    return BotRemoved(
        EventKey(f"discord:removed:{guild}:{int(at.timestamp())}"),
        removal_of(guild),
        UNKNOWN,
        at,
        workspace_id(guild),
    )


def by_person(payload: Payload) -> bool:
    """Return whether a person wrote the message: no bot, no webhook, not Discord itself."""
    if payload["author"].get("bot") or "webhook_id" in payload:
        return False
    return payload.get("type", 0) in _SPOKEN


def _addressed(payload: Payload, me: str, joined: Callable[[str], bool]) -> bool:
    if not by_person(payload):
        return False
    if payload.get("guild_id") is None:
        return True
    if any(user["id"] == me for user in payload.get("mentions", ())):
        return True
    if not (payload.get("content") or payload.get("attachments")):
        return False  # Without the message content intent nothing of it can be read.
    original = payload.get("referenced_message") or {}
    return original.get("author", {}).get("id") == me or joined(payload["channel_id"])


def _text(payload: Payload, me: str) -> str:
    text: str = payload.get("content", "")
    if "<@" not in text:
        return text.strip()
    names = {user["id"]: shown_name(user) for user in payload.get("mentions", ())}
    named = _MENTION.sub(
        lambda found: "" if found[1] == me else f"@{names.get(found[1], 'someone')}", text
    )
    return named.strip()


def shown_name(user: Payload) -> str:
    """Return what others see a person called; `member` of `user` is what they are in a server."""
    nick = (user.get("member") or {}).get("nick")
    return str(nick or user.get("global_name") or user.get("username") or "someone")


def attachment(payload: Payload) -> Attachment:
    """Return a file of a message."""
    return Attachment(
        str(payload.get("filename", "file")),
        str(payload.get("content_type") or ""),
        int(payload.get("size", 0)),
        str(payload["url"]),
    )
