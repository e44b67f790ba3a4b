"""What the pretend Slack holds: one app, its workspaces, and everything people see in them."""

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
ChannelKind = Literal["channel", "group", "im", "mpim"]
StreamState = Literal["", "open", "done", "expired"]

BOT_SCOPES = frozenset(
    (
        *(
            "app_mentions:read",
            "assistant:write",
            "channels:history",
            "channels:read",
            "chat:write",
        ),
        *("commands", "files:read", "files:write", "groups:history", "groups:read", "im:history"),
        *("im:read", "im:write", "mpim:history", "mpim:read", "reactions:read", "reactions:write"),
        *("team:read", "users:read", "users:read.email"),
    )
)
SUBSCRIPTIONS = frozenset(
    (
        *("app_home_opened", "app_mention", "app_uninstalled", "tokens_revoked", "file_shared"),
        *("message.channels", "message.groups", "message.im", "message.mpim"),
        *("reaction_added", "reaction_removed", "member_joined_channel", "member_left_channel"),
        *("assistant_thread_started", "assistant_thread_context_changed"),
    )
)
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


@dataclass(slots=True, eq=False)
class App:
    """The one app whose server side is under test; workspaces install it.

    Tokens given while `rotates_tokens` expire, and come with a refresh token that is good once.
    """

    id: str
    client_id: str
    client_secret: str
    signing_secret: str
    app_token: str
    rotates_tokens: bool = False
    subscriptions: set[str] = field(default_factory=lambda: set(SUBSCRIPTIONS))


@dataclass(slots=True, eq=False)
class User:
    """A person, or the bot's own user."""

    id: str
    team_id: str
    name: str
    real_name: str
    is_bot: bool = False
    is_admin: bool = False
    is_owner: bool = False
    deleted: bool = False
    locale: str = "en-US"
    tz: str = "Europe/London"


@dataclass(slots=True, eq=False)
class Team:
    """A workspace, with what the installation of the app gave it.

    In an `organisation` the app is installed there, for all of its workspaces.
    """

    id: str
    name: str
    app: App
    bot: User
    bot_id: str
    bot_token: str
    scopes: set[str] = field(default_factory=lambda: set(BOT_SCOPES))
    installed: bool = True
    organisation: "Organisation | None" = None

    @property
    def bot_user_id(self) -> str:
        """The user id of the bot, the one that mentions name."""
        return self.bot.id

    @property
    def app_token(self) -> str:
        """The xapp token; the same for all workspaces."""
        return self.app.app_token

    @property
    def signing_secret(self) -> str:
        """The secret that signs requests; the same for all workspaces."""
        return self.app.signing_secret


@dataclass(slots=True, eq=False)
class Organisation:
    """An Enterprise organisation that has the app for all of its workspaces, under one token."""

    id: str
    name: str
    bot: User
    bot_id: str
    bot_token: str = ""
    teams: list[Team] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class UserToken:
    """A person's own token: the app acts as that person, within these scopes."""

    token: str
    user: User
    scopes: set[str]


@dataclass(slots=True, eq=False)
class File:
    """An uploaded file; `shared` once a message shows it. `kept_by` is an organisation's id."""

    id: str
    team_id: str
    name: str
    mimetype: str
    content: bytes
    user: str
    title: str = ""
    kept_by: str = ""
    shared_in: list[str] = field(default_factory=list)
    deleted: bool = False


@dataclass(slots=True, eq=False)
class Message:
    """A message as it stands now, and what it said before.

    `ephemeral_for` names the only user who sees it. `stream` is "open" while chat.appendStream may
    add to it, then "done" or "expired". `earlier` has the texts it showed before, oldest first.
    """

    channel: str
    ts: str
    user: str
    text: str
    bot_id: str | None = None
    thread_ts: str | None = None
    subtype: str | None = None
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    metadata: Json | None = None
    ephemeral_for: str | None = None
    stream: StreamState = ""
    stream_started: float = 0.0
    earlier: list[str] = field(default_factory=list)
    edited_at: str | None = None
    deleted: bool = False
    broadcast: bool = False
    reactions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Whether it hangs in a thread below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def is_ephemeral(self) -> bool:
        """Whether one user alone sees it, and no API call ever returns it."""
        return self.ephemeral_for is not None


