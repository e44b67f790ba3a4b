"""A Web API call: who makes it, with which arguments, and the table of methods."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chatune_adapters.testing.slack.deliveries import Deliveries
from chatune_adapters.testing.slack.events import Events
from chatune_adapters.testing.slack.faults import Faults
from chatune_adapters.testing.slack.interactions import Interactions
from chatune_adapters.testing.slack.limits import Limiter
from chatune_adapters.testing.slack.messaging import Messaging
from chatune_adapters.testing.slack.record import Log
from chatune_adapters.testing.slack.sockets import Sockets
from chatune_adapters.testing.slack.timing import Timing
from chatune_adapters.testing.slack.world import (
    Channel,
    Json,
    Message,
    Organisation,
    Team,
    User,
    UserToken,
    World,
)

TokenKind = Literal["bot", "bot or person", "app", "none"]


class ApiError(Exception):
    """An answer {ok: false, error: code}, with more fields if any."""

    def __init__(self, code: str, **more: object) -> None:
        super().__init__(code)
        self.code = code
        self.more: Json = more


@dataclass(frozen=True, slots=True)
class AssistantThread:
    """What the app set on a thread of the assistant; `statuses` has every one, newest last."""

    statuses: list[str] = field(default_factory=list)
    prompts: list[Json] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    @property
    def status(self) -> str:
        """What is shown now; "" is nothing."""
        return self.statuses[-1] if self.statuses else ""


@dataclass(slots=True, eq=False)
class Site:
    """The parts of the server that methods work with."""

    world: World
    timing: Timing
    faults: Faults
    log: Log
    limiter: Limiter
    interactions: Interactions
    deliveries: Deliveries
    events: Events
    messaging: Messaging
    sockets: Sockets
    uploads: dict[str, tuple[str, int, Team]] = field(default_factory=dict)
    assistants: dict[tuple[str, str], AssistantThread] = field(default_factory=dict)
    origin: str = ""

    def assistant(self, channel: str, thread_ts: str) -> AssistantThread:
        """Return what was set on a thread."""
        return self.assistants.setdefault((channel, thread_ts), AssistantThread())


@dataclass(slots=True, eq=False)
class Call:
    """One call with its arguments, whichever way they came."""

    site: Site
    method: str
    arguments: Json
    team: Team | None
    person: UserToken | None = None

    @property
    def world(self) -> World:
        """Everything that exists."""
        return self.site.world

    @property
    def workspace(self) -> Team:
        """The workspace of the token."""
        if self.team is None:
            raise ApiError("not_allowed_token_type")
        return self.team

    @property
    def actor(self) -> User:
        """Who acts: the bot, or the person whose token it is."""
        return self.person.user if self.person is not None else self.workspace.bot

    @property
    def scopes(self) -> set[str]:
        """What the token allows."""
        return self.person.scopes if self.person is not None else self.workspace.scopes

    @property
    def organisation(self) -> Organisation | None:
        """Whose token it is, if the app is installed for an organisation."""
        return self.workspace.organisation if self.person is None else None

    def text(self, name: str) -> str:
        """Return an argument that must be there."""
        value = self.maybe(name)
        if value is None or value == "":
            raise ApiError(
                "invalid_arguments",
                response_metadata={"messages": [f"[ERROR] missing required field: {name}"]},
            )
        return value

    def maybe(self, name: str) -> str | None:
        """Return an argument as text, or None."""
        value = self.arguments.get(name)
        return value if value is None or isinstance(value, str) else str(value)

    def flag(self, name: str) -> bool:
        """Return whether an argument says yes."""
        return self.arguments.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int) -> int:
        """Return an argument as a number."""
        try:
            return int(self.arguments.get(name) or default)
        except (TypeError, ValueError) as error:
            raise ApiError("invalid_arguments") from error

    def structure(self, name: str, error: str = "invalid_arguments") -> Any:  # noqa: ANN401 - it is JSON of any shape
        """Return an argument that is JSON, or JSON as text, or None."""
        value = self.arguments.get(name)
        if not isinstance(value, str) or not value:
            return value or None
        try:
            return json.loads(value)
        except ValueError as cause:
            raise ApiError(error) from cause

    def channel(self, name: str = "channel") -> Channel:
        """Return the conversation an argument names, if whoever acts may know it.

        Raises:
            ApiError: `channel_not_found`.
        """
        channel = self.world.channels.get(self.text(name))
        if channel is None or channel.team is not self.workspace:
            raise ApiError("channel_not_found")
        if channel.kind != "channel" and self.actor.id not in channel.members:
            raise ApiError("channel_not_found")
        return channel

    def channel_to_post(self, name: str = "channel") -> Channel:
        """Return the conversation to write to; a user id is the direct messages with the user.

        Raises:
            ApiError: `channel_not_found`, `not_in_channel`, `is_archived`.
        """
        user = self.world.users.get(self.text(name))
        if user is not None and user.team_id == self.workspace.id and not user.is_bot:
            return self.world.dm_between(user)
        channel = self.channel(name)
        public = "chat:write.public" in self.workspace.scopes
        if self.workspace.bot.id not in channel.members and not public:
            raise ApiError("not_in_channel")
        if channel.archived:
            raise ApiError("is_archived")
        return channel

    def user(self, name: str = "user") -> User:
        """Return the user an argument names.

        Raises:
            ApiError: `user_not_found`.
        """
        user = self.world.users.get(self.text(name))
        if user is None or user.team_id != self.workspace.id:
            raise ApiError("user_not_found")
        return user

    def message(self, channel: Channel, name: str = "ts") -> Message:
        """Return the message an argument names.

        Raises:
            ApiError: `message_not_found`.
        """
        message = channel.visible(self.text(name))
        if message is None:
            raise ApiError("message_not_found")
        return message


Handler = Callable[[Call], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Method:
    """A Web API method: its handler, the scope it needs (any one of several), and the token."""

    handler: Handler
    scopes: tuple[str, ...] = ()
    token: TokenKind = "bot"


Methods = Mapping[str, Method]
