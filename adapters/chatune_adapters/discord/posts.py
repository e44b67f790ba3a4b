"""What people post among themselves in channels that are watched."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from chatune_adapters.discord.ids import (
    PLATFORM,
    conversation_id,
    message_key,
    snowflake_at,
    thread_below,
    time_of,
    user_id,
)
from chatune_adapters.discord.inbound import attachment, by_person, shown_name
from chatune_adapters.discord.places import Places
from chatune_core.messages import ConversationId, EventKey, MessagePosted

Payload = Mapping[str, Any]
_PREVIEWS, _PREVIEW_CHARS = 20, 4000
_DIGEST = 12


class Posts:
    """Makes `MessagePosted` of the messages of watched channels, and of nothing else."""

    def __init__(self, places: Places, watches: Callable[[ConversationId], bool]) -> None:
        self._places, self._watches = places, watches

    def watched(self, payload: Payload) -> bool:
        """Return whether the message is a person's, in a channel that is watched."""
        if payload.get("guild_id") is None or "author" not in payload or not by_person(payload):
            return False
        return self._watches(self._place(payload))

    def posted(self, payload: Payload) -> MessagePosted:
        """Return the post, as it stands now, under a key of its own for each state of it.

        The key holds the message, when it was changed last and what previews it has. So it is the
        same whether the gateway tells of it or a history that is read later.
        """
        changed, previews = payload.get("edited_timestamp"), _previews(payload)
        at = datetime.fromisoformat(changed) if changed else time_of(payload["id"])
        member = payload.get("member") or {}
        return MessagePosted(
            _key(payload["id"], at if changed else None, previews),
            self._place(payload),
            user_id(payload["author"]["id"]),
            at,
            message_key(payload["id"]),
            str(payload.get("content") or ""),
            shown_name({**payload["author"], "member": member}),
            tuple(attachment(each) for each in payload.get("attachments", ())),
            previews,
            tuple(f"{PLATFORM}:{role}" for role in member.get("roles", ())),
            self._places.age_gated(payload["channel_id"]),
        )

    def _place(self, payload: Payload) -> ConversationId:
        """Return where it was posted; a thread is below its channel, so what holds there holds."""
        guild, channel = payload["guild_id"], payload["channel_id"]
        parent = self._places.parent(channel)
        if parent is None:
            return conversation_id(guild, channel)
        return thread_below(conversation_id(guild, parent), channel)


def _key(message: str, changed: datetime | None, previews: tuple[str, ...]) -> EventKey:
    key = f"{PLATFORM}:posted:{message}"
    if changed is not None:
        key += f":{snowflake_at(changed)}"
    if previews:
        digest = hashlib.sha256("\0".join(previews).encode("utf-8", "surrogatepass"))
        key += f":p{digest.hexdigest()[:_DIGEST]}"
    return EventKey(key)


def _previews(payload: Payload) -> tuple[str, ...]:
    """Return what people read in the message besides its text: links, a forward, a poll."""
    poll = payload.get("poll") or {}
    forwards = [each.get("message") or {} for each in payload.get("message_snapshots") or ()]
    texts = [
        *map(_embed_text, payload.get("embeds") or ()),
        *(str(forward.get("content") or "") for forward in forwards),
        *(_embed_text(embed) for forward in forwards for embed in forward.get("embeds") or ()),
        *(_poll_text(each) for each in (poll.get("question"), *_answers(poll)) if each),
    ]
    return tuple(text[:_PREVIEW_CHARS] for text in texts if text)[:_PREVIEWS]


def _embed_text(embed: Payload) -> str:
    parts = (str(embed.get("title") or ""), str(embed.get("description") or ""))
    return "\n".join(part for part in parts if part)


def _answers(poll: Payload) -> list[Payload]:
    return [each.get("poll_media") or {} for each in poll.get("answers") or ()]


def _poll_text(media: Payload) -> str:
    return str(media.get("text") or "")
