"""Values that cross a seam: what people send, what the bot answers. Frozen, no platform objects."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

ACTION = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""What a button may be called; the same shape as a command's name."""

ConversationId = NewType("ConversationId", str)
"""`platform:rest`; one ordered line of talk: a terminal, a channel, a thread, a direct message.

On platforms with workspaces it is `platform:workspace:rest`, see `WorkspaceId`.
"""
EventKey = NewType("EventKey", str)
"""The platform's own id of what happened, prefixed by the platform; the idempotency key."""
UserId = NewType("UserId", str)
"""`platform:rest`; always taken from the event, never from a model's output."""
MessageKey = NewType("MessageKey", str)
"""The platform's id of a message that it shows.

Of a message that a person wrote it is the same text as the `EventKey` under which it arrived.
"""
WorkspaceId = NewType("WorkspaceId", str)
"""`platform:workspace`: a Discord server, a Slack workspace; conversations in it begin so."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; the bytes stay at the platform until someone asks.

    `media_type` and `size_bytes` are what the platform says; neither is trusted.
    """

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
    via: str = ""


@dataclass(frozen=True, slots=True)
class CommandInvoked:
    """A person ran a command: `/name arguments`, or the platform's own form of it.

    `message` is set where it was chosen from the menu of a message, whose text is `arguments`.
    """

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    name: str
    arguments: str = ""
    message: MessageKey | None = None
    via: str = ""


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
    via: str = ""


@dataclass(frozen=True, slots=True)
class FormSubmitted:
    """A person filled in the form `form`, opened by a button with `value` under `message`.

    `fields` are pairs of field name and what was entered, in the order of the form.
    """

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    form: str
    value: str
    fields: tuple[tuple[str, str], ...]
    via: str = ""


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
    via: str = ""


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A person changed a message of their own."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    text: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message is gone from the platform; whatever was kept of it must go too."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    via: str = ""


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A person posted or changed the message `message` in a channel that is watched.

    It asks the bot for nothing: a message that does arrives as `MessageReceived` besides. `name` is
    what others see the author called, `previews` what the platform shows of links in it, `roles`
    are the author's there, as in "discord:ROLE" or "slack:TEAM:admin". `age_gated` says that the
    platform lets adults alone into the channel.
    """

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    message: MessageKey
    text: str
    name: str = ""
    attachments: tuple[Attachment, ...] = ()
    previews: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    age_gated: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """A person wants the running answer of this conversation cancelled; let past the queue."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    via: str = ""


@dataclass(frozen=True, slots=True)
class BotRemoved:
    """The bot was removed from `workspace`; whatever was kept of it must go."""

    key: EventKey
    conversation: ConversationId
    user: UserId
    at: datetime
    workspace: WorkspaceId
    via: str = ""


def workspace_of(conversation: ConversationId) -> WorkspaceId:
    """Return the workspace that `conversation` is in, on a platform that has workspaces."""
    return WorkspaceId(":".join(conversation.split(":", 2)[:2]))


Inbound = (
    MessageReceived
    | CommandInvoked
    | ActionTaken
    | FormSubmitted
    | ReactionChanged
    | MessageEdited
    | MessageDeleted
    | MessagePosted
    | StopRequested
    | BotRemoved
)
"""What can happen. `via` is the adapter's own return address (an interaction token, the message
to answer); the core does not look into it and copies it into the reply."""


def line_of(event: Inbound) -> str | None:
    """Return the line that `event` waits in: each of its events waits for the one before.

    That is the conversation, but for what is only watched, which waits for no answer, and for a
    request to stop, which waits for nothing.
    """
    if isinstance(event, StopRequested):
        return None
    if isinstance(event, MessagePosted):
        return f"{event.conversation}#watch"
    return event.conversation


@dataclass(frozen=True, slots=True)
class File:
    """A file that the bot sends."""

    name: str
    content: bytes
    media_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a reply. A press becomes `ActionTaken`, or opens the form called `action`.

    Raises:
        ValueError: for what not every platform can show.
    """

    action: str
    label: str
    value: str = ""

    def __post_init__(self) -> None:
        if not ACTION.fullmatch(self.action):
            raise ValueError(f"action must match {ACTION.pattern}, got {self.action!r}")
        if not 1 <= len(self.label) <= 75:
            raise ValueError(f"label must have 1 to 75 characters, got {self.label!r}")
        if len(self.value) > 64:
            raise ValueError(f"value may have up to 64 characters, got {len(self.value)}")


@dataclass(frozen=True, slots=True)
class Reply:
    """Final text for one event.

    `answers` is also the idempotency key of the delivery: one event has at most one reply.
    `private` asks the platform to show it to `user` alone where it can. `rateable` says that a
    model wrote it, so people may rate it; `failed` that it apologises for something of ours.
    `replaces` is a message of the bot's that is to show it from now on, where it still can.
    """

    answers: EventKey
    conversation: ConversationId
    user: UserId
    text: str
    private: bool = False
    via: str = ""
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()
    rateable: bool = False
    failed: bool = False
    replaces: MessageKey | None = None


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
