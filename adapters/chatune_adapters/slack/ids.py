"""Names of places, people and messages of Slack in the core's ids, and back."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from chatune_core.messages import ConversationId, EventKey, MessageKey, UserId, WorkspaceId

NAME = "slack"
NOBODY = UserId(f"{NAME}:unknown")
_TS = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a conversation is held: `thread` is the ts of the thread's root, or ""."""

    team: str
    channel: str
    thread: str = ""

    @property
    def conversation(self) -> ConversationId:
        """The id that the core knows the place by."""
        tail = f":{self.thread}" if self.thread else ""
        return ConversationId(f"{NAME}:{self.team}:{self.channel}{tail}")

    @property
    def direct(self) -> bool:
        """Whether only the person and the bot are there."""
        return self.channel[:1] in ("D", "U", "W")


def place_of(conversation: ConversationId) -> Place:
    """Return the place that a conversation of this platform is held at."""
    _, team, channel, *thread = conversation.split(":")
    return Place(team, channel, thread[0] if thread else "")


def place_of_message(message: MessageKey) -> tuple[Place, str]:
    """Return the channel that shows a message of this platform, and the ts of the message."""
    _, team, channel, ts = message.split(":")
    return Place(team, channel), ts


def user_id(team: str, user: str) -> UserId:
    """Return the core's id of a user."""
    return UserId(f"{NAME}:{team}:{user}") if user else NOBODY


def slack_user(user: UserId) -> str:
    """Return Slack's id of a user."""
    return user.rpartition(":")[2]


def workspace_id(team: str) -> WorkspaceId:
    """Return the core's id of a workspace."""
    return WorkspaceId(f"{NAME}:{team}")


def message_key(team: str, channel: str, ts: str) -> MessageKey:
    """Return the core's id of a message."""
    return MessageKey(f"{NAME}:{team}:{channel}:{ts}")


def event_key(team: str, *parts: str) -> EventKey:
    """Return the idempotency key of something that happened in a workspace."""
    return EventKey(":".join((NAME, team, *parts)))


def ts_of(key: EventKey) -> str:
    """Return the ts that the event of `key` happened at, as far as the key tells, or "".

    `key` may also be that of something announced because of the event.
    """
    stamps = [part for part in key.split(":")[3:] if _TS.fullmatch(part)]
    return stamps[-1] if stamps else ""


def announced(key: EventKey) -> bool:
    """Return whether `key` is of something announced, and not of an answer to somebody.

    Keys of what people do to the bot end after the workspace's own id of it, or with a ts; what
    is announced has a word behind that.
    """
    return len(key.split(":")) > 3 and not _TS.fullmatch(key.rpartition(":")[2])


def at(ts: str) -> datetime:
    """Return the time that a ts means.

    Raises:
        ValueError: if it is no ts.
    """
    return datetime.fromtimestamp(float(ts), UTC)