@dataclass(slots=True, eq=False)
class Channel:
    """A conversation: public or private channel, or direct messages."""

    id: str
    team: Team
    name: str
    kind: ChannelKind
    members: set[str] = field(default_factory=set)
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def visible(self, ts: str | None) -> Message | None:
        """Return the message with this ts, unless it is deleted or ephemeral."""
        message = self.messages.get(ts or "")
        return None if message is None or message.deleted or message.is_ephemeral else message

    def listed(self) -> Iterator[Message]:
        """Yield what the API may return, oldest first."""
        return (one for one in self.messages.values() if not one.deleted and not one.is_ephemeral)

    def replies_to(self, ts: str) -> list[Message]:
        """Return the replies below a message that the API may return, oldest first."""
        return [one for one in self.listed() if one.thread_ts == ts and one.ts != ts]


@dataclass(slots=True, eq=False)
class View:
    """An open modal or a published home tab."""

    id: str
    team_id: str
    user: str
    body: Json
    root: str
    previous: str | None
    hash: str
    closed: bool = False

    @property
    def callback_id(self) -> str:
        """The callback_id the app gave it."""
        return str(self.body.get("callback_id", ""))


@dataclass(slots=True, eq=False)
class World:
    """Everything that exists, and the maker of ids and timestamps."""

    clock: Callable[[], float]
    random: random.Random
    app: App
    teams: dict[str, Team] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    tokens: dict[str, Team] = field(default_factory=dict)
    user_tokens: dict[str, UserToken] = field(default_factory=dict)
    dead_tokens: dict[str, str] = field(default_factory=dict)
    organisation_tokens: dict[str, Organisation] = field(default_factory=dict)
    organisations: dict[str, Organisation] = field(default_factory=dict)
    refresh_tokens: dict[str, Team | Organisation] = field(default_factory=dict)
    expiries: dict[str, float] = field(default_factory=dict)
    install_codes: dict[str, Team | Organisation] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(0x10001))
    _last: int = 0

    def new_id(self, prefix: str) -> str:
        """Return an id that no other thing has."""
        return f"{prefix}{next(self._count):010X}"

    def secret(self, prefix: str = "") -> str:
        """Return something that looks like a token."""
        return f"{prefix}{self.random.getrandbits(128):032x}"

    def now_ts(self) -> str:
        """Return a message timestamp, later than all before it."""
        self._last = max(int(self.clock() * 1_000_000), self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def dm_between(self, user: User) -> Channel:
        """Return the direct messages of a user with the bot, opened at the first call."""
        team = self.teams[user.team_id]
        members = {user.id, team.bot.id}
        for channel in self.channels.values():
            if channel.kind == "im" and channel.members == members:
                return channel
        channel = Channel(self.new_id("D"), team, user.id, "im", members)
        self.channels[channel.id] = channel
        return channel

    def mentions(self, text: str) -> list[str]:
        """Return the user ids that a text mentions."""
        return MENTION.findall(text)


def new_world(clock: Callable[[], float], seed: int) -> World:
    """Return an empty world with its app registered."""
    chance = random.Random(seed)
    app = App(
        id=f"A{chance.getrandbits(40):010X}",
        client_id=f"{chance.getrandbits(40)}.{chance.getrandbits(40)}",
        client_secret=f"{chance.getrandbits(128):032x}",
        signing_secret=f"{chance.getrandbits(128):032x}",
        app_token=f"xapp-1-{chance.getrandbits(128):032x}",
    )
    return World(clock, chance, app)
