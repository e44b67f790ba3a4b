"""Values that cross a seam: what people send, what the bot answers. Frozen, no platform objects."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

ConversationId = NewType("ConversationId", str)
"""`platform:rest`; one ordered line of talk: a terminal, a channel, a thread, a direct message."""
EventKey = NewType("EventKey", str)
"""The platform's own id of what happened, prefixed by the platform; the idempotency key."""
UserId = NewType("UserId", str)
"""`platform:rest`; always taken from the event, never from a model's output."""
MessageKey = NewType("MessageKey", str)
"""The platform's id of a message that it shows."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; the bytes stay at the platform until someone asks."""

    name: str
    media_type: str
    size_bytes: int
    url: str


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A person said something to the bot."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandInvoked:
    """A person ran a command: `/name arguments`, or the platform's own form of it."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    name: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ActionTaken:
    """A person pressed a button under the message `message`."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    action: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class ReactionChanged:
    """A person added or took back a reaction to the message `message`."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    emoji: str
    added: bool


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A person changed a message of their own."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    text: str


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message is gone from the platform; whatever was kept of it must go too."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A person wants the running answer of this conversation cancelled; let past the queue."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime


Inbound = (
    MessageReceived
    | CommandInvoked
    | ActionTaken
    | ReactionChanged
    | MessageEdited
    | MessageDeleted
    | StopRequested
)


@dataclass(frozen=True, slots=True)
class Reply:
    """Final text for one event.

    `answers` is also the idempotency key of the delivery: one event has at most one reply.
    `private` asks the platform to show it to `user` alone where it can.
    """

    answers: EventKey
    conversation: ConversationId
    user: UserId
    text: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said in a conversation, by a person (`user`) or by the bot (`assistant`).

    `user` is the person whose turn it is or whom the bot answered: the text is theirs, so it is
    encrypted with their key and goes when they go. `event` is the event that said or caused it.
    """

    event: EventKey
    conversation: ConversationId
    user: UserId
    role: str
    text: str
    at: datetime
